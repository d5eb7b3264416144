"""A bound on how long something may take that has no deadline of its own."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


class OutOfTimeError(Exception):
    """It took too long."""


@contextmanager
def at_most(seconds: int) -> Iterator[None]:
    """End the block after so many seconds. In the main thread only, as the alarm is the process's one.

    Raises:
        OutOfTimeError: it took longer.

    """

    def over(_number: int, _frame: FrameType | None) -> None:
        raise OutOfTimeError

    previous = signal.signal(signal.SIGALRM, over)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, previous)
