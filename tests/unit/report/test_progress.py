"""Progress where there is no terminal: one line for each thing that ended."""

from __future__ import annotations

import os
import re
from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console

from kubewright.engine.folders import create_run
from kubewright.engine.record import Run
from kubewright.report.progress import Progress


@pytest.fixture
def run(tmp_path: Path) -> Run:
    return create_run(tmp_path, "deploy", os.getpid())


def lines(run: Run) -> list[str]:
    """What is printed of the journal, without times."""
    text = StringIO()
    progress = Progress(run.events, Console(file=text, width=80, color_system=None, force_terminal=False))
    with progress.shown():
        progress.task("Read inventory and settings")
    made = text.getvalue()
    assert "\x1b" not in made
    return [re.sub(r"^\[ *[0-9.]+ s\] ", "", line) for line in made.splitlines()]


class TestWithoutTerminal:
    def test_nothing_happened(self, run: Run) -> None:
        assert lines(run) == []

    def test_steps_are_told_when_they_end(self, run: Run) -> None:
        run.event("begin", stage="converge", host="cp1")
        run.event("begin", stage="converge", host="w1")
        run.event("end", stage="converge", host="w1", seconds=1.25, ok=True, changed=True)
        run.event("end", stage="converge", host="cp1", seconds=2.0, ok=True, changed=False)
        assert lines(run) == [
            "Packages, binaries, images and files: w1 (1.2 s)",
            "Packages, binaries, images and files: cp1 (2.0 s, nothing changed)",
        ]

    def test_a_step_that_failed(self, run: Run) -> None:
        run.event("begin", stage="init", host="cp1")
        run.event("end", stage="init", host="cp1", seconds=3.0, ok=False)
        assert lines(run) == ["First control plane: cp1 FAILED (3.0 s)"]

    def test_what_is_waited_for_and_left(self, run: Run) -> None:
        run.event("waiting", host="w1", what="converge (process 7) of an earlier run still works there")
        run.event("unreachable", host="w2", cause="no SSH connection: [fd00::1] timed out")
        run.event("left", host="w2", cause="no SSH connection")
        run.event("note", host="cp1", text="[bold] stays as it is")
        run.event("note", host="", text="no copy of the inventory was kept")
        assert lines(run) == [
            "waiting for w1: converge (process 7) of an earlier run still works there",
            "w2 does not answer: no SSH connection: [fd00::1] timed out",
            "w2 is left for the next run: no SSH connection",
            "cp1: [bold] stays as it is",
            "no copy of the inventory was kept",
        ]

    def test_that_it_stops_and_where_the_report_is(self, run: Run) -> None:
        assert run.stop("interrupted", "once more ends them at once")
        assert not run.stop("interrupted again")
        run.event("report", path="/srv/report.html")
        assert lines(run) == [
            "stopping: interrupted; steps under way are finished, no further one begins; once more ends them at once",
            "report: /srv/report.html",
        ]

    def test_long_lines_are_not_broken(self, run: Run) -> None:
        run.event("note", host="cp1", text="word " * 60)
        assert len(lines(run)) == 1

    def test_events_of_other_kinds_show_nothing(self, run: Run) -> None:
        run.event("begun", verb="deploy")
        run.event("planned", steps=3)
        run.event("kubeconfig", path="/x")
        run.event("finished", failed=0)
        assert lines(run) == []

    def test_artifacts_are_told_as_by_their_own_verb(self, run: Run) -> None:
        run.event("artifact", component="kubelet", state="building", fraction=0.0, seconds=0.0)
        run.event("artifact", component="kubelet", state="done", fraction=1.0, seconds=61.0)
        assert lines(run) == ["kubelet: building", "kubelet: done after 61 s"]

    def test_each_event_is_told_once(self, run: Run) -> None:
        text = StringIO()
        progress = Progress(run.events, Console(file=text, width=80, color_system=None))
        with progress.shown():
            for number in range(20):
                run.event("note", host="cp1", text=f"number {number}.")
        for number in range(20):
            assert text.getvalue().count(f"number {number}.") == 1

    def test_goes_on_after_the_run_failed(self, run: Run) -> None:
        text = StringIO()
        progress = Progress(run.events, Console(file=text, color_system=None))

        def fail() -> None:
            with progress.shown():
                run.event("note", host="cp1", text="the last word")
                raise ValueError

        with pytest.raises(ValueError, match=r"^$"):
            fail()
        assert "the last word" in text.getvalue()
