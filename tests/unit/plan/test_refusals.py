"""Names of rules, and which may be skipped."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kubewright.errors import BadInputError, ExitCode, RefusedError
from kubewright.plan.rules.refusals import Refusal, Rule, check_names, enforce
from kubewright.plan.rules.registry import RULES

FIRM = Rule("firm", "what can never work", "a law")
SOFT = Rule("soft", "what seldom works", "a habit", skippable=True)
NO = Refusal(FIRM, "host a", "it is wrong", "Mend it")
BETTER_NOT = Refusal(SOFT, "host b", "it is odd", "Think")


class TestEnforce:
    def test_nothing_refused(self) -> None:
        assert enforce((), ()) == ()

    def test_a_refusal_names_its_rule_and_the_way_on(self) -> None:
        with pytest.raises(
            RefusedError, match=r"host b: it is odd \(rule soft\)\. Think; --force soft goes on"
        ) as info:
            enforce([BETTER_NOT], ())
        assert info.value.exit_code is ExitCode.REFUSED

    def test_what_was_skipped_is_told(self) -> None:
        assert enforce([BETTER_NOT], ("soft",)) == ("host b: it is odd (rule soft, skipped by --force)",)

    def test_a_mandatory_rule_is_never_skipped_and_offers_no_way_on(self) -> None:
        with pytest.raises(RefusedError) as info:
            enforce([NO], ("firm",))
        assert "--force" not in str(info.value)

    def test_all_that_stands_is_told(self) -> None:
        with pytest.raises(RefusedError, match=r"(?s)host a.*Also: host b"):
            enforce([NO, BETTER_NOT], ())


class TestNames:
    def test_skippable_ones_are_taken(self) -> None:
        check_names(["soft"], (FIRM, SOFT))

    @pytest.mark.parametrize(("name", "why"), [("firm", "this rule is mandatory"), ("x", "there is no such rule")])
    def test_others_are_refused_with_the_list(self, name: str, why: str) -> None:
        with pytest.raises(BadInputError, match=rf"--force {name}: {why}.*Possible are: soft"):
            check_names([name], (FIRM, SOFT))

    def test_are_stable_words_and_each_is_there_once(self) -> None:
        names = [rule.name for rule in RULES]
        assert len(set(names)) == len(names)
        assert all(re.fullmatch(r"[a-z]+(-[a-z]+)*", name) for name in names)

    def test_every_rule_is_documented_as_it_is(self) -> None:
        page = (Path(__file__).parents[3] / "docs/refusals.md").read_text()
        for rule in RULES:
            skippable = "yes" if rule.skippable else "no"
            assert f"| `{rule.name}` | {rule.refuses} | {rule.source} | {skippable} |" in page


@given(st.lists(st.sampled_from([NO, BETTER_NOT])), st.sets(st.sampled_from(["firm", "soft", "x"])))
def test_a_run_goes_on_only_where_every_refusal_is_skippable_and_named(found: list[Refusal], forced: set[str]) -> None:
    allowed = all(each.rule is SOFT and "soft" in forced for each in found)
    try:
        assert len(enforce(found, forced)) == len(found)
    except RefusedError:
        assert not allowed
    else:
        assert allowed
