"""``kubewright plan`` without nodes: a recorded run stands in for the playbook."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

from kubewright.cli import main as command
from kubewright.cli.options import Options
from kubewright.engine.record import Run
from kubewright.errors import ExitCode, KubewrightError, RefusedError
from kubewright.plan import Plan, Stage, Step

STEPS = (Step(Stage.CONVERGE, "w1", "bring the host to its document", "differs from its document"),)


class Played:
    """What the command asked for, and the plan that it is given."""

    def __init__(self, folder: Path) -> None:
        self.run = Run(folder)
        self.asked: list[tuple[str, Options]] = []
        self.error: KubewrightError | None = None
        self.planned()

    def planned(self, *steps: Step, verb: str = "deploy") -> None:
        """Have the run end with this plan."""
        self.run.write("plan", Plan(verb, "kw", "1.37.2", "cp1", steps, left=("w2 was left",)).to_json())

    def __call__(self, playbook: str, options: Options, **_variables: Any) -> tuple[Run, KubewrightError | None]:
        self.asked.append((playbook, options))
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
