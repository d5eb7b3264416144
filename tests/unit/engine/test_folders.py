"""Folders of runs: for their owner alone, and kept for as long as somebody works in them."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from kubewright.engine.folders import KEPT_RUNS, UNSEEN_SECONDS, create_run
from kubewright.engine.record import Run


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def make(state: Path, verb: str = "deploy", *, alive: bool = True) -> Run:
    """A run of this process, or of one that has ended."""
    made = create_run(state, verb, os.getpid())
    if not alive:
        made.write("worker", {**made.read("worker"), "started": "1"})
    return made


def renamed(run: Run, stamp: str) -> Run:
    """The run as if it had begun at another time."""
    target = run.directory.with_name(f"{stamp}-{run.directory.name.split('-', 1)[1]}")
    return Run(run.directory.rename(target))


class TestFolder:
    def test_is_the_owners_and_kept_out_of_version_control(self, tmp_path: Path) -> None:
        state = tmp_path / "deep" / "state"
        run = make(state, "scale")
        assert mode(state) == 0o700
        assert mode(run.directory) == 0o700
        assert (state / ".gitignore").read_text() == "*\n"
        assert [path for path in state.rglob("*") if path.is_file() and mode(path) != 0o600] == []
        assert "-scale-" in run.directory.name
        assert run.directory.parent == state / "runs"

    def test_an_empty_folder_becomes_one(self, tmp_path: Path) -> None:
        tmp_path.chmod(0o755)
        make(tmp_path)
        assert mode(tmp_path) == 0o700
        assert (tmp_path / ".gitignore").read_text() == "*\n"

    def test_a_folder_that_holds_something_else_stays_as_it_is(self, tmp_path: Path) -> None:
        """As with ``--state-dir .``: a project's files would no longer be seen by git, a home no longer by others."""
        (tmp_path / "main.tf").touch()
        tmp_path.chmod(0o755)
        make(tmp_path)
        assert mode(tmp_path) == 0o755
        assert not (tmp_path / ".gitignore").exists()
        assert mode(tmp_path / "runs") == 0o700

    def test_each_run_has_its_own(self, tmp_path: Path) -> None:
        assert len({make(tmp_path).directory for _ in range(5)}) == 5


class TestPruning:
    def test_only_the_newest_are_kept(self, tmp_path: Path) -> None:
        runs = tmp_path / "runs"
        for number in range(KEPT_RUNS + 5):
            old = runs / f"20200101T0000{number:02}Z-deploy-x" / "documents"
            old.mkdir(parents=True)
            (old / "cp1.json").write_text("{}")
        newest = make(tmp_path)
        left = sorted(path.name for path in runs.iterdir())
        assert len(left) == KEPT_RUNS
        assert newest.directory.name in left
        assert left[0].startswith("20200101T000006Z")

    @pytest.mark.parametrize("locked", [False, True])
    def test_a_run_at_work_stays_however_many_look_meanwhile(self, tmp_path: Path, *, locked: bool) -> None:
        deploy = renamed(make(tmp_path), "20200101T000000Z")
        if locked:
            deploy.write("lock", {})
        for _ in range(KEPT_RUNS + 5):
            other = make(tmp_path, "status", alive=False)
            if locked:
                other.write("lock", {})
        assert deploy.directory.exists()

    def test_one_that_was_killed_is_none_at_work(self, tmp_path: Path) -> None:
        killed = renamed(make(tmp_path, "deploy", alive=False), "20200101T000000Z")
        for _ in range(KEPT_RUNS):
            make(tmp_path, "status", alive=False)
        assert not killed.directory.exists()

    def test_runs_that_only_looked_do_not_push_out_what_was_changed(self, tmp_path: Path) -> None:
        deploy = renamed(make(tmp_path, "deploy", alive=False), "20200101T000000Z")
        deploy.write("lock", {})
        for _ in range(KEPT_RUNS + 5):
            make(tmp_path, "status", alive=False)
        assert deploy.directory.exists()

    @pytest.mark.parametrize(("seconds", "kept"), [(UNSEEN_SECONDS - 600, True), (UNSEEN_SECONDS + 600, False)])
    def test_one_of_another_machine_is_at_work_while_it_tells_something(
        self, tmp_path: Path, seconds: float, *, kept: bool
    ) -> None:
        """A state directory may be shared, and a container sees no processes but its own."""
        elsewhere = renamed(make(tmp_path, "deploy", alive=False), "20200101T000000Z")
        elsewhere.write("worker", {**elsewhere.read("worker"), "host": "another"})
        elsewhere.event("begun")
        journal = elsewhere.directory / "journal.jsonl"
        told = journal.stat().st_mtime - seconds
        os.utime(journal, (told, told))
        for _ in range(KEPT_RUNS):
            make(tmp_path, "status", alive=False)
        assert elsewhere.directory.exists() is kept

    def test_a_folder_that_another_run_removed_meanwhile(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        for number in range(KEPT_RUNS + 1):
            (tmp_path / "runs" / f"20200101T0000{number:02}Z-deploy-x").mkdir(parents=True)
        own = Path.rmdir

        def rmdir(path: Path) -> None:
            own(path)  # the other run was a moment faster
            own(path)

        monkeypatch.setattr(Path, "rmdir", rmdir)
        make(tmp_path, "status")

    def test_a_file_among_the_runs_is_no_run(self, tmp_path: Path) -> None:
        (tmp_path / "runs").mkdir()
        (tmp_path / "runs" / "NOTES").write_text("mine")
        make(tmp_path)
        assert (tmp_path / "runs" / "NOTES").exists()
