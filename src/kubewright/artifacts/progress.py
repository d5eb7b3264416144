"""How work on artifacts tells what it is doing."""

from __future__ import annotations

import time
from typing import Protocol, TextIO

TOTAL = "all"
"""The component name under which the whole is reported."""
_LINE_SECONDS = 10.0


class Report(Protocol):
    """Called with every step of progress, from any thread.

    ``component`` is an artifact, a build unit or :data:`TOTAL`; ``state`` one word or a short phrase (``cached``,
    ``building``, ``downloading``, ``waiting``, ``done``, …); ``fraction`` 0 to 1, None where nobody can know;
    ``seconds`` since the component's start.
    """

    def __call__(self, component: str, state: str, fraction: float | None, seconds: float) -> None:
        """Take note of progress."""


def silent(component: str, state: str, fraction: float | None, seconds: float) -> None:
    """A report for those who do not want one."""
    del component, state, fraction, seconds


class Lines:
    """A report as lines of text: what begins and ends at once, in between every few seconds with the time left."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._last = time.monotonic()

    def __call__(self, component: str, state: str, fraction: float | None, seconds: float) -> None:
        """Write a line if it is time for one."""
        now = time.monotonic()
        turning = fraction in (0.0, 1.0) or (fraction is None and state.startswith("cannot"))
        if state == "cached" or (not turning and now - self._last < _LINE_SECONDS):
            return
        if not turning:
            self._last = now
        name = "artifacts" if component == TOTAL else component
        left = ""
        if fraction and fraction < 1.0:
            left = f" {fraction:.0%}, about {_duration(seconds * (1 - fraction) / fraction)} left"
        took = f" after {_duration(seconds)}" if state == "done" else ""
        print(f"{name}: {state}{left}{took}", file=self._stream, flush=True)


def _duration(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 100 else f"{seconds / 60:.0f} min"
