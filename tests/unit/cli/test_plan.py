"""``kubewright plan`` without nodes: a recorded run stands in for the playbook."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
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


@pytest.mark.parametrize(
    "arguments", [("remove", "--limit", "w1", "--offline"), ("remove", "--limit", "w1"), ("reset",)]
)
@pytest.mark.parametrize("output", ["table", "json"])
def test_is_the_dry_run_of_a_verb_that_takes_away(
    played: Played, arguments: tuple[str, ...], output: str, capsys: pytest.CaptureFixture[str]
) -> None:
    step = Step(Stage.CLEAN_NODE, "w1", "remove what kubewright put there", "the host leaves")
    played.planned(step, verb=arguments[0])
    assert kubewright("plan", *arguments, "-i", "x,", "-o", output) == ExitCode.DONE
    plan = capsys.readouterr()
    assert kubewright(*arguments, "--dry-run", "-i", "x,", "-o", output) == ExitCode.DONE
    assert capsys.readouterr() == plan
    assert "w1" in plan.out
    assert played.asked[0] == played.asked[1]
    assert played.asked[0][1].dry_run
    common = {"kubewright_offline", "skip_confirmation", "reset_confirmation"}
    planned, dry = ({name: given[name] for name in common & set(given)} for given in played.variables)
    assert planned == dry != {}


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("remove",), "no host was named"),
        (("reset", "--limit", "w1"), "reset takes the whole cluster down"),
        (("reset", "--offline"), "only remove has it"),
        (("scale", "--offline"), "only remove has it"),
        (("reset", "--force", "duplicate-machine-id"), "reset has no rule that may be skipped"),
        (("check", "--force", "duplicate-machine-id"), "check has no rule that may be skipped"),
        (("reset", "--out", "f"), "a plan of reset cannot be saved"),
        (("check", "--out", "f"), "check changes nothing"),
    ],
)
def test_what_a_verb_does_not_have(
    played: Played, arguments: tuple[str, ...], told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert kubewright("plan", "-i", "x,", *arguments) == ExitCode.BAD_INPUT
    assert told in capsys.readouterr().err
    assert played.asked == []


@pytest.mark.parametrize("verb", ["deploy", "scale"])
def test_rules_are_skipped_as_by_the_verb_itself(played: Played, verb: str) -> None:
    assert kubewright("plan", verb, "-i", "x,", "--force", "duplicate-machine-id") == ExitCode.DONE
    assert kubewright(verb, "--dry-run", "-i", "x,", "--force", "duplicate-machine-id") == ExitCode.DONE
    assert [given["kubewright_force"] for given in played.variables] == ["duplicate-machine-id"] * 2


def test_a_rule_that_cannot_be_skipped(played: Played, capsys: pytest.CaptureFixture[str]) -> None:
    assert kubewright("plan", "-i", "x,", "--force", "fixed-setting") == ExitCode.USAGE
    assert "mandatory" in capsys.readouterr().err
    assert played.asked == []


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
    assert "deploy, scale, check, remove, reset" in capsys.readouterr().err
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

    def test_skips_the_rules_that_were_approved_with_it(self, played: Played, plan_file: Path) -> None:
        kubewright("apply", str(plan_file))
        saved = SavedPlan.from_json(json.loads(plan_file.read_text()), "")
        plan_file.write_text(json.dumps(replace(saved, force=("duplicate-machine-id",)).to_json(b"k")))
        kubewright("apply", str(plan_file))
        assert [given["kubewright_force"] for given in played.variables] == ["", "duplicate-machine-id"]

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


class TestApplyRemoval:
    @pytest.fixture
    def plan_file(self, tmp_path: Path) -> Path:
        return self.keep(tmp_path, offline=True)

    def keep(self, folder: Path, verb: str = "remove", *, offline: bool = False) -> Path:
        path = folder / "w1.plan"
        limit = ("w1", "gone") if verb == "remove" else None
        saved = SavedPlan(Plan(verb, "kw", "1.37.2", "cp1", STEPS, limit), Basis("0", "c", {}, {}), (), ("/lab,",))
        path.write_text(json.dumps(replace(saved, offline=offline).to_json(b"k")))
        return path

    @pytest.mark.parametrize("offline", [True, False])
    def test_carries_out_what_the_file_says(self, played: Played, tmp_path: Path, offline: bool) -> None:
        played.planned(*STEPS, verb="remove")
        assert kubewright("apply", str(self.keep(tmp_path, offline=offline)), "--yes") == ExitCode.DONE
        playbook, options = played.asked[0]
        assert (playbook, options.limit, options.inventories) == ("remove_node", "w1,gone", ["/lab,"])
        assert played.variables[0]["kubewright_offline"] is offline
        assert played.variables[0]["skip_confirmation"] is True
        assert played.variables[0]["confirmed"] is True
        assert played.variables[0]["kubewright_plan_file"] == str(tmp_path / "w1.plan")

    def test_without_a_terminal_it_has_to_be_confirmed(
        self, played: Played, plan_file: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert kubewright("apply", str(plan_file)) == ExitCode.BAD_INPUT
        assert "Give --yes" in capsys.readouterr().err
        assert played.asked == []

    def test_on_a_terminal_it_is_asked_about(
        self, played: Played, plan_file: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("kubewright.cli.verbs.can_ask", lambda _console: True)
        played.planned(*STEPS, verb="remove")
        assert kubewright("apply", str(plan_file)) == ExitCode.DONE
        assert played.variables[0]["confirmed"] is False

    def test_a_dry_run_needs_no_confirmation(self, played: Played, plan_file: Path) -> None:
        assert kubewright("apply", str(plan_file), "--dry-run") == ExitCode.DONE
        assert played.asked[0][1].dry_run

    def test_a_rule_can_be_skipped(self, played: Played, plan_file: Path) -> None:
        played.planned(*STEPS, verb="remove")
        assert kubewright("apply", str(plan_file), "--yes", "--force", "offline-host-unsure") == ExitCode.DONE
        assert played.variables[0]["kubewright_force"] == "offline-host-unsure"

    @pytest.mark.parametrize("verb", ["reset", "check"])
    def test_a_verb_whose_plan_is_not_for_a_file(
        self, played: Played, tmp_path: Path, verb: str, capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert kubewright("apply", str(self.keep(tmp_path, verb)), "--yes") == ExitCode.BAD_INPUT
        assert verb in capsys.readouterr().err
        assert played.asked == []


class TestOut:
    def test_keeps_the_plan(self, played: Played, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        kept: list[tuple[Run, Path]] = []
        monkeypatch.setattr("kubewright.engine.saving.save_plan", lambda run, path: kept.append((run, path)))
        assert kubewright("plan", "-i", "x,", "--out", str(tmp_path / "f")) == ExitCode.DONE
        played.error = RefusedError("etcd", "there would be no quorum")
        kubewright("plan", "-i", "x,", "--out", str(tmp_path / "g"))
        assert kept == [(played.run, tmp_path / "f")]

    def test_keeps_that_of_a_removal(self, played: Played, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        kept: list[Path] = []
        monkeypatch.setattr("kubewright.engine.saving.save_plan", lambda _run, path: kept.append(path))
        arguments = ("plan", "remove", "-i", "x,", "--limit", "w1", "--out", str(tmp_path / "f"), "--detailed-exitcode")
        played.planned(*STEPS, verb="remove")
        assert kubewright(*arguments) == ExitCode.DIFFERENCES
        assert kept == [tmp_path / "f"]
