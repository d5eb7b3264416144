"""A run as lines of JSON: one for each event and error, with the keys that docs/reports.md names."""

from __future__ import annotations

import json
import os
import re
import threading
from io import StringIO
from pathlib import Path
from typing import Any

import pytest

from kubewright.engine.folders import create_run
from kubewright.engine.record import Run, error_to_json
from kubewright.errors import BadInputError, BadInputErrors, StepFailedError
from kubewright.report.log import JsonLines, error_lines, event_line, rfc3339

ROOT = Path(__file__).resolve().parents[3]
MOMENT = 1_795_602_094.5


@pytest.fixture
def run(tmp_path: Path) -> Run:
    return create_run(tmp_path, "deploy", os.getpid())


def written(run: Run, stream: StringIO) -> list[dict[str, Any]]:
    with JsonLines(run.events, stream, run.directory.name).shown():
        pass
    return [json.loads(line) for line in stream.getvalue().splitlines()]


class TestTime:
    @pytest.mark.parametrize(
        ("seconds", "text"),
        [(0, "1970-01-01T00:00:00.000Z"), (MOMENT, "2026-11-25T10:21:34.500Z"), (0.0004, "1970-01-01T00:00:00.000Z")],
    )
    def test_is_utc_with_milliseconds(self, seconds: float, text: str) -> None:
        assert rfc3339(seconds) == text


class TestEventLine:
    def test_begins_with_when_what_and_of_which_run(self) -> None:
        event = {"time": MOMENT, "event": "end", "stage": "init", "host": "cp1", "ok": True, "seconds": 1.5}
        assert event_line(event, "r1") == (
            '{"time": "2026-11-25T10:21:34.500Z", "event": "end", "run": "r1", '
            '"host": "cp1", "ok": true, "seconds": 1.5, "stage": "init"}'
        )

    def test_is_one_line_whatever_is_in_it(self) -> None:
        line = event_line({"time": 0, "event": "note", "host": "w1", "text": "a\nb\u2028c\udcff"}, "r1")
        assert len(line.splitlines()) == 1
        assert line.isascii()


class TestJsonLines:
    def test_every_event_is_written_once_and_in_order(self, run: Run) -> None:
        stream = StringIO()
        with JsonLines(run.events, stream, run.directory.name).shown():
            for number in range(20):
                run.event("note", host="cp1", text=str(number))
        lines = [json.loads(line) for line in stream.getvalue().splitlines()]
        assert [line["text"] for line in lines] == [str(number) for number in range(20)]
        assert {line["run"] for line in lines} == {run.directory.name}

    def test_also_those_that_a_person_is_not_shown(self, run: Run) -> None:
        run.event("begun", verb="deploy", limit=None, dry_run=False)
        run.event("artifact", component="kubelet", state="building", fraction=0.1, seconds=0.0)
        assert [line["event"] for line in written(run, StringIO())] == ["begun", "artifact"]

    def test_a_failure_with_its_cause_and_remedy(self, run: Run) -> None:
        error = StepFailedError("host w1", "disk full", "Make room")
        run.fail(error, host="w1", stage="converge")
        (line,) = written(run, StringIO())
        assert (line["host"], line["stage"], line["error"]) == ("w1", "converge", error_to_json(error))

    def test_ansibles_output_is_a_line_of_its_own(self, run: Run) -> None:
        stream = StringIO()
        progress = JsonLines(run.events, stream, "r1")
        progress.output("TASK [Plan]\nok: [w1]")
        line = json.loads(stream.getvalue())
        assert (line["event"], line["run"], line["text"]) == ("ansible", "r1", "TASK [Plan]\nok: [w1]")

    def test_a_question_is_asked_after_it_was_told(self, run: Run) -> None:
        stream, told = StringIO(), threading.Event()

        def ask(_over: object) -> None:
            assert json.loads(stream.getvalue())["event"] == "asked"
            told.set()

        with JsonLines(run.events, stream, "r1", ask).shown():
            run.event("asked")
            assert told.wait(5)


class TestErrorLines:
    def test_one_error(self) -> None:
        (line,) = error_lines(StepFailedError("host w1", "it is so", "Do this"), MOMENT)
        assert json.loads(line) == {
            "time": "2026-11-25T10:21:34.500Z",
            "event": "error",
            "subject": "host w1",
            "cause": "it is so",
            "remedy": "Do this",
            "exit_code": 7,
        }

    def test_several_are_a_line_each(self) -> None:
        errors = BadInputErrors((BadInputError("host w1", "swap is on"), BadInputError("host w2", "so is his")))
        assert [json.loads(line)["subject"] for line in error_lines(errors, 0)] == ["host w1", "host w2"]


def test_every_kind_of_event_is_documented_and_no_other() -> None:
    """docs/reports.md promises that names stay, so each has to be there."""
    sources = [path.read_text() for path in (ROOT / "src" / "kubewright").rglob("*.py")]
    told = {kind for text in sources for kind in re.findall(r'\.event\(\s*"([a-z_]+)"', text)}
    told |= {"ansible", "warning", "error"}
    table = (ROOT / "docs" / "reports.md").read_text()
    documented = set(re.findall(r"^\| `([a-z_]+)` \|", table, flags=re.MULTILINE))
    assert documented == told
