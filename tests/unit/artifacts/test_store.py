"""The cache: whole files only, damage found, locks, left-overs removed."""

from __future__ import annotations

import fcntl
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from kubewright.artifacts import cached_file
from kubewright.artifacts.progress import silent
from kubewright.artifacts.resolve import verify_store
from kubewright.artifacts.store import Store
from kubewright.errors import ArtifactError
from tests.unit.artifacts.imitation import sha256


def added(store: Store, data: bytes = b"some bytes") -> str:
    with store.workspace() as folder:
        (folder / "file").write_bytes(data)
        return store.add(folder / "file")[0]


class TestFiles:
    def test_a_file_is_found_by_its_digest(self, store: Store) -> None:
        digest = added(store)
        assert digest == sha256(b"some bytes")
        assert cached_file(digest).read_bytes() == b"some bytes"

    def test_a_missing_file_is_an_error_with_a_remedy(self, store: Store) -> None:
        with pytest.raises(ArtifactError, match="kubewright artifacts fetch"):
            cached_file("0" * 64)

    def test_a_damaged_file_is_found_and_removed(self, store: Store) -> None:
        digest = added(store)
        store.path(digest).write_bytes(b"some_bytes")
        assert not store.holds(digest)
        assert not store.path(digest).exists()

    def test_damage_that_keeps_the_times_is_found_when_asked(self, store: Store) -> None:
        digest = added(store)
        note = store.root / "verified" / digest
        store.path(digest).write_bytes(b"some_bytes")
        stat = store.path(digest).stat()
        note.write_text(f"[{stat.st_size}, {stat.st_mtime_ns}, {stat.st_ctime_ns}, {stat.st_ino}]")
        assert store.holds(digest)
        assert verify_store(store) == (1, [digest])

    def test_an_unchanged_file_is_not_read_again(self, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
        digest = added(store)
        monkeypatch.setattr("kubewright.artifacts.store.file_sha256", lambda path: pytest.fail("it was read"))
        assert store.holds(digest)

    def test_a_damaged_index_entry_counts_as_none(self, store: Store) -> None:
        store.remember("recipe", {"sha256": "x"})
        assert store.recall("recipe") == {"sha256": "x"}
        (store.root / "index" / "recipe").write_text("{")
        assert store.recall("recipe") is None

    def test_a_failed_write_leaves_the_old_file(self, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
        store.remember("recipe", {"a": 1})

        def fail(descriptor: int) -> None:
            raise OSError(28, "No space left on device")

        monkeypatch.setattr(os, "fsync", fail)
        with pytest.raises(OSError, match="No space"):
            store.remember("recipe", {"a": 2})
        assert store.recall("recipe") == {"a": 1}
        assert [path.name for path in (store.root / "index").iterdir()] == ["recipe"]


class TestRoom:
    def test_a_full_disk_is_an_error_with_numbers(self, store: Store) -> None:
        with pytest.raises(ArtifactError, match=r"building needs .* MB but the disk has only .* MB free"):
            store.require_free(10**18, "building")

    def test_a_folder_that_cannot_be_made_is_an_error(self, tmp_path: Path) -> None:
        (tmp_path / "file").write_text("")
        with pytest.raises(ArtifactError, match="KUBEWRIGHT_CACHE"):
            Store(tmp_path / "file")


class TestProcesses:
    def test_a_second_one_waits_and_says_so(self, store: Store) -> None:
        said = threading.Event()
        order: list[str] = []

        def wait() -> None:
            with store.lock("name", "kubelet", lambda *args: said.set()):
                order.append("second")

        with store.lock("name", "kubelet", silent):
            thread = threading.Thread(target=wait)
            thread.start()
            assert said.wait(5)
            order.append("first")
        thread.join(5)
        assert order == ["first", "second"]

    def test_the_folder_of_a_living_one_is_left_alone(self, store: Store) -> None:
        with store.workspace() as folder:
            with store.workspace():
                pass
            assert folder.exists()
        assert not folder.exists()

    def test_what_a_killed_one_left_is_removed_by_the_next(self, store: Store) -> None:
        program = (
            "import time\nfrom kubewright.artifacts.store import Store\n"
            "with Store().workspace() as folder:\n"
            "    (folder / 'half').write_text('done')\n    print(folder, flush=True)\n    time.sleep(60)\n"
        )
        with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            left = Path(process.stdout.readline().strip())
            process.send_signal(signal.SIGKILL)
        assert (left / "half").exists()
        with store.workspace():
            assert not left.exists()

    def test_a_lock_ends_with_its_holder(self, store: Store) -> None:
        with (store.root / "locks" / "name").open("w") as stream:
            fcntl.flock(stream, fcntl.LOCK_EX)
        start = time.monotonic()
        with store.lock("name", "kubelet", silent):
            assert time.monotonic() - start < 1
