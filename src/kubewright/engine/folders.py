"""The folders of runs in the state directory: making one, and removing old ones that nobody works in."""

from __future__ import annotations

import shutil
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from kubewright.engine.processes import has_ended, is_local, worker
from kubewright.engine.record import Run, write_text

KEPT_RUNS = 20
"""Of each kind: runs that took the cluster's lock, and runs that only looked."""
UNSEEN_SECONDS = 24 * 3600
"""For how long after its last event a run counts as at work whose process cannot be seen from here."""
_WORKER = "worker"


def create_run(state_directory: Path, verb: str, process: int) -> Run:
    """Make the folder of a new run, mode 0700, and remove the oldest ones that nobody works in.

    A state directory that is new, or empty, becomes its owner's alone and is kept out of version control. One that
    holds something else is somebody's, and stays as it is.

    Args:
        state_directory: where the folders of runs lie.
        verb: a part of the folder's name.
        process: id of the process that lives as long as the run.

    """
    if _is_ours(state_directory):
        state_directory.chmod(0o700)
        write_text(state_directory / ".gitignore", "*\n")
    runs = state_directory / "runs"
    runs.mkdir(exist_ok=True, mode=0o700)
    stamp = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
    run = Run(Path(tempfile.mkdtemp(prefix=f"{stamp}-{verb}-", dir=runs)))
    run.write(_WORKER, worker(process))
    _prune(runs)
    return run


def _is_ours(state_directory: Path) -> bool:
    try:
        state_directory.mkdir(parents=True, mode=0o700)
    except FileExistsError:
        return not any(state_directory.iterdir())
    return True


def _prune(runs: Path) -> None:
    """Remove all but the newest folders of each kind; their names sort by time. Another run may be doing the same.

    Runs that only looked are many where something watches the cluster, and must not push out what was changed.
    """
    folders = sorted(path for path in runs.iterdir() if path.is_dir())
    changed = [folder for folder in folders if Run(folder).has("lock")]
    looked = [folder for folder in folders if folder not in changed]
    for old in (*_but_newest(changed), *_but_newest(looked)):
        if not _at_work(Run(old)):
            shutil.rmtree(old, ignore_errors=True)


def _but_newest(folders: list[Path]) -> Iterator[Path]:
    yield from folders[:-KEPT_RUNS]


def _at_work(run: Run) -> bool:
    """Whether the run's process lives, or may live where it cannot be seen: on another machine, in a container."""
    try:
        known = run.read(_WORKER)
    except FileNotFoundError:
        return False  # killed as it began, or removed by another run meanwhile
    if is_local(known):
        return not has_ended(known)
    return time.time() - _last_event(run) < UNSEEN_SECONDS


def _last_event(run: Run) -> float:
    """When the run last told something, in seconds since the epoch; 0 where another run removed it meanwhile."""
    for path in (run.directory / "journal.jsonl", run.directory):
        try:
            return path.stat().st_mtime
        except FileNotFoundError:
            continue
    return 0.0
