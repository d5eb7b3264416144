"""How a run that changed something ends."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from kubewright.cli.change import app
from kubewright.engine.leftout import left_out
from kubewright.engine.record import Run
from kubewright.errors import ExitCode
from tests.unit.engine.recorded import Recorded


class TestLeftOut:
    """A run that could not reach every host it should have has done its work, but not all."""

    def test_hosts_that_did_not_answer_are_named_with_the_exit_code_for_it(self, tmp_path: Path) -> None:
        run = Recorded(tmp_path).run
        run.write("unreachable", {"w3": "no SSH connection"})
        run.event("left", host="w1", cause="no SSH connection")
        error = left_out(run)
        assert error is not None
        assert error.exit_code is ExitCode.STEP_FAILED
        assert str(error).startswith("hosts w1, w3: ")

    def test_none(self, tmp_path: Path) -> None:
        run = Run(tmp_path)
        run.write("unreachable", {})
        run.event("begun", verb="deploy")
        assert left_out(run) is None

    def test_none_where_the_run_ended_before_hosts_were_asked(self, tmp_path: Path) -> None:
        assert left_out(Run(tmp_path)) is None


class TestMaxFailures:
    @pytest.fixture
    def given(self, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
        """The variables that the playbook is given."""
        variables: dict[str, Any] = {}
        monkeypatch.setattr("kubewright.cli.change.change", lambda *_rest, **more: variables.update(more))
        return variables

    @pytest.mark.parametrize("verb", ["deploy", "scale", "apply"])
    def test_is_a_variable_of_the_run(self, given: dict[str, Any], verb: str) -> None:
        CliRunner().invoke(app, [verb, "-i", "x,", "--max-failures", "2"])
        assert given["kubewright_max_failures"] == 2

    def test_which_is_not_there_unless_it_was_asked_for(self, given: dict[str, Any]) -> None:
        CliRunner().invoke(app, ["deploy", "-i", "x,"])
        assert given
        assert "kubewright_max_failures" not in given

    def test_a_negative_number_is_a_usage_error(self, given: dict[str, Any]) -> None:
        assert CliRunner().invoke(app, ["deploy", "-i", "x,", "--max-failures", "-1"]).exit_code != 0
        assert given == {}


class TestForce:
    @pytest.mark.parametrize(("name", "why"), [("nonsense", "there is no such rule"), ("fixed-setting", "mandatory")])
    def test_what_cannot_be_skipped_is_a_usage_error_with_the_list(self, name: str, why: str) -> None:
        result = CliRunner().invoke(app, ["deploy", "-i", "x", "--force", name], env={"COLUMNS": "400"})
        assert result.exit_code != 0
        text = " ".join(result.output.split())
        assert why in text
        assert "duplicate-machine-id" in text
