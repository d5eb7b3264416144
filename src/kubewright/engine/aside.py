"""Work of the controller's that goes on beside remote calls, in a process of its own.

An action of Ansible's ends before the next one begins, and so what it has begun would end with it. In a large inventory
reading takes as long as asking a control plane does, and neither needs the other.
"""

from __future__ import annotations

import fcntl
import gc
import os
import traceback
from collections.abc import Callable

from kubewright.engine.record import Run, error_from_json, error_to_json
from kubewright.errors import KubewrightError, StepFailedError

_FAILED = "aside"


def begin_aside(run: Run, work: Callable[[], object]) -> None:
    """Have a fork of this process do it; :func:`wait_for_aside` tells how it ended.

    The fork holds a lock for as long as it lives, however it ends. It belongs to the same run: what ends the run's
    processes ends it, too.
    """
    lock = os.open(run.directory / f"{_FAILED}.lock", os.O_WRONLY | os.O_CREAT, 0o600)
    fcntl.flock(lock, fcntl.LOCK_EX)
    if os.fork():
        os.close(lock)  # the fork has the same lock, and so it is held on
        return
    try:
        # Nothing that was inherited is to be taken apart, and nobody's buffers are to be written a second time.
        gc.freeze()
        try:
            work()
        except KubewrightError as error:
            run.write(_FAILED, error_to_json(error))
        except BaseException:  # noqa: BLE001  the fork ends here, and nobody else would tell
            text = traceback.format_exc()
            run.write(_FAILED, error_to_json(StepFailedError("kubewright", f"an error of its own:\n{text}")))
    finally:
        os._exit(0)


def wait_for_aside(run: Run, made: str) -> None:
    """Wait for the end of what was begun, if anything was.

    Args:
        run: the run.
        made: the file of its folder that the work makes.

    Raises:
        KubewrightError: what it failed with.
        StepFailedError: it ended without making the file and without a word.

    """
    path = run.directory / f"{_FAILED}.lock"
    if not path.exists():
        return
    with path.open() as lock:
        fcntl.flock(lock, fcntl.LOCK_SH)
    if has_failed_aside(run):
        raise error_from_json(run.read(_FAILED))
    if not run.has(made):
        cause = f"the process that was to make {made} was killed"
        raise StepFailedError("kubewright", cause, "See whether memory has run out (dmesg), then run it again")


def has_failed_aside(run: Run) -> bool:
    """Whether it has failed by now, so that nothing need be done any more that counts on it."""
    return run.has(_FAILED)
