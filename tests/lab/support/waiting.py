"""Wait for a condition, with a deadline and a name for what is waited for."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


def wait_until(condition: Callable[[], T], *, deadline: float, what: str, every: float = 1.0) -> T:
    """Ask ``condition`` until its answer is true, and return the answer.

    Args:
        condition: asked again and again; an ``AssertionError`` in it counts as "not yet".
        deadline: seconds after which the test fails.
        what: named in the failure, with the last answer or error.
        every: seconds between two questions.

    """
    end = time.monotonic() + deadline
    while True:
        last: object
        try:
            answer = condition()
        except AssertionError as error:
            last = error
        else:
            if answer:
                return answer
            last = answer
        if time.monotonic() >= end:
            raise AssertionError(f"not so after {deadline:.0f} s: {what}\nlast seen: {last}")
        time.sleep(every)
