"""Steps of a plan as actions carry them out, from Ansible's call to the journal."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from ansible.errors import AnsibleError
from ansible.plugins.action import ActionBase

from kubewright.engine.actions.base import RunAction
from kubewright.engine.actions.ending import Finish
from kubewright.engine.actions.joining import Join
from kubewright.engine.actions.steps import StepAction
from kubewright.engine.giving_up import give_up_after_failures
from kubewright.engine.inputs import number_of_failures, seconds_of_a_drain
from kubewright.engine.motor import Outcome, judge
from kubewright.engine.record import Run
from kubewright.errors import BadInputError, ExitCode, StepFailedError, UnreachableError
from kubewright.plan import Plan, Stage, Step
from tests.unit.engine.recorded import NAMES, Recorded
from tests.unit.engine.test_waiting import Calls, action


class Answers(StepAction):
    """A step that gives the next of its answers."""

    answer: Exception | None = None

    def carry_out(self, run: Run, step: Step) -> dict[str, Any]:
        """Give it."""
        if self.answer is not None:
            raise self.answer
        return {"changed": True}


@pytest.fixture
def recorded(tmp_path: Path) -> Recorded:
    """A run that has the lock, and a step of joining for every host."""
    made = Recorded(tmp_path, names=NAMES)
    steps = [Step(Stage.JOIN_CONTROL_PLANE, host, "join", "new host") for host in NAMES.control_plane]
    steps += [Step(Stage.JOIN_WORKER, host, "join", "new host") for host in NAMES.worker]
    made.run.write("plan", Plan("deploy", "mine", "1.37.2", "cp1", tuple(steps)).to_json())
    made.locked()
    return made


def carry_out(
    kind: type[RunAction],
    recorded: Recorded,
    monkeypatch: pytest.MonkeyPatch,
    host: str,
    stage: Stage,
    answer: Exception | None = None,
) -> dict[str, Any]:
    """What Ansible is told of a host's step."""
    monkeypatch.setattr(ActionBase, "run", lambda *_arguments: {})
    made = action(kind, Calls(), monkeypatch, host=host, stage=stage.value, run=str(recorded.run.directory))
    made._connection = SimpleNamespace(transport="local")
    if isinstance(made, Answers):
        made.answer = answer
    return made.run(task_vars={})


class TestFailure:
    def test_is_journalled_with_host_and_stage(self, recorded: Recorded, monkeypatch: pytest.MonkeyPatch) -> None:
        error = StepFailedError("host w1", "disk full")
        assert carry_out(Answers, recorded, monkeypatch, "w1", Stage.JOIN_WORKER, error)["failed"]
        (failure,) = recorded.run.failures()
        assert (failure["host"], failure["stage"]) == ("w1", "join-worker")

    def test_that_ansible_raises_is_journalled_too(self, recorded: Recorded, monkeypatch: pytest.MonkeyPatch) -> None:
        """A disk that fills up while a file is sent there raises outside of any module."""
        full = AnsibleError("failed to transfer file to /a /b:\n\nNo space left on device")
        assert carry_out(Answers, recorded, monkeypatch, "w1", Stage.JOIN_WORKER, full)["failed"]
        (failure,) = recorded.run.failures()
        assert (failure["host"], failure["stage"]) == ("w1", "join-worker")
        assert failure["error"]["exit_code"] == ExitCode.STEP_FAILED
        error = judge(Outcome("failed", 2, ""), recorded.run)
        assert error is not None
        assert "host w1: nothing can be written there" in str(error)

    def test_of_a_control_plane_keeps_the_next_one_from_joining(
        self, recorded: Recorded, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        error = UnreachableError("host cp2", "no SSH connection")
        carry_out(Answers, recorded, monkeypatch, "cp2", Stage.JOIN_CONTROL_PLANE, error)
        result = carry_out(Join, recorded, monkeypatch, "cp3", Stage.JOIN_CONTROL_PLANE)
        assert "not joined because cp2 failed to join before it" in result["msg"]

    def test_what_is_not_begun_for_it_is_no_failed_step(
        self, recorded: Recorded, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        carry_out(Answers, recorded, monkeypatch, "cp2", Stage.JOIN_CONTROL_PLANE, StepFailedError("host cp2", "so"))
        carry_out(Join, recorded, monkeypatch, "cp3", Stage.JOIN_CONTROL_PLANE)
        assert {event["host"] for event in recorded.run.events() if event["event"] == "begin"} == {"cp2"}

    def test_of_a_worker_does_not_stop_another(self, recorded: Recorded, monkeypatch: pytest.MonkeyPatch) -> None:
        carry_out(Answers, recorded, monkeypatch, "w1", Stage.JOIN_WORKER, StepFailedError("host w1", "disk full"))
        assert carry_out(Answers, recorded, monkeypatch, "w2", Stage.JOIN_WORKER) == {"changed": True}


class TestMaxFailures:
    """Once more than N hosts have failed no further step begins; what ends the run still does."""

    FULL = StepFailedError("host", "disk full", "Make room")

    @pytest.fixture
    def bearing(self, recorded: Recorded) -> Callable[[int | None], None]:
        def bear(most: int | None) -> None:
            replace(recorded.inputs.request, max_failures=most).save(recorded.run)

        return bear

    @pytest.mark.parametrize(("most", "begins"), [(None, True), (2, True), (3, True), (1, False), (0, False)], ids=str)
    def test_of_two_failed_hosts(
        self,
        recorded: Recorded,
        monkeypatch: pytest.MonkeyPatch,
        bearing: Callable[[int | None], None],
        most: int | None,
        begins: bool,
    ) -> None:
        bearing(most)
        for host in ("w1", "cp2"):
            stage = Stage.JOIN_WORKER if host == "w1" else Stage.JOIN_CONTROL_PLANE
            carry_out(Answers, recorded, monkeypatch, host, stage, self.FULL)
        result = carry_out(Answers, recorded, monkeypatch, "w2", Stage.JOIN_WORKER)
        assert result == ({"changed": True} if begins else {"failed": True, "msg": "not begun: the run is to stop"})

    def test_steps_of_one_host_count_once(
        self, recorded: Recorded, monkeypatch: pytest.MonkeyPatch, bearing: Callable[[int | None], None]
    ) -> None:
        bearing(1)
        for _twice in range(2):
            carry_out(Answers, recorded, monkeypatch, "w1", Stage.JOIN_WORKER, self.FULL)
        assert not recorded.run.has("stop")

    def test_ends_as_a_failed_step_that_says_how_to_go_on(
        self, recorded: Recorded, monkeypatch: pytest.MonkeyPatch, bearing: Callable[[int | None], None]
    ) -> None:
        bearing(1)
        silent = UnreachableError("host w1", "no SSH connection")
        carry_out(Answers, recorded, monkeypatch, "w1", Stage.JOIN_WORKER, silent)
        carry_out(Answers, recorded, monkeypatch, "w2", Stage.JOIN_WORKER, silent)
        error = judge(Outcome("failed", 2, ""), recorded.run)
        assert error is not None
        assert error.exit_code is ExitCode.STEP_FAILED
        assert str(error).startswith(
            "--max-failures 1: 2 hosts have failed (w1, w2), more than the 1 that may; no further step was begun. "
            "Mend what failed and run the same command again"
        )
        assert "host w1: no SSH connection" in str(error)

    def test_is_told_once(
        self, recorded: Recorded, monkeypatch: pytest.MonkeyPatch, bearing: Callable[[int | None], None]
    ) -> None:
        """Steps that were under way when it was decided may fail, too."""
        bearing(0)
        recorded.run.event("end", stage="join-worker", host="w1", seconds=1.0, ok=False)
        give_up_after_failures(recorded.run)
        recorded.run.event("end", stage="join-worker", host="w2", seconds=1.0, ok=False)
        give_up_after_failures(recorded.run)
        assert [event["cause"] for event in recorded.run.events() if event["event"] == "stopping"] == [
            "1 host has failed (w1), more than the 0 that may"
        ]
        assert len(recorded.run.failures()) == 1

    def test_what_ends_the_run_is_done(
        self, recorded: Recorded, monkeypatch: pytest.MonkeyPatch, bearing: Callable[[int | None], None]
    ) -> None:
        bearing(0)
        carry_out(Answers, recorded, monkeypatch, "w1", Stage.JOIN_WORKER, self.FULL)
        result = carry_out(Finish, recorded, monkeypatch, "cp1", Stage.JOIN_WORKER)
        assert "--max-failures 0: 1 host has failed (w1)" in result["msg"]
        assert "--max-failures 0" in (recorded.run.directory / "report.html").read_text()


class TestNumberOfFailures:
    @pytest.mark.parametrize(("given", "number"), [(None, None), ("", None), (0, 0), ("2", 2), (" 10 ", 10)])
    def test_as_a_playbook_is_given_it(self, given: object, number: int | None) -> None:
        assert number_of_failures(given) == number

    @pytest.mark.parametrize("given", ["-1", "many", "1.5", "10%", True, "²"])
    def test_what_is_no_number_of_hosts(self, given: object) -> None:
        with pytest.raises(BadInputError, match=r"kubewright_max_failures.*is no number of hosts"):
            number_of_failures(given)


class TestSecondsOfADrain:
    @pytest.mark.parametrize(("given", "seconds"), [(None, 600), ("", 600), (1, 1), ("900", 900)])
    def test_as_a_playbook_is_given_it(self, given: object, seconds: int) -> None:
        assert seconds_of_a_drain(given) == seconds

    @pytest.mark.parametrize("given", ["10m", "0", "-1", "1.5", "inf", True])
    def test_what_is_no_number_of_seconds(self, given: object) -> None:
        with pytest.raises(
            BadInputError, match=r"kubewright_drain_timeout.*is no number of seconds.*whole number from 1"
        ):
            seconds_of_a_drain(given)
