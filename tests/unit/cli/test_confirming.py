"""The question before anything changes, on a terminal that the test holds the other end of."""

from __future__ import annotations

import json
import os
import pty
import sys
import threading
from collections.abc import Iterator
from io import StringIO
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from rich.console import Console

from kubewright.cli import running
from kubewright.cli.common import LogFormat
from kubewright.cli.confirming import can_ask, confirm
from kubewright.cli.options import Options
from kubewright.cli.running import DeclinedError, execute
from kubewright.engine.actions.looking import MakePlan
from kubewright.engine.motor import Connection, Outcome
from kubewright.engine.record import Run
from kubewright.plan import Plan, Stage, Step
from kubewright.report.progress import Progress

PLAN = Plan("deploy", "kw", "1.37.2", "cp1", (Step(Stage.CONVERGE, "w1", "bring the host to its document", "drift"),))


class Terminal:
    """A terminal whose keyboard the test is: it types once the question stands there."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.keyboard, self.descriptor = pty.openpty()
        stand_in = SimpleNamespace(fileno=lambda: self.descriptor, isatty=lambda: True)
        monkeypatch.setattr(sys, "stdin", stand_in)
        self.screen = StringIO()
        self.console = Console(file=self.screen, force_terminal=True, width=100, color_system=None, soft_wrap=True)
        self.text = ""

    def types(self, text: str) -> None:
        """Type as soon as the question can be read."""
        threading.Thread(target=self._type, args=(text,), daemon=True).start()

    def _type(self, text: str) -> None:
        while "[y/N]" not in self.screen.getvalue():
            threading.Event().wait(0.01)
        os.write(self.keyboard, text.encode())


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> Iterator[Terminal]:
    made = Terminal(monkeypatch)
    yield made
    os.close(made.keyboard)
    os.close(made.descriptor)


class TestConfirm:
    @pytest.mark.parametrize(
        ("typed", "go"),
        [
            *[("y\n", True), ("YES\n", True), (" yes \n", True), ("n\n", False), ("\n", False), ("yep\n", False)],
            ("\x04", False),  # the end of the input: ^D at the beginning of a line
        ],
    )
    def test_only_a_clear_yes_is_one(self, terminal: Terminal, typed: str, go: bool) -> None:
        terminal.types(typed)
        assert confirm(terminal.console, "Carry this out?", lambda: False, 20) is go
        assert "Carry this out? [y/N]" in terminal.screen.getvalue()

    def test_what_was_typed_before_the_question_is_no_answer(self, terminal: Terminal) -> None:
        os.write(terminal.keyboard, b"yes\n")
        assert not confirm(terminal.console, "Carry this out?", lambda: False, 0.5)

    def test_ends_when_the_run_does(self, terminal: Terminal) -> None:
        assert not confirm(terminal.console, "Carry this out?", lambda: True, 20)

    def test_nobody_is_asked_without_a_terminal(self, terminal: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
        assert can_ask(terminal.console)
        assert not can_ask(Console(file=StringIO()))
        monkeypatch.setattr(sys, "stdin", StringIO("yes\n"))
        assert not can_ask(terminal.console)


class TestProgress:
    def test_the_live_table_is_away_while_the_question_stands(self, terminal: Terminal, tmp_path: Path) -> None:
        run, during = Run(tmp_path), []
        done = threading.Event()

        def ask(_over: Any) -> None:
            during.append(progress._live is not None and progress._live.is_started)
            done.set()

        progress = Progress(run.events, terminal.console, ask)
        with progress.shown():
            run.event("asked")
            assert done.wait(20)
        assert during == [False]


class TestExecute:
    """From the question to the answer in the run's folder; a thread stands in for Ansible with the plan's action."""

    @pytest.fixture
    def hosts(self, monkeypatch: pytest.MonkeyPatch, terminal: Terminal) -> list[str]:
        """The hosts that the run would go on with."""
        gone: list[str] = []

        def run_playbook(_playbook: str, _inventories: Any, *, variables: dict[str, Any], **_more: Any) -> Outcome:
            run = Run(Path(variables["kubewright_run_directory"]))
            run.write("inputs", {})
            run.write("plan", PLAN.to_json())
            action = object.__new__(MakePlan)
            action.variables = variables
            if action._confirmed(run):
                gone.extend(PLAN.hosts(Stage.CONVERGE))
            return Outcome("successful", 0, "")

        monkeypatch.setattr(running, "run_playbook", run_playbook)
        monkeypatch.setattr(running, "err", terminal.console)
        return gone

    def options(self, folder: Path, **more: Any) -> Options:
        (folder / "hosts.yml").touch()
        return Options([str(folder / "hosts.yml")], Connection(), **more)

    def test_yes(self, hosts: list[str], terminal: Terminal, tmp_path: Path) -> None:
        terminal.types("y\n")
        _run, error = execute("cluster", self.options(tmp_path), confirmed=False)
        assert error is None
        assert hosts == ["w1"]
        assert "bring the host to its document" in terminal.screen.getvalue()

    def test_its_folder_is_for_the_owner_alone(self, hosts: list[str], terminal: Terminal, tmp_path: Path) -> None:
        run, _error = execute("cluster", self.options(tmp_path))
        assert (run.directory / "ansible.log").exists()
        files = [path for path in (tmp_path / ".kubewright").rglob("*") if path.is_file()]
        assert {str(path) for path in files if path.stat().st_mode & 0o077} == set()

    def test_no(self, hosts: list[str], terminal: Terminal, tmp_path: Path) -> None:
        terminal.types("n\n")
        _run, error = execute("cluster", self.options(tmp_path), confirmed=False)
        assert isinstance(error, DeclinedError)
        assert hosts == []

    @pytest.mark.parametrize(("confirmed", "dry_run"), [(True, False), (False, True)])
    def test_nothing_is_asked(
        self, hosts: list[str], terminal: Terminal, tmp_path: Path, confirmed: bool, dry_run: bool
    ) -> None:
        _run, error = execute("cluster", self.options(tmp_path, dry_run=dry_run), confirmed=confirmed)
        assert error is None
        assert hosts == ["w1"]
        assert "[y/N]" not in terminal.screen.getvalue()

    def test_a_run_that_could_not_end_by_itself_has_a_report(
        self, hosts: list[str], terminal: Terminal, tmp_path: Path
    ) -> None:
        run, _error = execute("cluster", self.options(tmp_path))
        assert "It ended in the middle." in (run.directory / "report.html").read_text()
        assert f"report: {run.directory / 'report.html'}" in terminal.screen.getvalue()

    def test_a_report_that_cannot_be_written_is_a_warning(
        self, hosts: list[str], terminal: Terminal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("kubewright.engine.reporting.REPORT", "nowhere/\0")
        _run, error = execute("cluster", self.options(tmp_path))
        assert error is None
        assert "warning: the run's report could not be written" in terminal.screen.getvalue()

    def test_as_json_lines(self, hosts: list[str], terminal: Terminal, tmp_path: Path) -> None:
        run, _error = execute("cluster", self.options(tmp_path, log_format=LogFormat.JSON))
        (line,) = [json.loads(text) for text in terminal.screen.getvalue().splitlines()]
        assert (line["event"], line["run"], line["path"]) == (
            *("report", run.directory.name),
            str(run.directory / "report.html"),
        )

    def test_interrupted_while_the_question_stands(self, tmp_path: Path) -> None:
        run = Run(tmp_path)
        interrupted = Outcome("failed", 2, "", presses=2)
        assert "half done" in str(running._ended(interrupted, run))
        run.write("answer", {"go": True})
        assert "half done" in str(running._ended(interrupted, run))
        run.write("answer", {"go": False})
        assert "nothing was changed" in str(running._ended(interrupted, run))

    def test_one_ctrl_c_is_a_no(self, hosts: list[str], terminal: Terminal, tmp_path: Path) -> None:
        def press() -> None:
            while "[y/N]" not in terminal.screen.getvalue():
                threading.Event().wait(0.01)
            (folder,) = (tmp_path / ".kubewright" / "runs").iterdir()
            Run(folder).write("stop", {})

        threading.Thread(target=press, daemon=True).start()
        _run, error = execute("cluster", self.options(tmp_path), confirmed=False)
        assert isinstance(error, DeclinedError)
        assert hosts == []

    def test_an_answer_that_does_not_come(
        self, hosts: list[str], terminal: Terminal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(running, "ANSWER_SECONDS", 0.3)
        _run, error = execute("cluster", self.options(tmp_path), confirmed=False)
        assert isinstance(error, DeclinedError)
        assert hosts == []
