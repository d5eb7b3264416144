"""What the end of a run removes and notes."""

from __future__ import annotations

from pathlib import Path

import pytest

from kubewright.documents import NodeDocument
from kubewright.engine.actions.ending import CleanUp, Finish, GiveUpLock, removed_nodes
from kubewright.engine.fan_out import write_fan_out
from kubewright.engine.record import Run
from kubewright.errors import StepFailedError, UnreachableError
from kubewright.plan import Change, Plan, Stage, Step
from tests.unit.engine.recorded import Recorded
from tests.unit.engine.test_leaving import leaving
from tests.unit.engine.test_waiting import Calls, action


def asked(folder: Path, monkeypatch: pytest.MonkeyPatch, *steps: Step) -> dict[str, object]:
    """What clean_up is asked to do at the end of a run with this plan."""
    recorded = Recorded(folder)
    recorded.told("cp1", recorded.live("cp1", "w1", "w2"))
    recorded.run.write("plan", Plan("deploy", "mine", "1.37.2", "cp1", steps).to_json())
    write_fan_out(recorded.run, {}, {})
    recorded.locked()
    calls = Calls({"changed": True})
    action(CleanUp, calls, monkeypatch, host="cp1").act(recorded.run)
    return calls.asked[0][1]


class TestCleanUp:
    def test_finishes_what_a_killed_run_left_where_nothing_else_is_to_be_done(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        arguments = asked(tmp_path, monkeypatch, Step(Stage.CLEANUP, "cp1", "finish", "check pods are left"))
        assert arguments["tokens"]
        assert arguments["check_pods"]

    def test_leaves_tokens_alone_after_a_run_that_made_none(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        arguments = asked(tmp_path, monkeypatch, Step(Stage.CHECK, "w1", "check", "touched"))
        assert not arguments["tokens"]
        assert arguments["check_pods"]

    def test_says_who_did_it_and_whether_anything_was_changed(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        arguments = asked(tmp_path, monkeypatch, Step(Stage.CONVERGE, "w1", "bring", "differs"))
        last = arguments["last"]
        assert isinstance(last, dict)
        assert set(last) == {"verb", "user", "host", "time", "version"}
        assert last["verb"] == "deploy"
        assert arguments["changed_before"] is False


class TestRecord:
    """A host counts as complete once its labels and taints are set; scale looks at no complete host again."""

    STEPS = (
        Step(Stage.JOIN_WORKER, "w1", "join", "new host"),
        Step(
            Stage.METADATA,
            "cp1",
            "set labels and taints",
            "1 node to change",
            changes=(Change("object:Node/w1", "update", "labels and taints of the new node"),),
        ),
    )

    def recorded_as_complete(self, folder: Path, monkeypatch: pytest.MonkeyPatch, *done: str) -> set[str]:
        """Nodes that the end of a run records, after these steps were done."""
        recorded = Recorded(folder, "scale")
        recorded.told("cp1", recorded.live("cp1", "w1", "w2"))
        recorded.inspected("w1", "w2")
        recorded.run.write("plan", Plan("scale", "mine", "1.37.2", "cp1", self.STEPS).to_json())
        write_fan_out(recorded.run, {"worker": NodeDocument("w1", ())}, {"w1": "worker", "w2": "worker"})
        recorded.locked()
        for step in done:
            recorded.run.write(f"done/{step}", {})
        calls = Calls({"changed": True})
        action(CleanUp, calls, monkeypatch, host="cp1").act(recorded.run)
        return set(calls.asked[0][1]["fan_out"])

    def test_joined_and_labelled(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        done = ("join-worker/w1", "node-metadata/cp1")
        assert self.recorded_as_complete(tmp_path, monkeypatch, *done) == {"w1", "w2"}

    def test_interrupted_before_its_labels(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        assert self.recorded_as_complete(tmp_path, monkeypatch, "join-worker/w1") == {"w2"}


class TestRemovedNodes:
    """The record forgets a Node when its removal is complete; until then the same command is known to go on with it."""

    STEPS = (
        Step(Stage.DRAIN, "w1", "", ""),
        Step(Stage.DELETE_NODE, "w1", "", ""),
        Step(Stage.DELETE_NODE, "gone", "", ""),
        Step(Stage.CLEAN_NODE, "w1", "", ""),
        Step(Stage.FAN_OUT, "w2", "", ""),
    )

    @pytest.mark.parametrize(
        ("missing", "removed"),
        [
            (None, ["w1", "gone"]),
            (STEPS[2], ["w1"]),
            (STEPS[3], ["gone"]),
            (STEPS[4], []),
        ],
        ids=["nothing", "a Node", "the cleaning", "a fan-out"],
    )
    def test_while_something_is_missing(self, tmp_path: Path, missing: Step | None, removed: list[str]) -> None:
        recorded = leaving(tmp_path, "w1", "gone")
        for step in self.STEPS:
            if step is not missing:
                recorded.run.write(f"done/{step.stage.value}/{step.host}", {"changed": True})
        plan = Plan("remove", "mine", "1.37.2", "cp1", self.STEPS)
        assert removed_nodes(recorded.run, plan, recorded.inputs) == removed


class TestFinish:
    """A run that left a host out has not succeeded, though it did all it could."""

    def finish(self, folder: Path, monkeypatch: pytest.MonkeyPatch, **variables: object) -> dict[str, object]:
        recorded = Recorded(folder)
        recorded.run.write("plan", Plan("deploy", "mine", "1.37.2", "cp1", ()).to_json())
        recorded.run.write("unreachable", {"w1": "no SSH connection"})
        finish = action(Finish, Calls({}), monkeypatch, host="cp1")
        finish.variables = variables
        return finish.act(recorded.run)

    def test_a_playbook_fails_and_names_the_host(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        result = self.finish(tmp_path, monkeypatch)
        assert result["failed"]
        assert "hosts w1: they did not answer and were left out" in str(result["msg"])

    @pytest.mark.parametrize(
        ("ended", "untold"),
        [("done", ""), ("left", ""), ("", "w2 was not told of the others")],
    )
    def test_a_fan_out_that_was_not_begun_is_a_failure(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ended: str, untold: str
    ) -> None:
        """As where the run was to stop: the playbook goes on after it."""
        recorded = Recorded(tmp_path)
        steps = (Step(Stage.FAN_OUT, "w1", "", ""), Step(Stage.FAN_OUT, "w2", "", ""))
        recorded.run.write("plan", Plan("scale", "mine", "1.37.2", "cp1", steps).to_json())
        recorded.run.write("done/fan-out/w1", {"changed": True})
        if ended == "done":
            recorded.run.write("done/fan-out/w2", {"changed": True})
        if ended == "left":
            recorded.run.event("left", host="w2", cause="no SSH connection")
        finish = action(Finish, Calls({}), monkeypatch, host="cp1")
        finish.variables = {"kubewright_run_directory": str(tmp_path)}
        result = finish.act(recorded.run)
        assert result.get("failed", False) is bool(untold)
        assert untold in str(result["msg"])

    def test_the_command_line_says_it_itself(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        assert not self.finish(tmp_path, monkeypatch, kubewright_run_directory=str(tmp_path)).get("failed")


class TestLock:
    """The end of a run gives the cluster's lock up, and touches nothing without it."""

    CHECKED = Step(Stage.CHECK, "w1", "check", "touched")

    def clean_up(self, folder: Path, monkeypatch: pytest.MonkeyPatch, calls: Calls, *, state: str = "") -> Recorded:
        recorded = Recorded(folder)
        recorded.told("cp1", recorded.live("cp1", "w1", "w2"))
        recorded.run.write("plan", Plan("deploy", "mine", "1.37.2", "cp1", (self.CHECKED,)).to_json())
        write_fan_out(recorded.run, {}, {})
        if state:
            recorded.locked(state=state)
        action(CleanUp, calls, monkeypatch, host="cp1").act(recorded.run)
        return recorded

    def test_it_is_given_up_by_the_same_call(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        calls = Calls({"changed": True})
        recorded = self.clean_up(tmp_path, monkeypatch, calls, state="held")
        assert [(name, arguments["lock_id"]) for name, arguments in calls.asked] == [("clean_up", "run-1")]
        assert recorded.run.has("lock_released")

    @pytest.mark.parametrize("state", ["", "lost"])
    def test_what_may_be_anothers_is_left(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, state: str) -> None:
        calls = Calls()
        self.clean_up(tmp_path, monkeypatch, calls, state=state)
        assert calls.asked == []

    def test_it_is_given_up_although_cleaning_up_failed(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        calls = Calls(StepFailedError("host cp1", "disk full"), {"changed": True})
        with pytest.raises(StepFailedError, match="disk full"):
            self.clean_up(tmp_path, monkeypatch, calls, state="held")
        assert calls.asked[1] == ("run_lock", {"action": "release", "id": "run-1"})

    def test_that_it_could_not_be_given_up_is_said(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        gone = UnreachableError("host cp1", "no SSH connection: timed out")
        calls = Calls(StepFailedError("host cp1", "disk full"), gone)
        with pytest.raises(StepFailedError, match="disk full"):
            self.clean_up(tmp_path, monkeypatch, calls, state="held")
        (note,) = [event for event in Run(tmp_path / "run").events() if event["event"] == "note"]
        assert note["host"] == "cp1"
        assert "lock was not given up" in note["text"]
        assert "timed out" in note["text"]


class TestGiveUpLock:
    """A reset ends without a cluster: each control plane is told by itself."""

    def give_up(self, folder: Path, monkeypatch: pytest.MonkeyPatch, calls: Calls, host: str) -> Recorded:
        recorded = Recorded(folder)
        recorded.locked()
        action(GiveUpLock, calls, monkeypatch, host=host).act(recorded.run)
        return recorded

    def test_where_it_was_taken(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        calls = Calls({"changed": True})
        recorded = self.give_up(tmp_path, monkeypatch, calls, "cp1")
        assert calls.asked == [("run_lock", {"action": "release", "id": "run-1"})]
        assert recorded.run.has("lock_released")

    def test_not_elsewhere(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        calls = Calls()
        self.give_up(tmp_path, monkeypatch, calls, "cp2")
        assert calls.asked == []

    def test_a_host_that_is_gone_is_said(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        recorded = self.give_up(tmp_path, monkeypatch, Calls(UnreachableError("host cp1", "timed out")), "cp1")
        assert [event["event"] for event in recorded.run.events()] == ["note"]
