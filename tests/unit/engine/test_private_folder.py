"""The private folder of a run does not outlive it for longer than until the next run."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from kubewright.engine.private_folder import private_folder

# A run that is killed while it has something in its folder.
KILLED = """
import os, signal, sys
from pathlib import Path
from kubewright.engine.private_folder import private_folder
with private_folder(Path(sys.argv[1])) as folder:
    (folder / "env").mkdir()
    (folder / "env" / "settings").write_text("secret")
    os.kill(os.getpid(), signal.SIGKILL)
"""


def left(parent: Path) -> list[Path]:
    return list(parent.iterdir())


class TestPrivateFolder:
    def test_only_its_user_can_read_it_and_it_is_gone_afterwards(self, tmp_path: Path) -> None:
        with private_folder(tmp_path) as folder:
            (folder / "file").touch()
            assert folder.stat().st_mode & 0o777 == 0o700
        assert left(tmp_path) == []

    def test_that_of_a_killed_run_is_removed_by_the_next(self, tmp_path: Path) -> None:
        subprocess.run((sys.executable, "-c", KILLED, str(tmp_path)), check=False, timeout=30)
        assert len(left(tmp_path)) == 1
        with private_folder(tmp_path) as folder:
            assert left(tmp_path) == [folder]

    def test_that_of_a_living_run_is_left(self, tmp_path: Path) -> None:
        with private_folder(tmp_path) as other:
            (other / "file").touch()
            with private_folder(tmp_path):
                assert (other / "file").exists()

    def test_what_is_not_a_runs_is_left(self, tmp_path: Path) -> None:
        (tmp_path / "target").mkdir()
        (tmp_path / "target" / "file").touch()
        (tmp_path / "kubewright-run-link").symlink_to(tmp_path / "target")
        (tmp_path / "kubewright-run-file").touch()
        with private_folder(tmp_path):
            pass
        assert sorted(path.name for path in left(tmp_path)) == ["kubewright-run-file", "kubewright-run-link", "target"]
        assert (tmp_path / "target" / "file").exists()
