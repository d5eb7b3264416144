"""Begin the process of ``ansible-playbook`` with the command itself, not when the command has come to need it.

What the command imports and what Ansible imports takes most of a second together, and neither needs the other. So a
verb that runs a playbook forks first: the fork imports what depends on no setting, and then waits to be told what to
run. It is what :mod:`.ansible_process` starts otherwise, on a terminal of its own as ansible-runner would give it, and
it ends with the command, however that ends.
"""

from __future__ import annotations

import importlib
import io
import json
import os
import pty
import signal
import sys
import termios
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from kubewright.engine.leash import hold
from kubewright.quick import run_quickly

IMPORTED = (
    "jinja2.nativetypes",
    "ansible.module_utils._internal._messages",
    "ansible.module_utils._internal._json",
    "ansible.config.manager",
    "kubewright.settings",
    "kubewright.documents",
    "kubewright.plan",
    "kubewright.observe",
    "multiprocessing.queues",
)
"""What Ansible's process needs for certain, and what reads neither the environment nor a setting: those come later."""

_ROWS_AND_COLUMNS = (24, 80)
_STANDARD = 3
"""Descriptors below are input, output and errors."""
_LOCAL_MODES = 3
"""Where :func:`termios.tcgetattr` has the flag of the echo."""


@dataclass(frozen=True)
class _Waiting:
    """A process that waits: the leash's id, the controlling end of its terminal, and where its order is written."""

    pid: int
    terminal: int
    orders: int


_waiting: list[_Waiting] = []


def begin() -> None:
    """Begin it; to be called before there are threads, and before anything was written to standard output.

    Where the system gives no process or terminal, none is begun: whoever starts it in its place says so.
    """
    parent = os.getpid()
    reading, writing = os.pipe()
    try:
        pid, terminal = pty.fork()
    except OSError:
        os.close(reading)
        os.close(writing)
        return
    if not pid:
        _become_as_executed(reading)
        os._exit(hold(parent, lambda: run_quickly(lambda: _wait_and_run(reading))))
    os.close(reading)
    _waiting.append(_Waiting(pid, terminal, writing))


def order(arguments: Sequence[str], environment: Mapping[str, str], folder: str) -> tuple[int, int] | None:
    """Have the process that waits be ``ansible-playbook``; None where none waits (any more).

    Args:
        arguments: of ``ansible-playbook``.
        environment: all of its environment.
        folder: the working directory.

    Returns: the leash's process id and the controlling end of its terminal.

    """
    if not _waiting:
        return None
    process = _waiting.pop()
    text = json.dumps({"arguments": list(arguments), "environment": dict(environment), "folder": folder})
    try:
        with os.fdopen(process.orders, "w") as stream:
            stream.write(text)
    except BrokenPipeError:
        # It was ended while it waited. Another one is started in its place, and tells what is wrong if anything is.
        os.close(process.terminal)
        os.waitpid(process.pid, 0)
        return None
    return process.pid, process.terminal


def _become_as_executed(kept: int) -> None:
    """Make of a fork what ``ptyprocess.PtyProcess.spawn`` makes of one before it executes a program.

    Raises:
        OSError: the terminal cannot be set up.

    """
    os.closerange(_STANDARD, kept)
    os.closerange(kept + 1, os.sysconf("SC_OPEN_MAX"))
    termios.tcsetwinsize(0, _ROWS_AND_COLUMNS)
    settings = termios.tcgetattr(0)
    settings[_LOCAL_MODES] &= ~termios.ECHO
    termios.tcsetattr(0, termios.TCSANOW, settings)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    # Those of the command may be files, and so buffered by the block.
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(line_buffering=True)


def _wait_and_run(orders: int) -> None:
    for name in IMPORTED:
        importlib.import_module(name)
    from kubewright.catalog import load  # noqa: PLC0415  the command need not wait for it

    # Each action that needs the catalogue is a fork, and would read it again.
    load()
    with os.fdopen(orders) as stream:
        text = stream.read()
    if not text:
        # The command has ended without a playbook: its arguments were wrong, for example.
        return
    ordered = json.loads(text)
    os.environ.clear()
    os.environ.update(ordered["environment"])
    os.chdir(ordered["folder"])
    sys.argv = ["ansible-playbook", *ordered["arguments"]]
    from kubewright.engine.ansible_process import playbook  # noqa: PLC0415  what it imports reads the environment

    playbook()
