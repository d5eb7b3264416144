"""When each host's steps ran, by the journal; pure."""

from __future__ import annotations

import enum
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from kubewright.plan.model import Stage

Event = Mapping[str, Any]

CONTROLLER = "controller"
"""The lane of work on this machine. It cannot be taken for a host's: those are told apart by :attr:`Lane.own`."""
_TICKS = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 43200, 86400)
_MANY_TICKS = 8


class State(enum.StrEnum):
    """What became of a step."""

    PLANNED = "planned"
    NOT_BEGUN = "not begun"
    UNFINISHED = "not finished"
    FAILED = "failed"
    LEFT = "left for the next run"
    DONE = "done"
    CHANGED = "changed"
    UNCHANGED = "nothing changed"


@dataclass(frozen=True)
class Bar:
    """A step that ran: from ``begin``, in seconds since the run's begin, for so many seconds."""

    stage: str
    title: str
    host: str
    begin: float
    seconds: float
    state: State


@dataclass(frozen=True)
class Lane:
    """The bars of one host, or where ``own`` says so, of the controller itself."""

    host: str
    bars: tuple[Bar, ...]
    own: bool = False

    @property
    def seconds(self) -> float:
        """Time at work."""
        return sum(bar.seconds for bar in self.bars)


def step_bars(events: Sequence[Event], began: float, seconds: float) -> tuple[Bar, ...]:
    """A bar for each step that began, in the order of beginning. One that did not end lasts as long as the run did.

    Args:
        events: the run's journal.
        began: when the run began, in seconds since 1970.
        seconds: how long it lasted.

    """
    bars: list[Bar] = []
    running: dict[tuple[str, str], int] = {}
    left: set[str] = set()
    for event in events:
        kind = event["event"]
        if kind == "begin":
            stage, host, begin = event["stage"], event["host"], max(0.0, float(event["time"]) - began)
            running[stage, host] = len(bars)
            bars.append(Bar(stage, Stage(stage).heading, host, begin, max(0.0, seconds - begin), State.UNFINISHED))
            left.discard(host)
        elif kind == "left":
            left.add(event["host"])
        elif kind == "end" and (event["stage"], event["host"]) in running:
            number = running.pop((event["stage"], event["host"]))
            state = State.LEFT if event["host"] in left else _state(event)
            bars[number] = replace(bars[number], seconds=float(event["seconds"]), state=state)
    return tuple(bars)


def _state(end: Event) -> State:
    if not end.get("ok"):
        return State.FAILED
    return {None: State.DONE, True: State.CHANGED, False: State.UNCHANGED}[end.get("changed")]


def lanes(bars: Sequence[Bar], events: Sequence[Event], began: float) -> tuple[Lane, ...]:
    """One lane for each host, in the order in which they began; work on artifacts comes first."""
    by_host: dict[str, list[Bar]] = {}
    for bar in bars:
        by_host.setdefault(bar.host, []).append(bar)
    own = tuple(_artifacts(events, began))
    first = (Lane(CONTROLLER, own, own=True),) if own else ()
    return (*first, *(Lane(host, tuple(each)) for host, each in by_host.items()))


def _artifacts(events: Sequence[Event], began: float) -> Iterator[Bar]:
    """Work on binaries and images as one bar, where it took any time."""
    told = [event for event in events if event["event"] == "artifact"]
    if not told:
        return
    begin = max(0.0, float(told[0]["time"]) - float(told[0]["seconds"]) - began)
    end = float(told[-1]["time"]) - began
    if end > begin:
        yield Bar("", "Binaries and images", CONTROLLER, round(begin, 3), round(end - begin, 3), State.DONE)


def ticks(seconds: float) -> tuple[int, ...]:
    """Whole seconds at which the time is written beside the bars: few, and at round numbers."""
    width = next((each for each in _TICKS if seconds / each <= _MANY_TICKS), _TICKS[-1])
    return tuple(range(0, int(seconds) + 1, width))
