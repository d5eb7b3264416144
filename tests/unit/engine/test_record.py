"""The run's folder: writes that a kill cannot halve, and a journal that many processes append to."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kubewright.engine import record
from kubewright.engine.record import Run, error_from_json, error_to_json, write_json
from kubewright.errors import ERRORS_BY_EXIT_CODE, BadInputError, BadInputErrors, KubewrightError, StepFailedError

SOURCE = Path(record.__file__).parents[2]


@pytest.fixture
def run(tmp_path: Path) -> Run:
    made = Run(tmp_path / "run")
    made.directory.mkdir()
    return made


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


class TestFiles:
    def test_round_trip(self, run: Run) -> None:
        value = {"a": [1, None, "ü"], "b": {"c": True}}
        assert not run.has("x")
        run.write("x", value)
        assert run.has("x")
        assert run.read("x") == value

    def test_folders_by_host_names_with_dots(self, run: Run) -> None:
        for name in ("b.example.net", "a", "a.json"):
            run.write(f"hosts/{name}", {"name": name})
        found = run.read_all("hosts")
        assert list(found) == sorted(found)
        assert {name: value["name"] for name, value in found.items()} == {
            name: name for name in ("a", "a.json", "b.example.net")
        }

    def test_a_folder_that_is_not_there_is_empty(self, run: Run) -> None:
        assert run.read_all("hosts") == {}

    def test_what_was_never_written_cannot_be_read(self, run: Run) -> None:
        with pytest.raises(FileNotFoundError):
            run.read("plan")

    def test_mode_and_no_left_over(self, run: Run) -> None:
        run.write("hosts/a", {})
        path = run.directory / "hosts" / "a.json"
        assert mode(path) == 0o600
        assert mode(path.parent) == 0o700
        assert list(path.parent.iterdir()) == [path]

    def test_a_value_that_cannot_be_written_leaves_the_old_one(self, run: Run) -> None:
        run.write("x", {"good": True})
        with pytest.raises(TypeError):
            run.write("x", {"bad": object()})
        assert run.read("x") == {"good": True}
        assert [path.name for path in run.directory.iterdir()] == ["x.json"]

    def test_a_kill_before_the_rename_leaves_the_old_one(self, tmp_path: Path) -> None:
        """The process ends in the moment between writing and renaming, as by SIGKILL."""
        path = tmp_path / "x.json"
        write_json(path, {"version": 1})
        script = (
            "import os, sys; from pathlib import Path; from kubewright.engine.record import write_json\n"
            "os.fsync = lambda _: os._exit(9)\n"
            "write_json(Path(sys.argv[1]), {'version': 2})\n"
        )
        done = subprocess.run(
            [sys.executable, "-c", script, str(path)], env={**os.environ, "PYTHONPATH": str(SOURCE)}, check=False
        )
        assert done.returncode == 9
        assert json.loads(path.read_text()) == {"version": 1}
        run = Run(tmp_path.parent)
        assert run.read_all(tmp_path.name) == {"x": {"version": 1}}

    def test_equal_values_are_equal_files(self, tmp_path: Path) -> None:
        write_json(tmp_path / "a", {"x": 1, "y": 2})
        write_json(tmp_path / "b", {"y": 2, "x": 1})
        assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


class TestJournal:
    def test_is_empty_at_first(self, run: Run) -> None:
        assert run.events() == []

    def test_events_in_order_with_time(self, run: Run) -> None:
        run.event("begun", verb="deploy")
        run.event("note", host="cp1", text="two\nlines \u2028 and more")
        first, second = run.events()
        assert first["event"] == "begun"
        assert second["text"] == "two\nlines \u2028 and more"
        assert first["time"] <= second["time"]
        assert mode(run.directory / "journal.jsonl") == 0o600

    def test_a_last_line_that_was_cut_off_is_left_out(self, run: Run) -> None:
        run.event("begun", verb="deploy")
        with (run.directory / "journal.jsonl").open("a") as journal:
            journal.write('{"event": "end", "st')
        assert [event["event"] for event in run.events()] == ["begun"]

    def test_many_processes_at_once(self, run: Run) -> None:
        script = (
            "import sys; from pathlib import Path; from kubewright.engine.record import Run\n"
            "run = Run(Path(sys.argv[1]))\n"
            "for number in range(200):\n"
            "    run.event('note', host=sys.argv[2], text='x' * (number * 20), number=number)\n"
        )
        writers = [
            subprocess.Popen(
                [sys.executable, "-c", script, str(run.directory), f"w{number}"],
                env={**os.environ, "PYTHONPATH": str(SOURCE)},
            )
            for number in range(4)
        ]
        assert [writer.wait(timeout=60) for writer in writers] == [0, 0, 0, 0]
        events = run.events()
        assert len(events) == 800
        for number in range(4):
            own = [event["number"] for event in events if event["host"] == f"w{number}"]
            assert own == list(range(200))

    def test_step_has_begin_and_end_with_its_outcome(self, run: Run) -> None:
        with run.step("converge", "cp1") as outcome:
            outcome["ok"] = True
        begin, end = run.events()
        assert (begin["event"], begin["stage"], begin["host"]) == ("begin", "converge", "cp1")
        assert (end["event"], end["ok"]) == ("end", True)
        assert end["seconds"] >= 0

    def test_step_that_fails_ends_too(self, run: Run) -> None:
        def fail() -> None:
            with run.step("init", "cp1") as outcome:
                outcome["ok"] = False
                raise StepFailedError("host cp1", "it failed")

        with pytest.raises(StepFailedError):
            fail()
        assert run.events()[-1]["event"] == "end"
        assert run.events()[-1]["ok"] is False

    def test_failures_are_those_of_the_run_in_order(self, run: Run) -> None:
        run.event("begun", verb="deploy")
        run.fail(StepFailedError("host cp1", "first"), host="cp1", stage="init")
        run.event("note", host="cp1", text="")
        run.fail(StepFailedError("host w1", "second"), host="w1", stage="join-worker")
        assert [(event["host"], event["error"]["cause"]) for event in run.failures()] == [
            ("cp1", "first"),
            ("w1", "second"),
        ]


class TestErrors:
    @pytest.mark.parametrize("kind", ERRORS_BY_EXIT_CODE.values())
    def test_keep_their_kind_across_processes(self, kind: type[KubewrightError]) -> None:
        error = kind("host cp1", "it is so", "Do this")
        back = error_from_json(json.loads(json.dumps(error_to_json(error))))
        assert type(back) is kind
        assert str(back) == str(error)

    def test_several_stay_several(self) -> None:
        errors = (BadInputError("host w1", "swap is on", "Turn it off"), BadInputError("host w2", "swap is on"))
        back = error_from_json(json.loads(json.dumps(error_to_json(BadInputErrors(errors)))))
        assert [str(error) for error in getattr(back, "errors", ())] == [str(error) for error in errors]

    @given(subject=st.text(), cause=st.text(), remedy=st.text())
    def test_keep_their_parts(self, subject: str, cause: str, remedy: str) -> None:
        error = StepFailedError(subject, cause, remedy)
        back = error_from_json(json.loads(json.dumps(error_to_json(error))))
        assert (back.subject, back.cause, back.remedy) == (error.subject, error.cause, error.remedy)
        str(back).encode()
