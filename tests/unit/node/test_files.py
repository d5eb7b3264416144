"""Writes are whole or not at all."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import BinaryIO

import pytest

from ansible_collections.kubewright.cluster.plugins.module_utils import files

OWN = files.own_ids()


class TestWrite:
    def test_content_and_mode(self, tmp_path: Path) -> None:
        target = tmp_path / "deep" / "file"
        files.write_atomic(target, b"new", 0o640, OWN)
        assert target.read_bytes() == b"new"
        assert files.attributes(target) == {"mode": "0640", "owner": files.owner_name(*OWN)}
        assert [path.name for path in target.parent.iterdir()] == ["file"]

    def test_a_failure_leaves_the_old_file_and_nothing_else(self, tmp_path: Path) -> None:
        target = tmp_path / "file"
        target.write_text("old")

        def fill(stream: BinaryIO) -> None:
            stream.write(b"half")
            raise OSError(errno.ENOSPC, "No space left on device")

        with pytest.raises(OSError, match="No space"):
            files.replace_by(target, fill, 0o644, OWN)
        assert target.read_text() == "old"
        assert [path.name for path in tmp_path.iterdir()] == ["file"]

    def test_a_mount_point_is_written_in_place(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """/etc/hosts in a container cannot be renamed over."""
        target = tmp_path / "hosts"
        target.write_text("a much longer text than the new one")
        inode = target.stat().st_ino

        def busy(source: str, destination: str) -> None:
            raise OSError(errno.EBUSY, "Device or resource busy")

        monkeypatch.setattr(os, "replace", busy)
        files.write_atomic(target, b"short", 0o644, OWN)
        assert target.read_text() == "short"
        assert target.stat().st_ino == inode
        assert [path.name for path in tmp_path.iterdir()] == ["hosts"]

    def test_moving_in_takes_the_source(self, tmp_path: Path) -> None:
        source = tmp_path / "staged"
        source.write_text("binary")
        files.move_into(source, tmp_path / "bin" / "kubelet", 0o755, OWN)
        assert not source.exists()
        assert (tmp_path / "bin" / "kubelet").stat().st_mode & 0o777 == 0o755


class TestSweep:
    def test_only_our_temporary_files_go(self, tmp_path: Path) -> None:
        for name in (".kubewright-abc.tmp", ".kubewright-abc", "x.tmp", "kubewright-a.tmp"):
            (tmp_path / name).touch()
        removed = files.sweep([tmp_path, tmp_path, tmp_path / "absent"])
        assert removed == [str(tmp_path / ".kubewright-abc.tmp")]
        assert len(list(tmp_path.iterdir())) == 3


class TestUnified:
    def test_a_new_file(self) -> None:
        assert files.unified("/a", None, "x\n") == "--- /dev/null\n+++ /a\n@@ -0,0 +1 @@\n+x\n"

    def test_a_missing_newline_is_said(self) -> None:
        assert files.unified("/a", "x", "x\n").splitlines()[3:] == ["-x", "\\ No newline at end of file", "+x"]

    def test_equal_texts(self) -> None:
        assert files.unified("/a", "x\n", "x\n") == ""
