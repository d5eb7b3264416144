"""The lab's verbs as a shell sees them."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from kubewright.cli.lab import app
from kubewright.lab._place import Place
from tests.unit.lab.helpers import record

VERBS = (
    "up",
    "grow",
    "stop-node",
    "start-node",
    "cut-network",
    "heal-network",
    "list",
    "status",
    "exec",
    "path",
    "down",
)


@pytest.fixture
def labs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("KUBEWRIGHT_LAB_DIR", str(tmp_path))
    return tmp_path


@pytest.mark.parametrize("verb", VERBS)
def test_each_verb_explains_itself_with_examples(verb: str) -> None:
    shown = CliRunner().invoke(app, [verb, "--help"])
    assert shown.exit_code == 0
    assert "Examples:\n    " in shown.output


def test_list_tells_finished_labs_from_unfinished_ones(labs: Path) -> None:
    Place("big", labs).save(record(1, 2))
    Place("half", labs).save(dataclasses.replace(record(), complete=False))
    big, half = json.loads(CliRunner().invoke(app, ["list", "-o", "json"]).output)
    assert big == {
        "name": "big",
        "shape": "1 control plane, 2 workers, Kubernetes 1.37.2",
        "inventory": str(Place("big", labs).inventory),
    }
    assert "not finished" in half["shape"]
    assert half["inventory"] == ""


def test_a_table_does_not_break_paths(labs: Path) -> None:
    Place("big", labs).save(record())
    assert str(Place("big", labs).inventory) in CliRunner().invoke(app, ["list"]).output


def test_path_is_one_line_for_a_shell(labs: Path) -> None:
    Place("big", labs).save(record())
    assert CliRunner().invoke(app, ["path", "big"]).output == f"{Place('big', labs).inventory}\n"
