"""The cluster's lock as the controller sees it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from kubewright.engine import lock, processes
from kubewright.engine.actions import locking
from kubewright.engine.actions.base import RunAction
from kubewright.engine.actions.locking import LockPlaces, TakeLock, Unlock, Unlocked, holders_found, lock_hosts
from kubewright.engine.lock_keeper import Keeper
from kubewright.engine.record import Run
from kubewright.engine.request import Request
from kubewright.errors import LockedError, UnreachableError
from kubewright.plan import Plan, Stage, Step
from tests.unit.engine.recorded import ABSENT, NAMES, Recorded
from tests.unit.engine.test_waiting import Calls, action


def holder(process: int, **changes: str) -> dict[str, str]:
    """This user's process as a holder."""
    return {**lock.this_holder(Run(Path("/r/run-1")), Request("scale", ("w1", "w2")), process), **changes}


@pytest.fixture
def ended() -> int:
    """Id of a process that was there a moment ago."""
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


class TestHolder:
    def test_tells_who_and_what(self) -> None:
        made = holder(os.getpid())
        assert made["command"] == "scale --limit w1,w2"
        assert made["id"].startswith("run-1-")
        assert made["id"] != holder(os.getpid())["id"]
        assert all(made.values())

    def test_one_at_work_has_not_ended(self) -> None:
        assert processes.is_local(holder(os.getpid()))
        assert not processes.has_ended(holder(os.getpid()))

    def test_one_whose_process_is_gone_has(self, ended: int) -> None:
        assert processes.has_ended(holder(ended, started="1"))

    def test_one_whose_number_another_process_has_now_has(self) -> None:
        assert processes.has_ended(holder(os.getpid(), started="1"))

    @pytest.mark.parametrize("name", ["user", "host", "boot"])
    def test_of_one_elsewhere_nothing_is_known(self, ended: int, name: str) -> None:
        other = holder(ended, started="1", **{name: "other"})
        assert not processes.is_local(other)
        assert not processes.has_ended(other)
        assert not lock.ended_soon(other, 0)

    @pytest.mark.parametrize("changes", [{"pid": "", "started": "1"}, {"pid": "x", "started": "1"}, {"started": ""}])
    def test_of_one_that_tells_too_little_neither(self, ended: int, changes: dict[str, str]) -> None:
        assert not processes.has_ended(holder(ended, **changes))

    def test_one_that_is_just_ending_is_waited_for(self) -> None:
        with subprocess.Popen([sys.executable, "-c", "import time; time.sleep(0.3)"]) as process:
            assert lock.ended_soon(holder(process.pid), 10.0)

    def test_one_that_does_not_end_is_not(self) -> None:
        assert not lock.ended_soon(holder(os.getpid()), 0.0)

    def test_a_machine_without_boot_ids_knows_nothing(self, ended: int, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(processes, "_whereabouts", lambda: {"user": "u", "host": "h", "boot": ""})
        assert not processes.has_ended(holder(ended, started="1"))

    def test_the_error_says_who_what_and_since_when(self) -> None:
        text = str(lock.held_error(holder(4711, user="ann", host="laptop", since="2030-01-01T00:00:00Z")))
        for words in ("ann on laptop", "process 4711", "since 2030", "scale --limit w1,w2", "kubewright unlock"):
            assert words in text
        assert "somebody on an unknown machine" in str(lock.held_error({"id": "x"}))


class TestRequire:
    """No step begins without the lock."""

    def test_it_is_held(self, tmp_path: Path) -> None:
        recorded = Recorded(tmp_path)
        recorded.locked()
        lock.require_lock(recorded.run)
        assert lock.lock_id(recorded.run) == "run-1"

    def test_it_was_never_taken(self, tmp_path: Path) -> None:
        run = Recorded(tmp_path).run
        assert lock.lock_id(run) == ""
        with pytest.raises(LockedError, match="does not hold it"):
            lock.require_lock(run)

    def test_it_is_lost(self, tmp_path: Path) -> None:
        recorded = Recorded(tmp_path)
        recorded.locked(state=lock.LOST)
        assert lock.lock_lost(recorded.run)
        with pytest.raises(LockedError, match="broken or taken over"):
            lock.require_lock(recorded.run)

    def test_who_kept_it_is_gone(self, tmp_path: Path, ended: int) -> None:
        recorded = Recorded(tmp_path)
        recorded.locked()
        recorded.run.write("lock_kept/cp1", {"state": lock.HELD, "pid": ended, "started": "1"})
        with pytest.raises(LockedError):
            lock.require_lock(recorded.run)

    def test_it_is_waited_for_while_it_is_unsure(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        recorded = Recorded(tmp_path)
        recorded.locked(state=lock.UNSURE)
        monkeypatch.setattr(lock, "time", SimpleNamespace(monotonic=lambda: 0, sleep=lambda _s: recorded.locked()))
        lock.require_lock(recorded.run)

    def test_but_not_without_end(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        recorded = Recorded(tmp_path)
        recorded.locked(state=lock.UNSURE)
        monkeypatch.setattr(lock, "UNSURE_SECONDS", -1)
        with pytest.raises(LockedError, match="could not be renewed"):
            lock.require_lock(recorded.run)


def plan(*steps: Step) -> Plan:
    return Plan("deploy", "mine", "1.37.2", "cp1", steps)


class TestWhere:
    def test_where_the_cluster_speaks(self, tmp_path: Path) -> None:
        steps = (Step(Stage.CONVERGE, "cp2", "", ""), Step(Stage.JOIN_CONTROL_PLANE, "cp2", "", ""))
        recorded = Recorded(tmp_path, names=NAMES)
        assert lock_hosts(recorded.run, plan(*steps), recorded.inputs) == ["cp1"]

    def test_on_all_control_planes_of_a_new_cluster(self, tmp_path: Path) -> None:
        steps = [Step(Stage.CONVERGE, host, "", "") for host in ("w1", "cp3", "cp1")]
        made = plan(*steps, Step(Stage.INIT, "cp1", "", ""), Step(Stage.JOIN_CONTROL_PLANE, "cp3", "", ""))
        recorded = Recorded(tmp_path, names=NAMES)
        assert lock_hosts(recorded.run, made, recorded.inputs) == ["cp1", "cp3"]

    @pytest.mark.parametrize(
        ("answering", "wanted"),
        [(("cp1", "cp2", "cp3"), ["cp1", "cp2", "cp3"]), (("cp3", "w1"), ["cp3"]), (("w1", "w2"), ["w2"])],
    )
    def test_of_a_reset(self, tmp_path: Path, answering: tuple[str, ...], wanted: list[str]) -> None:
        """On a control plane that another reset has cleaned already, too: that one is at work elsewhere."""
        recorded = Recorded(tmp_path, names=NAMES)
        recorded.dead(*{"cp1", "cp2", "cp3", "w1", "w2"} - set(answering))
        recorded.probed(*answering)
        made = Plan("reset", "mine", "1.37.2", "", (Step(Stage.CLEAN_NODE, "w2", "", ""),))
        assert lock_hosts(recorded.run, made, recorded.inputs) == wanted

    def test_of_a_reset_under_ansibles_limit(self, tmp_path: Path) -> None:
        recorded = Recorded(tmp_path, names=NAMES)
        recorded.unreached("cp1")
        recorded.told("cp2", recorded.live("cp1", "cp2"))
        recorded.probed("w2")
        made = Plan("reset", "mine", "1.37.2", "", (Step(Stage.CLEAN_NODE, "w2", "", ""),))
        assert lock_hosts(recorded.run, made, recorded.inputs) == ["cp2"]

    def test_the_action_tells_them_in_the_play_that_takes_it(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        recorded = Recorded(tmp_path, names=NAMES)
        recorded.run.write("plan", plan(Step(Stage.JOIN_WORKER, "w1", "", "")).to_json())
        assert action(LockPlaces, Calls(), monkeypatch).act(recorded.run)["hosts"] == ["cp1"]


FREE = {"taken": True, "verdict": "take", "holder": None, "seconds": 0.0}


class TestTake:
    @pytest.fixture
    def recorded(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Recorded:
        recorded = Recorded(tmp_path)
        recorded.told("cp1", {**recorded.live("cp1"), "lock_version": "17"})
        recorded.run.write("plan", plan(Step(Stage.CHECK, "w1", "", "")).to_json())
        monkeypatch.setattr(locking, "start_keeper", lambda keeper: None)
        monkeypatch.setattr(locking, "ENDING_SECONDS", 0.0)
        return recorded

    @staticmethod
    def take(recorded: Recorded, calls: Calls, monkeypatch: pytest.MonkeyPatch) -> None:
        made = action(TakeLock, calls, monkeypatch, host="cp1")
        made._play_context = SimpleNamespace()
        made.act(recorded.run)

    def test_one_call_where_it_is_free(self, recorded: Recorded, monkeypatch: pytest.MonkeyPatch) -> None:
        calls = Calls(FREE)
        self.take(recorded, calls, monkeypatch)
        ((_name, arguments),) = calls.asked
        assert (arguments["kind"], arguments["expected"]) == ("lease", "17")
        assert recorded.run.read("lock")["hosts"] == ["cp1"]

    def test_it_is_kept_through_other_api_servers_while_the_own_one_is_away(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        recorded = Recorded(tmp_path, names=NAMES)
        recorded.told("cp1", {**recorded.live("cp1", "cp2"), "lock_version": "17"})
        recorded.run.write("plan", plan(Step(Stage.CHECK, "w1", "", "")).to_json())
        servers = {
            plane.name: f"https://{plane.main_access_ip.value}:6443" for plane in recorded.topology.control_planes
        }
        recorded.run.write("endpoint", {"servers": servers})
        kept: list[Keeper] = []
        monkeypatch.setattr(locking, "start_keeper", kept.append)
        calls = Calls(FREE, {"kept": "held"})
        self.take(recorded, calls, monkeypatch)
        assert kept[0].call("keep") == "held"
        assert calls.asked[1][1]["servers"] == [servers["cp2"], servers["cp3"]]

    def test_by_a_file_while_there_is_no_cluster(self, recorded: Recorded, monkeypatch: pytest.MonkeyPatch) -> None:
        recorded.told("cp1", ABSENT)
        recorded.run.write("plan", plan(Step(Stage.INIT, "cp1", "", "")).to_json())
        calls = Calls(FREE)
        self.take(recorded, calls, monkeypatch)
        assert calls.asked[0][1]["kind"] == "file"

    @pytest.mark.parametrize(
        ("changes", "kind"), [({}, "both"), ({"record": None}, "file"), ({"answers": False}, "file"), (None, "file")]
    )
    def test_of_a_reset_by_both_where_our_cluster_answers(
        self, recorded: Recorded, monkeypatch: pytest.MonkeyPatch, changes: dict[str, Any] | None, kind: str
    ) -> None:
        (recorded.run.directory / "observations" / "cp1.json").unlink()
        if changes is not None:
            recorded.told("cp1", {**recorded.live("cp1"), "lock_version": "17", **changes})
        steps = (Step(Stage.CLEAN_NODE, "cp1", "", ""),)
        recorded.run.write("plan", Plan("reset", "mine", "1.37.2", "", steps).to_json())
        keepers: list[Keeper] = []
        monkeypatch.setattr(locking, "start_keeper", keepers.append)
        calls = Calls(FREE)
        self.take(recorded, calls, monkeypatch)
        assert calls.asked[0][1]["kind"] == kind
        assert calls.asked[0][1].get("expected") == ("17" if kind == "both" else None)
        assert [keeper.release for keeper in keepers] == [False]

    @pytest.mark.parametrize("local", [True, False])
    def test_of_a_dead_holder_only_where_that_is_known(
        self, recorded: Recorded, monkeypatch: pytest.MonkeyPatch, ended: int, *, local: bool
    ) -> None:
        other = holder(ended, started="1", **({} if local else {"host": "elsewhere"}))
        calls = Calls({"taken": False, "verdict": "held", "holder": other}, {**FREE, "holder": other})
        self.take(recorded, calls, monkeypatch)
        assert calls.asked[1][1]["dead"] == (other["id"] if local else "")
        assert calls.asked[1][1]["watch"]
        assert any("took over" in event.get("text", "") for event in recorded.run.events())

    @pytest.mark.parametrize(
        ("verdict", "words"),
        [("held", "held by"), ("changed", "another run has worked"), ("silent", "is gone, and its lock was removed")],
    )
    def test_refusals(self, recorded: Recorded, monkeypatch: pytest.MonkeyPatch, verdict: str, words: str) -> None:
        other = holder(os.getpid())
        answer = {"taken": False, "verdict": verdict, "holder": other}
        with pytest.raises(LockedError, match=words):
            self.take(recorded, Calls(answer, answer), monkeypatch)
        assert not recorded.run.has("lock")


class TestUnlock:
    OTHER = holder(1, host="elsewhere")

    def unlock(self, run: Run, monkeypatch: pytest.MonkeyPatch, calls: Calls, **arguments: Any) -> dict[str, Any]:
        return action(Unlock, calls, monkeypatch, host="cp1", **arguments).act(run)

    def test_without_confirmation_it_is_only_shown(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        run = Recorded(tmp_path).run
        calls = Calls({"file": None, "lease": self.OTHER, "silent": ""})
        answer = self.unlock(run, monkeypatch, calls)
        assert "elsewhere" in str(answer["msg"])
        assert [name for name, _ in calls.asked] == ["run_lock"]
        assert holders_found(run) == [self.OTHER]

    @pytest.mark.parametrize(
        ("identity", "calls_made"), [("", 2), (OTHER["id"], 2), ("another", 1)], ids=["none", "its holder", "another"]
    )
    def test_only_what_was_confirmed_is_broken(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, identity: str, calls_made: int
    ) -> None:
        calls = Calls({"file": self.OTHER, "lease": self.OTHER, "silent": ""}, {"changed": True})
        self.unlock(Recorded(tmp_path).run, monkeypatch, calls, confirmed=True, id=identity)
        assert len(calls.asked) == calls_made

    def test_a_silent_control_plane_is_no_answer(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        run = Recorded(tmp_path).run
        self.unlock(run, monkeypatch, Calls(UnreachableError("host cp1", "no SSH connection")))
        with pytest.raises(UnreachableError):
            action(Unlocked, Calls(), monkeypatch).act(run)
        self.unlock(run, monkeypatch, Calls({"file": None, "lease": None, "silent": ""}))
        assert not action(Unlocked, Calls(), monkeypatch).act(run)["changed"]


class Ending(RunAction):
    ends_run = True


@pytest.mark.parametrize(("kind", "begins"), [(RunAction, False), (Ending, True)])
def test_after_ctrl_c_only_the_end_of_the_run_begins(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: type[RunAction], *, begins: bool
) -> None:
    run = Recorded(tmp_path).run
    run.write("stop", {})
    made = action(kind, Calls(), monkeypatch, run=str(run.directory))
    act: Callable[[Run], dict[str, Any]] = lambda run: {"acted": True}  # noqa: E731
    monkeypatch.setattr(made, "act", act)
    monkeypatch.setattr(made, "_prepare_ssh", lambda: None)
    monkeypatch.setattr("ansible.plugins.action.ActionBase.run", lambda self, tmp, task_vars: {})
    assert made.run(None, {}).get("acted", False) is begins
    assert run.failures() == []


def test_after_ctrl_c_nothing_is_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = Recorded(tmp_path).run
    run.write("stop", {})
    with pytest.raises(LockedError):
        action(RunAction, Calls(), monkeypatch).wait_for_host(run, "apt-get", deadline=float("inf"))


@pytest.mark.parametrize("place", ["run_lock", "lock"])
def test_a_host_on_which_the_lock_s_holder_works_is_not_waited_for(tmp_path: Path, place: str) -> None:
    other = holder(1, host="elsewhere")
    notes = {f"kubewright.io/lock-{name}": text for name, text in other.items() if name != "id"}
    recorded = Recorded(tmp_path)
    found = other if place == "run_lock" else {"holder": other["id"], "annotations": notes}
    recorded.told("cp1", {**ABSENT, place: found})
    with pytest.raises(LockedError, match="elsewhere"):
        lock.refuse_while_busy(recorded.run)
    recorded.locked()
    lock.refuse_while_busy(recorded.run)


def test_a_host_on_which_a_dead_run_left_work_is(tmp_path: Path, ended: int) -> None:
    recorded = Recorded(tmp_path)
    recorded.told("cp1", {**ABSENT, "run_lock": holder(ended, started="1")})
    lock.refuse_while_busy(recorded.run)
