"""Run a command that must not outlive its parent.

``python -m kubewright.engine.leash PARENT_PID COMMAND…`` starts COMMAND in a process group of its own and ends the
whole group when the parent is gone, however it went: a SIGKILLed kubewright must not leave Ansible changing nodes
behind its back. What still runs on a node holds that node's lock, and the next run waits for it.
"""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
import time

GRACE_SECONDS = 2.0


def main() -> int:
    """Run the command; its exit status is ours."""
    parent, command = int(sys.argv[1]), sys.argv[2:]
    try:
        watched = os.pidfd_open(parent)
    except ProcessLookupError:
        return 1
    child = subprocess.Popen(command, process_group=0)
    _hand_over_terminal(child.pid)
    poller = select.poll()
    poller.register(watched, select.POLLIN)
    poller.register(os.pidfd_open(child.pid), select.POLLIN)
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, lambda number, _frame: _end(child, number))
    while child.poll() is None:
        if any(descriptor == watched for descriptor, _event in poller.poll()):
            _end(child, signal.SIGTERM)
            break
    return child.wait() if child.returncode is None else child.returncode


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


def _end(child: subprocess.Popen[bytes], number: int) -> None:
    """End the whole group: first politely, then for certain."""
    _signal_group(child.pid, number)
    deadline = time.monotonic() + GRACE_SECONDS
    while child.poll() is None and time.monotonic() < deadline:
        time.sleep(0.05)
    _signal_group(child.pid, signal.SIGKILL)


def _signal_group(group: int, number: int) -> None:
    try:
        os.killpg(group, number)
    except ProcessLookupError:
        return


if __name__ == "__main__":
    sys.exit(main())
