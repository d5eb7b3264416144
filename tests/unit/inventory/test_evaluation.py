"""A template is evaluated once for each distinct set of inputs, and again where one differs."""

from __future__ import annotations

from typing import Any

import pytest

from kubewright.inventory.evaluation import Evaluator


class Counting:
    """A template engine that only counts."""

    def __init__(self) -> None:
        self.calls = 0

    def __call__(self, value: Any) -> str:
        self.calls += 1
        return f"{value} {self.calls}"


def calls(name: str, *hosts: dict[str, Any]) -> int:
    evaluator, template = Evaluator(), Counting()
    for raw in hosts:
        evaluator.evaluate(name, raw, template)
    return template.calls


SHARED: dict[str, Any] = {
    "a": "{{ b }}",
    "b": "{{ c }}.x",
    "c": ["{{ d }}"],
    "d": 4,
    "unused": {},
    "listed": [{"deep": "{{ d }}"}],
    "looked": "{{ lookup('env', 'X') }}",
    "by_way_of": "{{ looked }}",
    "of_all": "{{ hostvars['other'].ip }}",
    "drawn": "{{ 100 | random }}",
}


class TestEvaluation:
    @pytest.mark.parametrize("name", ["a", "c", "d", "listed"])
    def test_once_for_the_same_inputs(self, name: str) -> None:
        assert calls(name, SHARED, {**SHARED, "unused": {}}, SHARED) == 1

    @pytest.mark.parametrize("changed", ["b", "c", "d"])
    def test_again_where_what_it_refers_to_differs(self, changed: str) -> None:
        assert calls("a", SHARED, {**SHARED, changed: ["other"]}) == 2

    def test_again_where_what_it_refers_to_is_absent(self) -> None:
        assert calls("a", SHARED, {name: value for name, value in SHARED.items() if name != "d"}) == 2

    def test_plain_texts_are_told_apart_by_their_letters(self) -> None:
        first, same, other = "".join(["x", "y"]), "".join(["x", "y"]), "xz"
        assert calls("a", *({**SHARED, "d": text} for text in (first, same, other))) == 2

    @pytest.mark.parametrize("name", ["looked", "by_way_of", "of_all", "drawn"])
    def test_each_time_where_the_text_does_not_tell_the_inputs(self, name: str) -> None:
        assert calls(name, SHARED, SHARED) == 2

    def test_a_cycle_ends(self) -> None:
        assert calls("x", {"x": "{{ y }}", "y": "{{ x }}"}) == 1

    def test_failures_are_shared(self) -> None:
        evaluator, tried = Evaluator(), []

        def fail(value: Any) -> None:
            tried.append(value)
            raise ValueError("no")

        for _ in range(2):
            with pytest.raises(ValueError, match="no"):
                evaluator.evaluate("a", SHARED, fail)
        assert len(tried) == 1

    def test_lookups_are_seen_through_others(self) -> None:
        evaluator = Evaluator()
        assert evaluator.calls_outside("by_way_of", SHARED)
        assert not evaluator.calls_outside("a", SHARED)
