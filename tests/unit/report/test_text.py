"""What a plan looks like beyond its golden files."""

from __future__ import annotations

from typing import Any

import pytest

from kubewright.plan import Change, Plan, Stage, Step
from kubewright.plan.model import NEW_HOST
from kubewright.report.text import MANY, plan_lines


def plan(*steps: Step, **more: Any) -> Plan:
    return Plan("deploy", "test", "1.37.2", "cp1", steps, **more)


def converge(*changes: Change, reason: str = "differs from its document", restarts: tuple[str, ...] = ()) -> Step:
    return Step(Stage.CONVERGE, "w1", "bring the host to its document", reason, changes, restarts)


def numbered(count: int) -> tuple[Change, ...]:
    return tuple(Change(f"file:/etc/{number}", "create", "") for number in range(count))


class TestEmpty:
    @pytest.mark.parametrize("verb", ["remove", "reset"])
    def test_does_not_claim_that_of_what_goes(self, verb: str) -> None:
        lines = plan_lines(Plan(verb, "test", "1.37.2", "", ()))
        assert lines == [f"{verb} test: Kubernetes 1.37.2", "Nothing to do."]

    def test_all_is_as_wanted(self) -> None:
        assert plan_lines(plan())[1] == "Nothing to do: the cluster is as the inventory says."

    def test_does_not_claim_that_where_something_was_left(self) -> None:
        lines = plan_lines(plan(left=("w1 differs from its document; scale only adds, deploy corrects",)))
        assert lines[1:] == [
            "Nothing to do.",
            "Left: w1 differs from its document; scale only adds, deploy corrects.",
        ]


class TestChanges:
    @pytest.mark.parametrize(
        ("action", "sign"), [("create", "+"), ("update", "~"), ("delete", "-"), ("remove", "-"), ("restart", "!")]
    )
    def test_sign(self, action: str, sign: str) -> None:
        assert f"    {sign} file:/etc/x: why" in plan_lines(plan(converge(Change("file:/etc/x", action, "why"))))

    def test_diff_is_indented_below(self) -> None:
        lines = plan_lines(plan(converge(Change("file:/etc/x", "update", "", "-a\n+b"))))
        at = lines.index("    ~ file:/etc/x")
        assert lines[at + 1 : at + 3] == ["      -a", "      +b"]

    def test_many_of_a_new_host_are_counted_by_kind_and_listed_when_asked_for(self) -> None:
        made = plan(converge(*numbered(MANY), Change("unit:kubelet", "create", ""), reason=NEW_HOST))
        assert "    8 file, 1 unit" in plan_lines(made)
        listed = plan_lines(made, verbose=True)
        assert "    + unit:kubelet" in listed
        assert "    8 file, 1 unit" not in listed

    def test_as_many_as_fit_are_listed(self) -> None:
        assert "    + file:/etc/7" in plan_lines(plan(converge(*numbered(MANY), reason=NEW_HOST)))

    def test_those_of_a_host_that_is_there_are_all_listed(self) -> None:
        assert "    + file:/etc/99" in plan_lines(plan(converge(*numbered(100))))


class TestRestarts:
    def test_of_a_member_are_shown(self) -> None:
        lines = plan_lines(plan(converge(*numbered(1), restarts=("kubelet", "containerd"))))
        assert any("restarts kubelet, containerd" in line for line in lines)

    def test_of_a_new_host_are_not(self) -> None:
        lines = plan_lines(plan(converge(*numbered(1), reason=NEW_HOST, restarts=("kubelet",))))
        assert not any("restarts" in line for line in lines)


def test_stages_come_in_the_order_in_which_they_are_carried_out() -> None:
    steps = [Step(stage, "cp1", "title", "reason") for stage in reversed(Stage)]
    headings = [line.removesuffix(":") for line in plan_lines(plan(*steps)) if line.endswith(":")]
    assert headings == [stage.heading for stage in Stage]
