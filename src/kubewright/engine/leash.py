"""Run a program that must not outlive its parent.

The leash is a process that runs the program in a fork, which is a process group of its own, and ends it with all its
descendants when the parent is gone, however it went, or when the leash itself is told to end: a SIGKILLed kubewright
must not leave Ansible changing nodes behind its back. Ansible's workers are in sessions of their own, so a signal to a
group does not reach them: the leash is the reaper of all orphans below it and finds them by parentage. What still runs
on a node holds that node's lock, and the next run waits for it.

``python -m kubewright.engine.leash PARENT_PID COMMAND…`` does so with any command.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import select
import signal
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

GRACE_SECONDS = 2.0
_PR_SET_CHILD_SUBREAPER = 36  # linux/prctl.h


def main() -> int:
    """Run the command; its exit status is ours."""
    parent, command = int(sys.argv[1]), sys.argv[2:]
    return hold(parent, lambda: os.execvp(command[0], command))


def hold(parent: int, program: Callable[[], object]) -> int:
    """Run a program while the parent lives.

    Args:
        parent: the parent's process id.
        program: runs in the fork, and ends it; what it raises is left to Python there.

    Returns: the fork's exit status; the negative number of the signal that ended it.

    """
    try:
        watched = os.pidfd_open(parent)
    except ProcessLookupError:
        return 1
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    child = _Child(program)
    _hand_over_terminal(child.pid)
    poller = select.poll()
    poller.register(watched, select.POLLIN)
    poller.register(os.pidfd_open(child.pid), select.POLLIN)
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, lambda number, _frame: _end(child, number))
    while not child.has_ended():
        if any(descriptor == watched for descriptor, _event in poller.poll()):
            _end(child, signal.SIGTERM)
            break
    code = child.wait()
    _reap_orphans()
    return code


class _Child:
    """The fork that runs the program."""

    def __init__(self, program: Callable[[], object]) -> None:
        self._code: int | None = None
        self.pid = os.fork()
        # In both, for neither may go on before it is done; where the fork was the first, it may be further by now.
        with contextlib.suppress(PermissionError, ProcessLookupError):
            os.setpgid(self.pid, 0)
        if not self.pid:
            program()
            os._exit(0)

    def has_ended(self) -> bool:
        """Whether it has; its exit status is then known."""
        return self._waited(os.WNOHANG) is not None

    def wait(self) -> int:
        """Wait for its end; its exit status, or the negative number of the signal that ended it."""
        code = self._waited(0)
        if code is None:
            raise ChildProcessError(self.pid)
        return code

    def _waited(self, options: int) -> int | None:
        if self._code is None:
            process, status = os.waitpid(self.pid, options)
            if process:
                self._code = os.waitstatus_to_exitcode(status)
        return self._code


def _reap_orphans() -> None:
    """Take note of descendants that outlived their parents and have ended: what they took is part of what we took."""
    try:
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
    except ChildProcessError:
        pass


def _hand_over_terminal(group: int) -> None:
    """Let the command ask for passwords: only the foreground group may read the terminal."""
    try:
        terminal = os.open("/dev/tty", os.O_RDWR)
    except OSError:  # no terminal, nothing to hand over
        return
    previous = signal.signal(signal.SIGTTOU, signal.SIG_IGN)
    try:
        os.tcsetpgrp(terminal, group)
    except OSError:  # not ours to give: the command then runs without asking
        pass
    finally:
        signal.signal(signal.SIGTTOU, previous)
        os.close(terminal)


def _end(child: _Child, number: int) -> None:
    """End everything below: first politely, then for certain."""
    _signal_group(child.pid, number)
    deadline = time.monotonic() + GRACE_SECONDS
    while not child.has_ended() and time.monotonic() < deadline:
        time.sleep(0.05)
    _signal_group(child.pid, signal.SIGKILL)
    # Whoever is killed may have had children that are ours now: look again until there are none.
    deadline = time.monotonic() + GRACE_SECONDS
    while (alive := list(descendants(os.getpid()))) and time.monotonic() < deadline:
        for process in alive:
            kill(process)
        time.sleep(0.02)


def descendants(process: int) -> Iterator[int]:
    """Process ids below one that still run."""
    for child in children(process):
        yield from descendants(child)
        if _runs(child):
            yield child


def children(process: int) -> list[int]:
    """Ids of a process's direct children; none where it is gone."""
    found: list[int] = []
    for tasks in Path(f"/proc/{process}/task").glob("*/children"):
        try:
            found += map(int, tasks.read_text().split())
        except (FileNotFoundError, ProcessLookupError):
            continue  # a thread or the process itself has just ended
    return found


def _runs(process: int) -> bool:
    """Whether it is there and no zombie."""
    try:
        state = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state != "Z"


def kill(process: int) -> None:
    """Kill a process that may have ended meanwhile."""
    try:
        os.kill(process, signal.SIGKILL)
    except ProcessLookupError:
        return


def _signal_group(group: int, number: int) -> None:
    try:
        os.killpg(group, number)
    except ProcessLookupError:
        return


if __name__ == "__main__":
    sys.exit(main())
