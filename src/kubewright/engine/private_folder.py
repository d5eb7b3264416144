"""ansible-runner's private folder: one for each run, removed at its end, or by the next run where it was killed."""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_PREFIX = "kubewright-run-"


@contextmanager
def private_folder(parent: Path | None = None) -> Iterator[Path]:
    """Give a new folder that only this user can read, in ``parent`` (by default the temporary directory).

    While the run lives it holds a lock on its folder, which the kernel gives up however the run ends. So one that
    nobody holds was left by a killed run; such folders of this user's are removed first.
    """
    place = parent or Path(tempfile.gettempdir())
    _remove_abandoned(place)
    folder = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=place))
    lock = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    fcntl.flock(lock, fcntl.LOCK_EX)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        os.close(lock)


def _remove_abandoned(place: Path) -> None:
    for folder in place.glob(f"{_PREFIX}*"):
        if folder.is_symlink() or not folder.is_dir() or folder.stat().st_uid != os.geteuid():
            continue
        # An empty one has nothing to hide, and may have been made a moment ago by a run that is about to lock it.
        if any(folder.iterdir()) and not _held(folder):
            shutil.rmtree(folder, ignore_errors=True)


def _held(folder: Path) -> bool:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    else:
        return False
    finally:
        os.close(descriptor)
