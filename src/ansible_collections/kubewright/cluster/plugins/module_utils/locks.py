"""The node's lock: held by every module that changes the node while it, or a command that it started, is at work.

It is a ``flock`` on ``/run/kubewright/lock``. The kernel gives it up when the last descriptor of it is closed, so a
killed holder leaves no stale lock; the file's content only says who the holder is.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import signal
import time
from typing import Any, Iterator, Optional

from ansible_collections.kubewright.cluster.plugins.module_utils.errors import LOCKED, NodeError
from ansible_collections.kubewright.cluster.plugins.module_utils.frozen import frozen
from ansible_collections.kubewright.cluster.plugins.module_utils.process import System

LOCK_PATH = "/run/kubewright/lock"


@frozen
class Held:
    """The lock, held. ``waited`` is in seconds; ``waited_for`` is who had it, None where nobody had."""

    waited: float = 0.0
    waited_for: Optional[dict[str, Any]] = None


class _DeadlineError(Exception):
    """The alarm went off while the lock was waited for."""


def holder(system: System) -> Optional[dict[str, Any]]:
    """Return who holds the lock now ({pid, action, since, run}; since in seconds since the epoch), None for nobody."""
    try:
        descriptor = os.open(str(system.path(LOCK_PATH)), os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return _content(descriptor)
    else:
        return None
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def hold(system: System, action: str, *, run: str = "", timeout: float = 600.0) -> Iterator[Held]:
    """Hold the lock exclusively while the block runs.

    Commands run through ``system`` inherit the descriptor: were the module killed, a command of it that goes on (a
    package manager in the middle of its work) keeps the lock until it is done, and the next run waits for it instead of
    working beside it.

    Args:
        system: the node.
        action: what the holder does, for whoever waits.
        run: the run that the holder belongs to.
        timeout: seconds to wait for another holder.

    Raises:
        NodeError: another holder had it for longer than ``timeout`` (exit code 6).

    """
    path = system.path(LOCK_PATH)
    path.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
    descriptor = os.open(str(path), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        held = _take(descriptor, fcntl.LOCK_EX, timeout)
        _write(descriptor, {"pid": os.getpid(), "action": action, "since": time.time(), "run": run})
        system.inherited.append(descriptor)
        try:
            yield held
        finally:
            system.inherited.remove(descriptor)
            os.ftruncate(descriptor, 0)
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def look(system: System, *, timeout: float = 600.0) -> Iterator[Held]:
    """Wait until nobody changes the node and keep it so while the block looks; makes no lock file where there is none.

    Raises:
        NodeError: a holder had the lock for longer than ``timeout`` (exit code 6).

    """
    try:
        descriptor = os.open(str(system.path(LOCK_PATH)), os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        yield Held()
        return
    try:
        yield _take(descriptor, fcntl.LOCK_SH, timeout)
    finally:
        os.close(descriptor)


def _take(descriptor: int, kind: int, timeout: float) -> Held:
    try:
        fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        pass
    else:
        return Held()
    other = _content(descriptor)
    started = time.monotonic()
    try:
        _take_before(descriptor, kind, timeout)
    except _DeadlineError:
        raise NodeError("node lock", _busy(other, timeout), "Wait until it is done, then run again", LOCKED) from None
    return Held(time.monotonic() - started, other)


def _take_before(descriptor: int, kind: int, timeout: float) -> None:
    """Wait in the kernel, not by asking again and again; the alarm ends the wait."""
    if timeout <= 0:
        raise _DeadlineError

    def ring(_number: int, _frame: object) -> None:
        raise _DeadlineError

    before = signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, timeout)
    try:
        fcntl.flock(descriptor, kind)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def _busy(other: dict[str, Any], timeout: float) -> str:
    since = other.get("since")
    age = " for %d s" % max(0, time.time() - since) if isinstance(since, (int, float)) else ""
    who = "%s (process %s)" % (other.get("action", "another run"), other.get("pid", "unknown"))
    return "held%s by %s; waited %d s" % (age, who, timeout)


def _content(descriptor: int) -> dict[str, Any]:
    text = os.pread(descriptor, 4096, 0).decode("utf-8", "replace")
    try:
        value = json.loads(text)
    except ValueError:
        # Between another holder's taking of the lock and its writing of its name.
        return {"action": "another run"}
    return value if isinstance(value, dict) else {"action": "another run"}


def _write(descriptor: int, value: dict[str, Any]) -> None:
    os.ftruncate(descriptor, 0)
    os.pwrite(descriptor, json.dumps(value).encode(), 0)
