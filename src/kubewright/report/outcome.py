"""How a run ended and what to do next, in two sentences; pure."""

from __future__ import annotations

import enum
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from kubewright.plan.model import Plan, Stage
from kubewright.report.text import nothing_to_do

Event = Mapping[str, Any]
_AGAIN = "run the same command again; it goes on where this one stopped."


class Verdict(enum.StrEnum):
    """How a run ended, in a word or two."""

    DONE = "done"
    PLANNED = "planned"
    DECLINED = "not carried out"
    LEFT_OUT = "hosts left out"
    INTERRUPTED = "interrupted"
    FAILED = "failed"


@dataclass(frozen=True)
class Outcome:
    """How a run ended, in a word and in a sentence, and what to do next."""

    verdict: Verdict
    text: str
    next_step: str


def outcome_of(plan: Plan, events: Sequence[Event]) -> Outcome:
    """Judge a run by its plan and its journal; what is worst decides."""
    by_kind: dict[str, list[Event]] = {}
    for event in events:
        by_kind.setdefault(event["event"], []).append(event)
    failed = by_kind.get("failed", ())
    if failed:
        hosts = {event["host"] for event in failed} - {""}
        where = f" on {_counted(len(hosts), 'host')}" if hosts else ""
        text = f"{_counted(len(failed), 'failure')}{where}."
        return Outcome(Verdict.FAILED, text, f"Mend what is named below and {_AGAIN}")
    if declined := by_kind.get("declined"):
        text = f"{_sentence(declined[0]['cause'])}; nothing was changed."
        return Outcome(Verdict.DECLINED, text, "Run the same command again, and answer yes or give --yes.")
    if stopped := by_kind.get("stopping"):
        return Outcome(Verdict.INTERRUPTED, f"{_sentence(stopped[0]['cause'])}.", _sentence(_AGAIN))
    if "finished" not in by_kind:
        return Outcome(Verdict.INTERRUPTED, "It ended in the middle.", _sentence(_AGAIN))
    left = by_kind["finished"][-1].get("left", ())
    dry_run = any(event.get("dry_run") for event in by_kind.get("begun", ()))
    return _planned(plan, left) if dry_run else _carried_out(plan, left, events)


def _planned(plan: Plan, left: Sequence[str]) -> Outcome:
    silent = f" No answer from: {', '.join(left)}." if left else ""
    if plan.empty:
        return Outcome(Verdict.PLANNED, f"{nothing_to_do(plan)}{silent}", _rest(plan))
    text = f"{_counted(len(plan.steps), 'step')} planned; nothing was changed.{silent}"
    return Outcome(Verdict.PLANNED, text, f"To carry it out: kubewright {plan.verb} without --dry-run.")


def _carried_out(plan: Plan, left: Sequence[str], events: Sequence[Event]) -> Outcome:
    if left:
        text = f"Left out, for want of an answer: {', '.join(left)}. All else is done."
        return Outcome(Verdict.LEFT_OUT, text, "Bring what was left out back and run the same command again.")
    if plan.empty:
        return Outcome(Verdict.DONE, nothing_to_do(plan), _rest(plan))
    changed = changed_steps(events)
    text = f"{_counted(changed, 'step')} changed something." if changed else "Nothing had to be changed."
    return Outcome(Verdict.DONE, text, _rest(plan))


def _rest(plan: Plan) -> str:
    return "See what is left below." if plan.left else "Nothing."


def changed_steps(events: Sequence[Event]) -> int:
    """How many steps changed something; checks do not count."""
    return sum(
        1
        for event in events
        if event["event"] == "end" and event.get("changed") and event["stage"] != Stage.CHECK.value
    )


def _counted(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:]
