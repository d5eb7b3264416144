from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.kubewright.cluster.plugins.module_utils.quorum import (
    Member,
    addition_refusal,
    majority,
    refusal,
    restart_refusal,
)


def member(number: int, kind: str) -> Member:
    """Kinds: up, down (voters), learner, unstarted (learner), announced (voter that never started)."""
    return Member(
        member_id=f"{number:x}",
        name="" if kind in ("unstarted", "announced") else f"cp{number}",
        peer_ip=f"10.0.0.{number}",
        learner=kind in ("learner", "unstarted", "stopped-learner"),
        started=kind not in ("unstarted", "announced"),
        healthy=kind in ("up", "learner"),
    )


def members(*kinds: str) -> list[Member]:
    return [member(number, kind) for number, kind in enumerate(kinds, 1)]


class TestRefusal:
    @pytest.mark.parametrize(
        ("kinds", "remove", "empty", "why"),
        [
            (("up", "unstarted"), "2", (), None),
            (("up", "announced"), "2", (), "no majority to remove"),
            (("up", "up", "announced"), "3", (), None),
            (("up", "up", "up", "announced"), "4", (), None),
            (("up", "learner"), "2", (), "is healthy"),
            (("up", "stopped-learner"), "2", (), "may still hold its data"),
            (("up", "stopped-learner"), "2", ("10.0.0.2",), None),
            (("up", "up", "down"), "3", (), "may still hold its data"),
            (("up", "up", "down"), "3", ("10.0.0.3",), None),
            (("up", "down", "down"), "3", ("10.0.0.3",), "no majority to remove"),
            (("up", "up"), "2", (), "is healthy"),
            (("up",), "1", ("10.0.0.1",), "is healthy"),
            (("up", "up", "up"), "9", (), "no member has the id"),
        ],
    )
    def test_table(self, kinds: tuple[str, ...], remove: str, empty: tuple[str, ...], why: str | None) -> None:
        answer = refusal(members(*kinds), [remove], empty)
        assert answer is None if why is None else why in (answer or "")

    KINDS = st.sampled_from(["up", "down", "learner", "stopped-learner", "unstarted", "announced"])

    @given(st.lists(KINDS, min_size=1, max_size=7), st.data())
    def test_whatever_is_allowed_keeps_every_healthy_member_and_a_majority(
        self, kinds: list[str], data: st.DataObject
    ) -> None:
        now = members(*kinds)
        going = data.draw(st.sets(st.sampled_from([one.member_id for one in now])))
        empty = data.draw(st.sets(st.sampled_from([one.peer_ip for one in now])))
        if refusal(now, going, empty) is not None:
            return
        left = [one for one in now if one.member_id not in going and not one.learner]
        assert not [one for one in now if one.member_id in going and one.healthy]
        assert sum(one.healthy for one in left) >= majority(len(left))


class TestAddition:
    @pytest.mark.parametrize(
        ("kinds", "why"),
        [
            (("up",), None),
            (("up", "up"), None),
            (("up", "up", "up"), None),
            (("up", "up", "down"), "only 2 of 3 voting members are healthy (not cp3); with one more a majority is 3"),
            (("up", "down", "down"), "only 1 of 3"),
            (("up", "up", "up", "up", "down"), "only 4 of 5"),
            (("up", "up", "announced"), "(not 10.0.0.3)"),
            (("up", "up", "unstarted"), "still a learner"),
        ],
    )
    def test_table(self, kinds: tuple[str, ...], why: str | None) -> None:
        answer = addition_refusal(members(*kinds), "10.0.0.99")
        assert answer is None if why is None else why in (answer or "")

    def test_its_own_learner_does_not_stop_it(self) -> None:
        assert addition_refusal(members("up", "unstarted"), "10.0.0.2") is None

    def test_its_own_voter_that_is_still_down_does_not_stop_it(self) -> None:
        assert addition_refusal(members("up", "up", "down"), "10.0.0.3") is None

    @given(st.lists(st.sampled_from(["up", "down", "learner", "announced"]), min_size=2, max_size=7))
    def test_what_is_allowed_to_two_and_more_keeps_a_majority_while_the_new_one_is_of_no_use(
        self, kinds: list[str]
    ) -> None:
        now = members(*kinds)
        voters = [each for each in now if not each.learner]
        if len(voters) > 1 and addition_refusal(now, "10.0.0.99") is None:
            assert sum(each.healthy for each in voters) >= majority(len(voters) + 1)


class TestRestart:
    @pytest.mark.parametrize(
        ("kinds", "why"),
        [
            (("up",), None),
            (("up", "up"), None),
            (("up", "down"), "only 0 of 1"),
            (("up", "up", "up"), None),
            (("up", "up", "down"), "only 1 of 2"),
            (("up", "up", "up", "down"), "only 2 of 3"),
            (("up", "up", "up", "up", "down"), None),
            (("up", "up", "up", "down", "down"), "only 2 of 4"),
            (("up", "learner"), None),
            (("down", "up", "down"), None),
        ],
        ids=str,
    )
    def test_table(self, kinds: tuple[str, ...], why: str | None) -> None:
        """The first one is to be restarted."""
        answer = restart_refusal(members(*kinds), ["10.0.0.1"])
        assert answer is None if why is None else why in (answer or "")

    @given(st.lists(st.sampled_from(["up", "down"]), min_size=3, max_size=7))
    def test_what_is_allowed_leaves_a_majority(self, kinds: list[str]) -> None:
        now = members(*kinds)
        if restart_refusal(now, ["10.0.0.1"]) is None and now[0].healthy:
            assert sum(each.healthy for each in now[1:]) >= majority(len(now))
