"""Hosts are probed; one that is said to be dead is only asked, shortly, whether it answers."""

from __future__ import annotations

import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from kubewright.engine.actions import looking
from kubewright.engine.actions.looking import Examine
from kubewright.engine.time_limit import OutOfTimeError, at_most
from kubewright.errors import BadInputError, KubewrightError, StepFailedError, UnreachableError
from tests.unit.engine.recorded import Recorded
from tests.unit.engine.test_leaving import leaving
from tests.unit.engine.test_waiting import Calls, action
from tests.unit.plan.test_rules_host import PROBED

REFUSED = UnreachableError("host w1", "no SSH connection: connect to host w1 port 22: Connection refused")


def examined(
    recorded: Recorded, monkeypatch: pytest.MonkeyPatch, answer: dict[str, Any] | KubewrightError, host: str = "w1"
) -> dict[str, Any]:
    """What is written of a host that answers so."""
    made = action(Examine, Calls(answer), monkeypatch, host=host)
    made._connection = SimpleNamespace(transport="local")
    made.act(recorded.run)
    found: dict[str, Any] = recorded.run.read(f"hosts/{host}")
    return found


class TestDead:
    @pytest.mark.parametrize(
        ("error", "answered"),
        [
            (UnreachableError("host w1", "no SSH connection: Connection timed out"), False),
            (UnreachableError("host w1", "no SSH connection: No route to host"), False),
            (REFUSED, True),
            (UnreachableError("host w1", "the SSH login was refused"), True),
            (BadInputError("host w1", "there is no Python"), True),
            (StepFailedError("host w1, probe", "Read-only file system"), True),
        ],
        ids=lambda value: value.cause if isinstance(value, KubewrightError) else "",
    )
    def test_whether_something_answers(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: KubewrightError, answered: bool
    ) -> None:
        found = examined(leaving(tmp_path, "w1", offline=True), monkeypatch, error)
        assert (found["reachable"], found["answered"]) == (False, answered)

    def test_that_lives_is_not_waited_for(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        facts = {**PROBED, "busy": {"action": "kubeadm join", "pid": 71}}
        found = examined(leaving(tmp_path, "w1", offline=True), monkeypatch, {"facts": facts})
        assert found["facts"] == facts

    def test_that_hangs_is_given_up(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        recorded = leaving(tmp_path, "w1", offline=True)
        monkeypatch.setattr(looking, "ANSWER_OF_THE_DEAD_SECONDS", 1)
        made = action(Examine, Calls(), monkeypatch)
        made._connection = SimpleNamespace(transport="local")
        monkeypatch.setattr(made, "call", lambda *_arguments, **_more: time.sleep(60))
        made.act(recorded.run)
        found = recorded.run.read("hosts/w1")
        assert found["answered"]
        assert "did not answer any more" in found["cause"]

    def test_is_asked_once_and_shortly(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        recorded = leaving(tmp_path, "w1", offline=True)
        options: dict[str, int] = {}
        made = action(Examine, Calls(REFUSED), monkeypatch)
        made._connection = SimpleNamespace(transport="ssh", set_option=options.__setitem__)
        made.act(recorded.run)
        assert options == {"timeout": 5, "reconnection_retries": 0}


class TestLiving:
    def test_a_leaving_host_is_not_hurried(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        options: dict[str, int] = {}
        made = action(Examine, Calls({"facts": dict(PROBED)}), monkeypatch)
        made._connection = SimpleNamespace(transport="ssh", set_option=options.__setitem__)
        made.act(leaving(tmp_path, "w1").run)
        assert options == {}

    def test_a_module_that_fails_on_a_host_of_the_inventory_is_an_error(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        with pytest.raises(StepFailedError):
            examined(leaving(tmp_path, "w1"), monkeypatch, StepFailedError("host w1, probe", "no"))

    def test_and_on_one_that_it_lacks_is_noted(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """What answers at the address of a Node that is gone from the inventory may be anything."""
        error = BadInputError("host gone", "there is no Python")
        found = examined(leaving(tmp_path, "gone"), monkeypatch, error, host="gone")
        assert (found["reachable"], found["cause"]) == (False, "there is no Python")


class TestTimeLimit:
    def test_of_what_is_in_time(self) -> None:
        with at_most(1):
            pass
        time.sleep(1.1)  # an alarm that was left would end the process

    def test_of_what_is_not(self) -> None:
        began = time.monotonic()
        with pytest.raises(OutOfTimeError), at_most(1):
            time.sleep(30)
        assert time.monotonic() - began < 10
