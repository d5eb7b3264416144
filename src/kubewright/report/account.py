"""What became of a plan: told by the plan and the run's journal, and by nothing else.

No file, clock or network is used, so the same plan and journal give the same account, and it holds no secret: neither
of them has one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from kubewright.plan.model import Plan, Stage, Step
from kubewright.report.outcome import Outcome, outcome_of
from kubewright.report.timeline import Bar, Lane, State, lanes, step_bars

Event = Mapping[str, Any]

_TOLD: Mapping[str, Callable[[Event], str]] = {
    "waiting": lambda event: f"Waited for: {event['what']}",
    "unreachable": lambda event: f"Did not answer: {event['cause']}",
    "left": lambda event: f"Left for the next run: {event['cause']}",
    "note": lambda event: str(event["text"]),
    "snapshot": lambda event: f"etcd snapshot kept there: {event['path']} ({event['bytes'] / 10**6:.1f} MB)",
    "inventory": lambda event: f"Inventory kept: {event['path']}",
    "kubeconfig": lambda event: f"Kubeconfig: {event['path']}",
    "stopping": lambda event: f"No further step begins: {event['cause']}",
}
"""Events besides the steps, as sentences."""


@dataclass(frozen=True)
class Failure:
    """Something that failed. ``host`` and ``stage`` (as a person reads it) are empty where it concerns none."""

    host: str
    stage: str
    subject: str
    cause: str
    remedy: str


@dataclass(frozen=True)
class StepAccount:
    """A step of the plan, what became of it, and how long it took; None where it did not end."""

    step: Step
    state: State
    seconds: float | None


@dataclass(frozen=True)
class Happening:
    """Something besides the steps, so many seconds after the begin; ``count`` times with nothing in between."""

    second: float
    host: str
    text: str
    count: int = 1


@dataclass(frozen=True)
class Account:
    """All that is told of a run. ``began`` is in seconds since 1970."""

    plan: Plan
    kubewright: str
    began: float
    seconds: float
    outcome: Outcome
    failures: tuple[Failure, ...]
    stages: tuple[tuple[Stage, tuple[StepAccount, ...]], ...]
    lanes: tuple[Lane, ...]
    happenings: tuple[Happening, ...]


def account(plan: Plan, events: Sequence[Event]) -> Account:
    """Tell what became of a plan, by the events of the run's journal in their order."""
    began = float(events[0]["time"]) if events else 0.0
    seconds = round(float(events[-1]["time"]) - began, 3) if events else 0.0
    begun: Event = next((event for event in events if event["event"] == "begun"), {})
    bars = step_bars(events, began, seconds)
    latest = {(bar.stage, bar.host): bar for bar in bars}
    unbegun = State.PLANNED if begun.get("dry_run") else State.NOT_BEGUN
    return Account(
        plan=plan,
        kubewright=str(begun.get("kubewright", "")),
        began=began,
        seconds=seconds,
        outcome=outcome_of(plan, events),
        failures=tuple(failure for event in _failed(events) for failure in _failures(event)),
        stages=tuple(
            (stage, tuple(_step(step, latest.get((stage.value, step.host)), unbegun) for step in plan.stage(stage)))
            for stage in Stage
            if plan.stage(stage)
        ),
        lanes=lanes(bars, events, began),
        happenings=_joined(_happenings(events, began)),
    )


def _step(step: Step, bar: Bar | None, unbegun: State) -> StepAccount:
    if bar is None:
        return StepAccount(step, unbegun, None)
    return StepAccount(step, bar.state, None if bar.state is State.UNFINISHED else bar.seconds)


def _failed(events: Sequence[Event]) -> list[Event]:
    """Failures of the whole run before those of hosts."""
    return sorted((event for event in events if event["event"] == "failed"), key=lambda event: bool(event["host"]))


def _failures(event: Event) -> Iterator[Failure]:
    stage = Stage(event["stage"]).heading if event["stage"] else ""
    for error in event["error"]["errors"] or (event["error"],):
        yield Failure(event["host"], stage, error["subject"], error["cause"], error["remedy"])


def _happenings(events: Sequence[Event], began: float) -> Iterator[Happening]:
    for event in events:
        if tell := _TOLD.get(event["event"]):
            yield Happening(round(float(event["time"]) - began, 3), str(event.get("host", "")), tell(event))


def _joined(happenings: Iterator[Happening]) -> tuple[Happening, ...]:
    """The same thing told again and again becomes one."""
    joined: list[Happening] = []
    for each in happenings:
        same = joined and (joined[-1].host, joined[-1].text) == (each.host, each.text)
        if same:
            joined[-1] = replace(joined[-1], count=joined[-1].count + 1)
        else:
            joined.append(each)
    return tuple(joined)
