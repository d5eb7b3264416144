"""``kubewright plan`` without nodes: a recorded run stands in for the playbook."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from kubewright.cli import main as command
from kubewright.cli.options import Options
from kubewright.engine.record import Run
from kubewright.errors import ExitCode, KubewrightError, RefusedError
from kubewright.plan import Plan, Stage, Step
from kubewright.plan.saved import Basis, SavedPlan

STEPS = (Step(Stage.CONVERGE, "w1", "bring the host to its document", "differs from its document"),)


class Played:
    """What the command asked for, and the plan that it is given."""

    def __init__(self, folder: Path) -> None:
        self.run = Run(folder)
        self.asked: list[tuple[str, Options]] = []
        self.variables: list[dict[str, Any]] = []
        self.error: KubewrightError | None = None
        self.planned()

    def planned(self, *steps: Step, verb: str = "deploy") -> None:
        """Have the run end with this plan."""
        self.run.write("plan", Plan(verb, "kw", "1.37.2", "cp1", steps, left=("w2 was left",)).to_json())

    def __call__(self, playbook: str, options: Options, **variables: Any) -> tuple[Run, KubewrightError | None]:
        self.asked.append((playbook, options))
        self.variables.append(variables)
        return self.run, self.error


@pytest.fixture
def played(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Played:
    made = Played(tmp_path)
    monkeypatch.setattr("kubewright.cli.plan.execute", made)
    monkeypatch.setattr("kubewright.cli.change.execute", made)
    return made


def kubewright(*arguments: str) -> int:
    """Run the command in this process; its exit code."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", ["kubewright", *arguments])
        with pytest.raises(SystemExit) as ended:
            command.main()
    assert isinstance(ended.value.code, int)
    return ended.value.code


@pytest.mark.parametrize("verb", ["deploy", "scale"])
@pytest.mark.parametrize("output", ["table", "json"])
def test_is_the_dry_run_of_its_verb_byte_for_byte(
    played: Played, verb: str, output: str, capsys: pytest.CaptureFixture[str]
) -> None:
    played.planned(*STEPS, verb=verb)
    assert kubewright("plan", verb, "-i", "x,", "--limit", "w1", "-o", output) == ExitCode.DONE
    plan = capsys.readouterr()
    assert kubewright(verb, "--dry-run", "-i", "x,", "--limit", "w1", "-o", output) == ExitCode.DONE
    assert capsys.readouterr() == plan
    assert "w1" in plan.out
    assert played.asked[0] == played.asked[1]
    assert played.asked[0][1].dry_run


def test_is_that_of_deploy_unless_a_verb_is_named(played: Played) -> None:
    kubewright("plan", "-i", "x,")
    assert played.asked[0][0] == "cluster"


@pytest.mark.parametrize(
    ("arguments", "steps", "code"),
    [
        ((), STEPS, ExitCode.DONE),
        (("--detailed-exitcode",), STEPS, ExitCode.DIFFERENCES),
        (("--detailed-exitcode",), (), ExitCode.DONE),
    ],
)
def test_exit_codes(played: Played, arguments: tuple[str, ...], steps: tuple[Step, ...], code: ExitCode) -> None:
    played.planned(*steps)
    assert kubewright("plan", "-i", "x,", *arguments) == code


def test_an_error_is_stronger_than_differences(played: Played) -> None:
    played.planned(*STEPS)
    played.error = RefusedError("etcd", "there would be no quorum")
    assert kubewright("plan", "-i", "x,", "--detailed-exitcode") == ExitCode.REFUSED


def test_of_a_verb_that_has_none(played: Played, capsys: pytest.CaptureFixture[str]) -> None:
    assert kubewright("plan", "kubectl", "-i", "x,") == ExitCode.BAD_INPUT
    assert "deploy, scale, check" in capsys.readouterr().err
    assert played.asked == []


class TestApply:
    @pytest.fixture
    def plan_file(self, tmp_path: Path) -> Path:
        path = tmp_path / "cluster.plan"
        plan = Plan("scale", "kw", "1.37.2", "cp1", STEPS, limit=("w1", "w2"))
        saved = SavedPlan(plan, Basis("0", "c", {}, {}), sources=("/lab,",))
        path.write_text(json.dumps(saved.to_json(b"k")))
        return path

    def test_carries_out_the_verb_and_limit_of_the_file(self, played: Played, plan_file: Path) -> None:
        played.planned(*STEPS, verb="scale")
        assert kubewright("apply", str(plan_file)) == ExitCode.DONE
        playbook, options = played.asked[0]
        assert (playbook, options.limit, options.inventories) == ("scale", "w1,w2", ["/lab,"])
        assert played.variables[0]["kubewright_plan_file"] == str(plan_file)

    def test_of_another_inventory(self, played: Played, plan_file: Path) -> None:
        kubewright("apply", str(plan_file), "-i", "x,")
        assert played.asked[0][1].inventories == ["x,"]

    def test_without_a_file_is_all_that_destroys_nothing(self, played: Played) -> None:
        kubewright("apply", "-i", "x,", "--limit", "w1")
        assert (played.asked[0][0], played.asked[0][1].limit) == ("cluster", "w1")

    @pytest.mark.parametrize("arguments", [("FILE", "--limit", "w1"), ("nothing.plan",), (__file__,)])
    def test_bad_input(self, played: Played, plan_file: Path, arguments: tuple[str, ...]) -> None:
        named = [str(plan_file) if each == "FILE" else each for each in arguments]
        assert kubewright("apply", *named) == ExitCode.BAD_INPUT
        assert played.asked == []


class TestOut:
    def test_keeps_the_plan(self, played: Played, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        kept: list[tuple[Run, Path]] = []
        monkeypatch.setattr("kubewright.cli.plan.save_plan", lambda run, path: kept.append((run, path)))
        assert kubewright("plan", "-i", "x,", "--out", str(tmp_path / "f")) == ExitCode.DONE
        played.error = RefusedError("etcd", "there would be no quorum")
        kubewright("plan", "-i", "x,", "--out", str(tmp_path / "g"))
        assert kept == [(played.run, tmp_path / "f")]

    def test_of_check_there_is_nothing_to_keep(self, played: Played, tmp_path: Path) -> None:
        assert kubewright("plan", "check", "-i", "x,", "--out", str(tmp_path / "f")) == ExitCode.BAD_INPUT
        assert played.asked == []
