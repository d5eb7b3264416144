"""Nodes are taken out of the cluster one after the other: what goes on after a failure, and what Ctrl-C stops."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from kubewright.engine.actions.removing import CleanHost, RemoveNodes
from kubewright.engine.motor import Outcome, judge
from kubewright.errors import ExitCode, KubewrightError, LockedError, StepFailedError, UnreachableError
from kubewright.plan import Plan, Stage, Step
from tests.unit.engine.recorded import Recorded
from tests.unit.engine.test_leaving import leaving
from tests.unit.engine.test_waiting import Calls, action

MEMBERS = ("cp2", "cp3")
FULL = StepFailedError("host cp1, drain of w1", "not within 600 s: pod a/b", "Make room")


def removal(folder: Path, *names: str) -> Recorded:
    """A run that holds the lock and is to remove nodes; those of control planes have an etcd member each."""
    recorded = leaving(folder, *names)
    steps = [
        Step(stage, name, "", "")
        for stage in (Stage.DRAIN, Stage.REMOVE_MEMBER, Stage.DELETE_NODE, Stage.CLEAN_NODE)
        for name in names
        if stage is not Stage.REMOVE_MEMBER or name in MEMBERS
    ]
    recorded.run.write("plan", Plan("remove", "mine", "1.37.2", "cp1", tuple(steps)).to_json())
    recorded.locked()
    return recorded


class Speaker(Calls):
    """The control plane that speaks: it does what it is asked, but for some parts, of which it gives an error.

    ``stop_at`` is the part during which Ctrl-C is pressed.
    """

    def __init__(
        self, recorded: Recorded, errors: dict[tuple[str, str], KubewrightError], stop_at: tuple[str, str] | None = None
    ) -> None:
        super().__init__()
        self.recorded, self.errors, self.stop_at = recorded, errors, stop_at

    @property
    def parts(self) -> list[tuple[str, str]]:
        """Node and part of each call, in order."""
        return [(arguments["node"], arguments["part"]) for _, arguments in self.asked]

    def __call__(self, name: str, arguments: dict[str, Any], *, check: bool = False) -> dict[str, Any]:
        """Answer one call."""
        self.asked.append((name, arguments))
        part = self.parts[-1]
        if part == self.stop_at:
            self.recorded.run.stop("interrupted")
        if part in self.errors:
            raise self.errors[part]
        return {"changed": True}


def remove(
    recorded: Recorded,
    monkeypatch: pytest.MonkeyPatch,
    errors: dict[tuple[str, str], KubewrightError] | None = None,
    stop_at: tuple[str, str] | None = None,
) -> tuple[list[tuple[str, str]], dict[str, Any]]:
    """What was asked of the control plane that speaks, and the action's result."""
    speaker = Speaker(recorded, errors or {}, stop_at)
    made = action(RemoveNodes, speaker, monkeypatch, host="cp1")
    made.variables = {}
    result = made.act(recorded.run)
    return speaker.parts, result


class TestInterrupted:
    """Ctrl-C finishes the part under way, and no further one begins."""

    @pytest.mark.parametrize("at", [("w1", "drain"), ("w1", "node"), ("w2", "node")])
    def test_no_further_part_begins(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, at: tuple[str, str]) -> None:
        recorded = removal(tmp_path, "w1", "w2")
        parts, result = remove(recorded, monkeypatch, stop_at=at)
        everything = [("w1", "drain"), ("w1", "node"), ("w2", "drain"), ("w2", "node")]
        assert parts == everything[: everything.index(at) + 1]
        assert result == {"failed": True, "msg": "not begun: the run is to stop"}
        assert recorded.run.failures() == [], "an interruption is no failure of a host"

    def test_of_a_run_that_is_to_stop_already(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        recorded = removal(tmp_path, "w1")
        recorded.run.stop("interrupted")
        assert remove(recorded, monkeypatch)[0] == []


class TestFailure:
    """A node that cannot be removed does not keep others from it."""

    def test_others_are_removed(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        recorded = removal(tmp_path, "w1", "w2")
        parts, result = remove(recorded, monkeypatch, {("w1", "drain"): FULL})
        assert parts == [("w1", "drain"), ("w2", "drain"), ("w2", "node")]
        assert result == {"changed": True}, "what follows, cleaning and telling the others, is to go on"
        (failure,) = recorded.run.failures()
        assert (failure["host"], failure["stage"]) == ("w1", "drain")
        assert recorded.run.has("done/delete-node/w2")
        assert not recorded.run.has("done/delete-node/w1")

    def test_the_run_has_failed(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        recorded = removal(tmp_path, "w1", "w2")
        remove(recorded, monkeypatch, {("w1", "drain"): FULL})
        error = judge(Outcome("failed", 2, ""), recorded.run)
        assert error is not None
        assert error.exit_code is ExitCode.STEP_FAILED
        assert "drain of w1" in str(error)

    def test_after_a_members_no_other_member_is_removed(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        recorded = removal(tmp_path, "w2", "cp2", "cp3")
        error = StepFailedError("host cp1, etcd member of cp2", "may not be removed")
        parts, _result = remove(recorded, monkeypatch, {("cp2", "members"): error})
        assert parts == [("cp2", "drain"), ("cp2", "members"), ("w2", "drain"), ("w2", "node")]
        texts = [failure["error"]["text"] for failure in recorded.run.failures()]
        assert any("host cp3: not removed because cp2" in text for text in texts)

    def test_a_workers_does_not_keep_a_member(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        recorded = removal(tmp_path, "w1", "cp2")
        parts, _result = remove(recorded, monkeypatch, {("w1", "drain"): FULL})
        assert ("cp2", "node") in parts

    @pytest.mark.parametrize(
        "error", [LockedError("the cluster's lock", "taken"), UnreachableError("host cp1", "gone")]
    )
    def test_without_the_lock_or_the_speaker_nothing_goes_on(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: KubewrightError
    ) -> None:
        monkeypatch.setattr("kubewright.engine.actions.base.LOCK_WAIT_SECONDS", -1)
        with pytest.raises(type(error)):
            remove(removal(tmp_path, "w1", "w2"), monkeypatch, {("w1", "drain"): error})

    def test_counts_for_max_failures(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        recorded = removal(tmp_path, "w1", "w2")
        recorded.run.write("request", recorded.run.read("request") | {"max_failures": 0})
        parts, result = remove(recorded, monkeypatch, {("w1", "drain"): FULL})
        assert parts == [("w1", "drain")]
        assert result["failed"]
        error = judge(Outcome("failed", 2, ""), recorded.run)
        assert "--max-failures 0: 1 host has failed (w1)" in str(error)


class TestClean:
    """A host is cleaned when it is out of the cluster."""

    @pytest.mark.parametrize("missing", [Stage.DRAIN, Stage.REMOVE_MEMBER, Stage.DELETE_NODE])
    def test_not_before(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, missing: Stage) -> None:
        recorded = removal(tmp_path, "cp2")
        for stage in (Stage.DRAIN, Stage.REMOVE_MEMBER, Stage.DELETE_NODE):
            if stage is not missing:
                recorded.run.write(f"done/{stage.value}/cp2", {"changed": True})
        with pytest.raises(StepFailedError, match="still in the cluster"):
            action(CleanHost, Calls(), monkeypatch, host="cp2").act(recorded.run)

    def test_is_not_clean_where_the_manifest_is_damaged(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        recorded = removal(tmp_path, "w1")
        for stage in (Stage.DRAIN, Stage.DELETE_NODE):
            recorded.run.write(f"done/{stage.value}/w1", {"changed": True})
        calls = Calls({"changed": True, "others": [], "damaged": "Expecting value"})
        with pytest.raises(StepFailedError, match=r"w1: not clean: .*Expecting value.*at last /etc/kubewright"):
            action(CleanHost, calls, monkeypatch, host="w1").act(recorded.run)
        assert not recorded.run.has("done/clean-node/w1")
