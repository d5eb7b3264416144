"""How a run ended and what to do next: what is worst decides."""

from __future__ import annotations

from typing import Any

import pytest

from kubewright.plan import Plan, Stage, Step
from kubewright.report.outcome import Verdict, changed_steps, outcome_of

STEP = Step(Stage.CONVERGE, "w1", "bring the host to its document", "new host")
PLAN = Plan("scale", "mine", "1.37.2", "cp1", (STEP,))
EMPTY = Plan("deploy", "mine", "1.37.2", "cp1", ())

Event = dict[str, Any]


def event(kind: str, **fields: Any) -> Event:
    return {"time": 0.0, "event": kind, **fields}


BEGUN = event("begun", dry_run=False)
DRY = event("begun", dry_run=True)
FAILED = event("failed", host="w1", stage="converge", error={})
FINISHED = event("finished", failed=0, left=[])
LEFT = event("finished", failed=0, left=["w3", "w4"])
CHANGED = event("end", stage="converge", host="w1", ok=True, changed=True)
STOPPING = event("stopping", cause="interrupted")
DECLINED = event("declined", cause="the answer was no")


class TestOutcome:
    @pytest.mark.parametrize(
        ("plan", "events", "verdict", "text", "next_step"),
        [
            (PLAN, [BEGUN, FAILED, FAILED, STOPPING, LEFT], Verdict.FAILED, "2 failures on 1 host.", "Mend what"),
            (PLAN, [BEGUN, event("failed", host="", stage="", error={})], Verdict.FAILED, "1 failure.", "Mend what"),
            (
                PLAN,
                [BEGUN, DECLINED, FINISHED],
                Verdict.DECLINED,
                "The answer was no; nothing was changed.",
                "answer yes",
            ),
            (PLAN, [BEGUN, STOPPING, LEFT], Verdict.INTERRUPTED, "Interrupted.", "it goes on where this one stopped"),
            (PLAN, [BEGUN, CHANGED], Verdict.INTERRUPTED, "It ended in the middle.", "Run the same command again"),
            (
                PLAN,
                [BEGUN, CHANGED, LEFT],
                Verdict.LEFT_OUT,
                "answer: w3, w4. All else is done.",
                "Bring what was left",
            ),
            (EMPTY, [BEGUN, LEFT], Verdict.LEFT_OUT, "answer: w3, w4. All else is done.", "Bring what was left"),
            (
                PLAN,
                [DRY, FINISHED],
                Verdict.PLANNED,
                "1 step planned; nothing was changed.",
                "kubewright scale without",
            ),
            (PLAN, [DRY, LEFT], Verdict.PLANNED, "nothing was changed. No answer from: w3, w4.", "without --dry-run"),
            (EMPTY, [DRY, FINISHED], Verdict.PLANNED, "Nothing to do: the cluster is as the inventory", "Nothing."),
            (EMPTY, [BEGUN, FINISHED], Verdict.DONE, "Nothing to do: the cluster is as the inventory", "Nothing."),
            (PLAN, [BEGUN, CHANGED, FINISHED], Verdict.DONE, "1 step changed something.", "Nothing."),
            (PLAN, [BEGUN, FINISHED], Verdict.DONE, "Nothing had to be changed.", "Nothing."),
        ],
    )
    def test_of_a_journal(self, plan: Plan, events: list[Event], verdict: Verdict, text: str, next_step: str) -> None:
        outcome = outcome_of(plan, events)
        assert outcome.verdict is verdict
        assert text in outcome.text
        assert next_step in outcome.next_step

    def test_what_is_left_is_pointed_at(self) -> None:
        plan = Plan("scale", "mine", "1.37.2", "cp1", (STEP,), left=("w9 is to be removed",))
        assert outcome_of(plan, [BEGUN, FINISHED]).next_step == "See what is left below."


class TestChangedSteps:
    @pytest.mark.parametrize(("stage", "changed", "counted"), [("converge", True, 1), ("converge", False, 0)])
    def test_checks_and_steps_that_found_all_done_do_not_count(self, stage: str, changed: bool, counted: int) -> None:
        check = event("end", stage="check", host="w1", seconds=1.0, changed=True)
        step = event("end", stage=stage, host="w1", seconds=1.0, changed=changed)
        assert changed_steps([check, step]) == counted
