"""What became of each step and when, by plan and journal."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kubewright.engine.record import error_to_json
from kubewright.errors import BadInputError, BadInputErrors, StepFailedError
from kubewright.plan import Plan, Stage, Step
from kubewright.report.account import Account, account
from kubewright.report.timeline import CONTROLLER, State, ticks

Event = dict[str, Any]
BEGAN = 1000.0


def told(*events: tuple[float, str, Event], dry_run: bool = False) -> Account:
    """The account of a run whose plan is to converge w1 and w2."""
    steps = tuple(Step(Stage.CONVERGE, host, "bring", "new host") for host in ("w1", "w2"))
    begun = (0.0, "begun", {"dry_run": dry_run, "kubewright": "0.1.0"})
    journal = [{"time": BEGAN + at, "event": kind, **fields} for at, kind, fields in (begun, *events)]
    return account(Plan("scale", "mine", "1.37.2", "cp1", steps), journal)


def states(of: Account) -> dict[str, State]:
    return {step.step.host: step.state for _stage, steps in of.stages for step in steps}


def begin(at: float, host: str) -> tuple[float, str, Event]:
    return (at, "begin", {"stage": "converge", "host": host})


def end(at: float, host: str, seconds: float = 1.0, **outcome: Any) -> tuple[float, str, Event]:
    return (at, "end", {"stage": "converge", "host": host, "seconds": seconds, **outcome})


class TestStates:
    @pytest.mark.parametrize(
        ("outcome", "state"),
        [
            ({"ok": True, "changed": True}, State.CHANGED),
            ({"ok": True, "changed": False}, State.UNCHANGED),
            ({"ok": True}, State.DONE),
            ({"ok": False}, State.FAILED),
            ({}, State.FAILED),
        ],
    )
    def test_of_a_step_that_ended(self, outcome: Event, state: State) -> None:
        assert states(told(begin(1, "w1"), end(2, "w1", **outcome)))["w1"] is state

    def test_of_steps_that_did_not(self) -> None:
        assert states(told(begin(1, "w1"))) == {"w1": State.UNFINISHED, "w2": State.NOT_BEGUN}
        assert set(states(told(dry_run=True)).values()) == {State.PLANNED}

    def test_of_a_step_that_left_its_host_for_the_next_run(self) -> None:
        left = (1.5, "left", {"host": "w1", "cause": "no SSH connection"})
        made = told(begin(1, "w1"), begin(1, "w2"), left, end(2, "w1", ok=True, changed=False), end(2, "w2", ok=True))
        assert states(made) == {"w1": State.LEFT, "w2": State.DONE}


class TestFailures:
    def test_have_the_stage_as_a_person_reads_it(self) -> None:
        error = error_to_json(StepFailedError("host w1", "disk full", "Make room"))
        (failure,) = told((1, "failed", {"host": "w1", "stage": "converge", "error": error})).failures
        assert failure.stage == "Packages, binaries, images and files"
        assert (failure.host, failure.subject, failure.cause, failure.remedy) == (
            *("w1", "host w1", "disk full"),
            "Make room",
        )

    def test_several_told_together_are_told_one_by_one(self) -> None:
        errors = BadInputErrors((BadInputError("a", "is wrong"), BadInputError("b", "is wrong, too")))
        made = told((1, "failed", {"host": "", "stage": "", "error": error_to_json(errors)}))
        assert [failure.subject for failure in made.failures] == ["a", "b"]


class TestTimeline:
    def test_begins_with_the_run_and_lasts_as_long(self) -> None:
        made = told(begin(2, "w1"), end(5, "w1", 3.0, ok=True), begin(6, "w2"), (10.0, "finished", {"failed": 0}))
        assert (made.began, made.seconds) == (BEGAN, 10.0)
        assert [(lane.host, [(bar.begin, bar.seconds) for bar in lane.bars]) for lane in made.lanes] == [
            ("w1", [(2.0, 3.0)]),
            ("w2", [(6.0, 4.0)]),  # it did not end
        ]

    def test_work_on_artifacts_comes_first_and_is_no_hosts(self) -> None:
        artifact = {"component": "all", "state": "done", "fraction": 1.0, "seconds": 4.0}
        first, second = told((5, "artifact", artifact), begin(6, CONTROLLER)).lanes
        assert (first.own, first.bars[0].begin, first.bars[0].seconds) == (True, 1.0, 4.0)
        assert (second.own, second.host) == (False, CONTROLLER)

    def test_artifacts_that_took_no_time_have_no_bar(self) -> None:
        cached = {"component": "all", "state": "cached", "fraction": 1.0, "seconds": 0.0}
        assert told((5, "artifact", cached)).lanes == ()

    def test_a_journal_without_events_has_an_account(self) -> None:
        made = account(Plan("deploy", "mine", "1.37.2", "cp1", ()), [])
        assert (made.seconds, made.lanes, made.failures) == (0.0, (), ())

    @given(st.floats(min_value=0.001, max_value=10**7, allow_nan=False))
    def test_ticks_are_few_and_within_the_run(self, seconds: float) -> None:
        marks = ticks(seconds)
        assert marks[0] == 0
        assert marks[-1] <= seconds
        if seconds <= 8 * 86400:
            assert len(marks) <= 9


class TestHappenings:
    def test_what_is_told_again_and_again_is_told_once(self) -> None:
        waiting = {"host": "w1", "what": "an earlier run"}
        made = told((1, "waiting", waiting), (3, "waiting", waiting), (5, "waiting", {**waiting, "host": "w2"}))
        assert [(each.second, each.host, each.count) for each in made.happenings] == [(1.0, "w1", 2), (5.0, "w2", 1)]
