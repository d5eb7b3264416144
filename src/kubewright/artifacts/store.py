"""The cache: files by their SHA-256, an index from recipes to files, locks and temporary folders.

Everything appears by a rename after an fsync, so that an interrupted process leaves nothing half done. What it
leaves in ``tmp`` is removed by the next one.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
import secrets
import shutil
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from kubewright.artifacts.progress import Report
from kubewright.errors import ArtifactError
from kubewright.places import cache_directory

_LOCK_POLL_SECONDS = 0.5


class Store:
    """The files that were fetched or built, under one folder."""

    def __init__(self, root: Path | None = None) -> None:
        self.root = root or cache_directory()
        self._blobs = self.root / "blobs" / "sha256"
        try:
            for folder in ("blobs/sha256", "index", "verified", "locks", "tmp", "partial"):
                (self.root / folder).mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise ArtifactError(
                str(self.root),
                f"the cache cannot be made ({error.strerror})",
                "Set KUBEWRIGHT_CACHE to a folder that can be written",
            ) from error

    def path(self, sha256: str) -> Path:
        """Where the file of that digest is, whether it is there or not."""
        return self._blobs / sha256

    def digests(self) -> list[str]:
        """Return the digests of all files that are there."""
        return sorted(path.name for path in self._blobs.iterdir())

    def holds(self, sha256: str, *, again: bool = False) -> bool:
        """Whether the file is there and undamaged; a damaged one is removed.

        A file that was verified before and has kept its size, times and inode is read again only if asked for by
        ``again``.
        """
        path, note = self.path(sha256), self.root / "verified" / sha256
        try:
            stamp = _stamp(path)
        except FileNotFoundError:
            return False
        with contextlib.suppress(OSError, ValueError):
            if not again and json.loads(note.read_text()) == stamp:
                return True
        if file_sha256(path) != sha256:
            path.unlink(missing_ok=True)
            return False
        self.write(note, json.dumps(stamp).encode())
        return True

    def add(self, path: Path) -> tuple[str, int]:
        """Take a finished file of the same file system into the store; its SHA-256 and size in bytes."""
        sha256 = file_sha256(path)
        path.chmod(0o644)
        with path.open("rb") as stream:
            os.fsync(stream.fileno())
        path.replace(self.path(sha256))
        _sync_folder(self._blobs)
        stamp = _stamp(self.path(sha256))
        self.write(self.root / "verified" / sha256, json.dumps(stamp).encode())
        return sha256, int(stamp[0])

    def recall(self, recipe: str) -> dict[str, Any] | None:
        """What the recipe of that digest gave, None if it was never carried out or its entry is damaged."""
        try:
            entry = json.loads((self.root / "index" / recipe).read_text())
        except (FileNotFoundError, ValueError):
            return None
        return entry if isinstance(entry, dict) else None

    def remember(self, recipe: str, entry: dict[str, Any]) -> None:
        """Note what a recipe gave."""
        self.write(self.root / "index" / recipe, json.dumps(entry, sort_keys=True).encode())

    def write(self, path: Path, data: bytes) -> None:
        """Write a small file so that it is either the old or the new one, whole."""
        descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=".new-")
        try:
            with os.fdopen(descriptor, "wb") as stream:
                stream.write(data)
                stream.flush()
                os.fsync(stream.fileno())
            Path(name).replace(path)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise

    @contextlib.contextmanager
    def lock(self, name: str, component: str, report: Report) -> Iterator[None]:
        """Hold a lock that other processes see; waits without limit for a living holder, and says so."""
        start = time.monotonic()
        with (self.root / "locks" / name).open("a") as stream:
            while True:
                try:
                    fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    break
                except BlockingIOError:
                    report(component, "waiting for another process that makes it", None, time.monotonic() - start)
                    time.sleep(_LOCK_POLL_SECONDS)
            yield

    @contextlib.contextmanager
    def workspace(self) -> Iterator[Path]:
        """A temporary folder on the store's file system, removed at the end, or by the next process after a kill."""
        folder = self.root / "tmp" / secrets.token_hex(8)
        with contextlib.ExitStack() as stack:
            # Nobody may take the new lock for one that a dead process left, before it is held.
            with (self.root / "locks" / "tmp").open("a") as sweeping:
                fcntl.flock(sweeping, fcntl.LOCK_EX)
                self._sweep()
                stream = stack.enter_context(folder.with_suffix(".lock").open("x"))
                fcntl.flock(stream, fcntl.LOCK_EX)
            folder.mkdir()
            try:
                yield folder
            finally:
                remove_tree(folder)
                Path(stream.name).unlink(missing_ok=True)

    def require_free(self, needed: int, purpose: str) -> None:
        """Refuse to begin what does not fit.

        Args:
            needed: bytes.
            purpose: what they are for, for the message.

        """
        free = shutil.disk_usage(self.root).free
        if free < needed:
            raise ArtifactError(
                str(self.root),
                f"{purpose} needs {megabytes(needed)} but the disk has only {megabytes(free)} free",
                "Free space there, or set KUBEWRIGHT_CACHE to a folder on a larger disk",
            )

    def _sweep(self) -> None:
        """Remove temporary folders whose process is gone (nobody holds their lock)."""
        for lock in (self.root / "tmp").glob("*.lock"):
            with contextlib.suppress(OSError), lock.open("r+") as stream:
                fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
                remove_tree(lock.with_suffix(""))
                lock.unlink(missing_ok=True)


def file_sha256(path: Path) -> str:
    """The SHA-256 of a file, in hexadecimal."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def megabytes(size: int) -> str:
    """A number of bytes as people read it."""
    return f"{size / 1e6:,.0f} MB"


def remove_tree(folder: Path) -> None:
    """Remove a folder with all in it, read-only parts too (Go makes some)."""
    for parent, _, _ in os.walk(folder):
        Path(parent).chmod(0o700)
    shutil.rmtree(folder, ignore_errors=True)


def _stamp(path: Path) -> list[int]:
    stat = path.stat()
    return [stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns, stat.st_ino]


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
