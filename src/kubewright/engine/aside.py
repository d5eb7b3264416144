"""Work of the controller's that goes on beside remote calls, in a process of its own.

An action of Ansible's ends before the next one begins, and so what it has begun would end with it. In a large inventory
reading takes as long as asking a control plane does, and neither needs the other.
"""

from __future__ import annotations

import contextlib
import fcntl
import gc
import os
import signal
import traceback
from collections.abc import Callable
from pathlib import Path

from kubewright.engine.record import Run, error_from_json, error_to_json
from kubewright.errors import KubewrightError, StepFailedError


def begin_aside(run: Run, made: str, work: Callable[[], object]) -> None:
    """Have a fork of this process do it; :func:`wait_for_aside` tells how it ended.

    Args:
        run: the run.
        made: the file of its folder that the work makes last.
        work: what is to be done.

    The fork holds a lock for as long as it lives, however it ends. It belongs to the same run: what ends the run's
    processes ends it, too. It is in a process group of its own: Ansible ends the group of an action's process that is
    still there when its play is over.

    """
    path = _lock(run, made)
    path.parent.mkdir(mode=0o700, exist_ok=True)
    lock = os.open(path, os.O_WRONLY | os.O_CREAT, 0o600)
    fcntl.flock(lock, fcntl.LOCK_EX)
    fork = os.fork()
    # Here too, for the play may be over before the fork gets to it.
    with contextlib.suppress(ProcessLookupError):
        os.setpgid(fork, 0)
    if fork:
        os.close(lock)  # the fork has the same lock, and so it is held on
        return
    try:
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, signal.SIG_DFL)  # an action's process hands them on to its group
        # Nothing that was inherited is to be taken apart, and nobody's buffers are to be written a second time.
        gc.freeze()
        try:
            work()
        except KubewrightError as error:
            run.write(_failure(made), error_to_json(error))
        except BaseException:  # noqa: BLE001  the fork ends here, and nobody else would tell
            text = traceback.format_exc()
            run.write(_failure(made), error_to_json(StepFailedError("kubewright", f"an error of its own:\n{text}")))
    finally:
        os._exit(0)


def wait_for_aside(run: Run, made: str) -> bool:
    """Wait for the end of what was begun, if anything was; whether anything was.

    Args:
        run: the run.
        made: see :func:`begin_aside`.

    Raises:
        KubewrightError: what it failed with.
        StepFailedError: it ended without making the file and without a word.

    """
    path = _lock(run, made)
    if not path.exists():
        return False
    with path.open() as lock:
        fcntl.flock(lock, fcntl.LOCK_SH)
    if has_failed_aside(run, made):
        raise error_from_json(run.read(_failure(made)))
    if not run.has(made):
        cause = f"the process that was to make {made} was killed"
        raise StepFailedError("kubewright", cause, "See whether memory has run out (dmesg), then run it again")
    return True


def has_failed_aside(run: Run, made: str) -> bool:
    """Whether it has failed by now, so that nothing need be done any more that counts on it."""
    return run.has(_failure(made))


def _lock(run: Run, made: str) -> Path:
    return run.directory / "aside" / f"{made}.lock"


def _failure(made: str) -> str:
    return f"aside/{made}"
