"""Ask on a terminal before anything changes."""

from __future__ import annotations

import os
import select
import sys
import termios
import time
from collections.abc import Callable

from rich.console import Console

POLL_SECONDS = 0.2
YES = frozenset({"y", "yes"})


def can_ask(console: Console) -> bool:
    """Whether somebody sits at both ends: reads what is printed and can type an answer."""
    return console.is_terminal and sys.stdin is not None and sys.stdin.isatty()


def read_line(descriptor: int, over: Callable[[], bool], seconds: float) -> str | None:
    """Read what is typed up to the end of the line; None where ``over`` became true, or after ``seconds``.

    Nothing blocks for longer than a moment, so that Ctrl-C ends the command. The end of the input ends the line.
    """
    deadline = time.monotonic() + seconds
    typed = b""
    while not over() and time.monotonic() < deadline:
        if not select.select([descriptor], [], [], POLL_SECONDS)[0]:
            continue
        some = os.read(descriptor, 1024)
        typed += some
        if not some or b"\n" in typed:
            return typed.decode(errors="replace").partition("\n")[0]
    return None


def confirm(console: Console, question: str, over: Callable[[], bool], seconds: float) -> bool:
    """Ask; only a clear yes is one, and only one that was typed after the question."""
    descriptor = sys.stdin.fileno()
    termios.tcflush(descriptor, termios.TCIFLUSH)
    console.print(f"{question} [y/N] ", end="", markup=False, highlight=False)
    answer = read_line(descriptor, over, seconds)
    if answer is None:
        console.print()
    return answer is not None and answer.strip().lower() in YES
