"""Every run that has a plan leaves a report; one that cannot be written is said and fails nothing."""

from __future__ import annotations

import os
import stat
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from kubewright.engine import reporting
from kubewright.engine.actions.ending import CleanUp, Finish
from kubewright.engine.actions.looking import MakePlan
from kubewright.engine.fan_out import write_fan_out
from kubewright.engine.folders import create_run
from kubewright.engine.record import Run
from kubewright.engine.reporting import lacks_report, note_end, unwritten, write_report
from kubewright.errors import RefusedError, StepFailedError
from kubewright.plan import Change, Plan, Stage, Step
from tests.unit.engine.recorded import Recorded
from tests.unit.engine.test_waiting import Calls, action

STEP = Step(Stage.CONVERGE, "w1", "bring the host to its document", "new host")

OBJECTS = (
    Change("object:v1/ConfigMap/kube-system/coredns", "update", "1 fields", "data.Corefile: 'a' -> 'b'"),
    Change("object:v1/Service/kube-system/kube-dns", "create", "9 fields"),
)


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """A run that has a plan."""
    made = create_run(tmp_path, "deploy", os.getpid())
    made.event("begun", verb="deploy", limit=None, dry_run=False, kubewright="0.1.0")
    made.write("plan", Plan("deploy", "mine", "1.37.2", "cp1", (STEP,)).to_json())
    return made


@pytest.fixture
def said(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What the end of a run says, and warnings."""
    lines: list[str] = []
    monkeypatch.setattr("kubewright.engine.actions.base.RunAction.say", lambda _self, line: lines.append(line))
    monkeypatch.setattr("kubewright.engine.actions.base.RunAction.warn", lambda _self, line: lines.append(line))
    return lines


def ending(kind: type[Finish | MakePlan], *, check_mode: bool = False, **variables: Any) -> Any:
    made = object.__new__(kind)
    made.variables = {"inventory_hostname": "w1", **variables}
    made._task = SimpleNamespace(args={}, check_mode=check_mode)
    return made


def refuse_to_write(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_path: Path, _text: str) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(reporting, "write_text", full)


class TestReport:
    def test_lies_in_the_runs_folder_for_its_owner_alone(self, run: Run) -> None:
        path = write_report(run)
        assert path == run.directory / "report.html"
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert path.read_text().startswith("<!DOCTYPE html>")
        assert run.events()[-1] == {**run.events()[-1], "event": "report", "path": str(path)}

    def test_is_lacking_until_it_is_written(self, run: Run, tmp_path: Path) -> None:
        assert lacks_report(run)
        assert unwritten(run) == ""
        assert not lacks_report(run)

    def test_a_run_without_a_plan_needs_none(self, tmp_path: Path) -> None:
        assert not lacks_report(create_run(tmp_path, "status", os.getpid()))

    def test_one_that_cannot_be_written_is_said(self, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
        refuse_to_write(monkeypatch)
        assert "No space left on device" in unwritten(run)
        assert lacks_report(run)

    def test_a_defect_in_it_is_said(self, run: Run) -> None:
        run.event("begin", stage="a stage that there is not", host="w1")
        assert "ValueError" in unwritten(run)


class TestEnd:
    def test_hosts_that_were_left_out_are_journalled(self, run: Run) -> None:
        run.event("left", host="w2", cause="no SSH connection")
        run.write("unreachable", {"w1": "no SSH connection"})
        note_end(run)
        assert run.events()[-1]["left"] == ["w1", "w2"]


class TestFinish:
    def test_leaves_a_report_and_says_where(self, run: Run, said: list[str]) -> None:
        assert not ending(Finish).act(run).get("failed")
        assert said == [f"Report: {run.directory / 'report.html'}"]
        assert "deploy mine: done" in (run.directory / "report.html").read_text()

    def test_of_a_failed_run_too(self, run: Run, said: list[str]) -> None:
        run.fail(StepFailedError("host w1", "disk full", "Make room"), host="w1", stage="converge")
        assert ending(Finish).act(run)["failed"]
        assert "disk full" in (run.directory / "report.html").read_text()

    def test_does_not_fail_because_of_its_report(
        self, run: Run, said: list[str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        refuse_to_write(monkeypatch)
        assert not ending(Finish).act(run).get("failed")
        assert "could not be written" in said[0]


class TestPlanIsTheEnd:
    """Where nothing is carried out, the plan's action is the last one."""

    def act(
        self, run: Run, monkeypatch: pytest.MonkeyPatch, plan: Plan, *, dry_run: bool, check_mode: bool = False
    ) -> dict[str, Any]:
        recorded = Recorded(run.directory)
        replace(recorded.inputs, request=replace(recorded.inputs.request, dry_run=dry_run)).save(run)
        monkeypatch.setattr("kubewright.engine.actions.looking.make_plan", lambda _run: plan)
        made = ending(MakePlan, check_mode=check_mode)
        result: dict[str, Any] = made.act(run)
        return result

    @pytest.mark.parametrize(
        ("steps", "dry_run", "ended"), [((STEP,), True, True), ((), False, True), ((STEP,), False, False)]
    )
    def test_so_it_leaves_the_report(
        self,
        run: Run,
        said: list[str],
        monkeypatch: pytest.MonkeyPatch,
        steps: tuple[Step, ...],
        dry_run: bool,
        ended: bool,
    ) -> None:
        self.act(run, monkeypatch, Plan("deploy", "mine", "1.37.2", "cp1", steps), dry_run=dry_run)
        assert (run.directory / "report.html").exists() is ended
        assert ("finished" in [event["event"] for event in run.events()]) is ended

    @pytest.mark.parametrize(
        ("changes", "check_mode", "changed", "shown"),
        [
            (
                OBJECTS,
                True,
                True,
                [
                    "object:v1/ConfigMap/kube-system/coredns: update\ndata.Corefile: 'a' -> 'b'\n",
                    "object:v1/Service/kube-system/kube-dns: create\n",
                ],
            ),
            ((), True, False, []),
            (OBJECTS, False, False, None),
        ],
        ids=["they differ", "nothing differs", "not under --check"],
    )
    def test_under_ansibles_check_differences_of_objects_are_the_result(
        self,
        run: Run,
        said: list[str],
        monkeypatch: pytest.MonkeyPatch,
        changes: tuple[Change, ...],
        check_mode: bool,
        changed: bool,
        shown: list[str] | None,
    ) -> None:
        plan = Plan("deploy", "mine", "1.37.2", "cp1", (STEP, Step(Stage.OBJECTS, "cp1", "apply", "differ", changes)))
        result = self.act(run, monkeypatch, plan, dry_run=True, check_mode=check_mode)
        assert result["changed"] is changed
        assert ([each["prepared"] for each in result["diff"]] if "diff" in result else None) == shown

    def test_also_where_a_plan_file_no_longer_holds(self, run: Run, said: list[str]) -> None:
        run.fail(RefusedError("plan file x", "it no longer holds"), host="w1")
        ending(MakePlan).after_failure(run)
        assert "it no longer holds" in (run.directory / "report.html").read_text()

    def test_but_not_without_a_plan(self, tmp_path: Path, said: list[str]) -> None:
        run = create_run(tmp_path, "deploy", os.getpid())
        ending(MakePlan).after_failure(run)
        assert said == []


def test_cleaning_up_is_a_step_where_the_plan_has_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    recorded = Recorded(tmp_path)
    recorded.told("cp1", recorded.live("cp1", "w1", "w2"))
    plan = Plan("deploy", "mine", "1.37.2", "cp1", (Step(Stage.CLEANUP, "cp1", "remove the token", "not needed"),))
    recorded.run.write("plan", plan.to_json())
    write_fan_out(recorded.run, {}, {})
    recorded.locked()
    action(CleanUp, Calls({"changed": True}), monkeypatch, host="cp1").act(recorded.run)
    (end,) = [event for event in recorded.run.events() if event["event"] == "end"]
    assert (end["stage"], end["host"], end["ok"], end["changed"]) == ("cleanup", "cp1", True, True)
