"""How work on artifacts tells what it is doing."""

from __future__ import annotations

from typing import Protocol

TOTAL = "all"
"""The component name under which the whole is reported."""


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
