"""etcd's quorum over removals, restarts and additions."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kubewright.errors import RefusedError
from kubewright.observe.model import EtcdMember
from kubewright.plan.rules import quorum
from kubewright.plan.rules.quorum import Peer, majority, refuse_changes


def member(name: str, *, healthy: bool = True, learner: bool = False) -> EtcdMember:
    return EtcdMember(name, name, f"192.0.2.{len(name)}", learner=learner, healthy=healthy)


class TestRemovals:
    @pytest.mark.parametrize(
        ("healthy", "leaving", "refused"),
        [
            ("a b c", "a", False),
            ("a b c", "a b", False),
            ("a b c", "a b c", True),
            ("a b -c", "c", False),
            ("a b -c", "a", True),
            ("a b -c", "a c", False),
            ("a -b", "b", True),
            ("a", "a", True),
            ("a b c -d -e", "d e", False),
            ("a b c -d -e", "a", True),
            ("a -b -c", "b", True),
        ],
    )
    def test_members(self, healthy: str, leaving: str, refused: bool) -> None:
        members = [member(name.removeprefix("-"), healthy="-" not in name) for name in healthy.split()]
        going = quorum.in_safe_order([each for each in members if each.name in leaving.split()])
        if refused:
            with pytest.raises(RefusedError, match="majority"):
                quorum.refuse(members, going)
        else:
            quorum.refuse(members, going)

    def test_a_learner_does_not_vote(self) -> None:
        learner = member("d", healthy=False, learner=True)
        members = [member("a"), learner]
        quorum.refuse(members, [learner])

    @given(st.lists(st.tuples(st.booleans(), st.booleans(), st.booleans()), min_size=1, max_size=9))
    def test_what_is_allowed_keeps_a_majority_after_each_step(self, drawn: list[tuple[bool, bool, bool]]) -> None:
        members = [
            EtcdMember(str(number), str(number), "", learner=learner, healthy=healthy)
            for number, (healthy, learner, _) in enumerate(drawn)
        ]
        going = quorum.in_safe_order([each for each, (_, _, goes) in zip(members, drawn, strict=True) if goes])
        try:
            quorum.refuse(members, going)
        except RefusedError:
            return
        for number in range(len(going) + 1 if going else 0):
            voters = [each for each in members if not each.learner and each not in going[:number]]
            assert sum(each.healthy for each in voters) > len(voters) / 2


def members(text: str) -> list[EtcdMember]:
    """``a -b ~c -~d``: a is a healthy voter, b a dead one, c a learner, d a dead learner."""
    return [
        EtcdMember(word.strip("-~"), word, f"peer-{word.strip('-~')}", learner="~" in word, healthy="-" not in word)
        for word in text.split()
    ]


def peers(names: str) -> list[Peer]:
    return [Peer(name, f"peer-{name}") for name in names.split()]


def subjects(now: list[EtcdMember], *, restarts: str = "", joins: str = "") -> list[str]:
    return [each.subject for each in refuse_changes(now, restarts=peers(restarts), joins=peers(joins))]


class TestRestarts:
    @pytest.mark.parametrize(
        ("now", "restarts", "refused"),
        [
            ("a", "a", ""),
            ("a b", "a b", ""),
            ("a -b", "a", "a"),
            ("a b c", "a b c", ""),
            ("a b -c", "a b", "a b"),
            ("a b -c", "c", ""),
            ("a -b c", "b c", ""),
            ("a -b c", "a b c", "a"),
            ("a b c d -e", "a b c d", ""),
            ("a b c -d -e", "a b c", "a b c"),
            ("a ~b", "a", ""),
            ("a b -~c", "a b", ""),
            ("", "a", ""),
        ],
    )
    def test_table(self, now: str, restarts: str, refused: str) -> None:
        assert subjects(members(now), restarts=restarts) == [f"etcd on {name}" for name in refused.split()]

    def test_it_says_who_is_dead_and_what_to_do(self) -> None:
        (refusal,) = refuse_changes(members("a b -c"), restarts=peers("a"))
        assert refusal.cause == (
            "while it is restarted 1 of the 2 other voting members would be healthy, and 2 have to be (c is not)"
        )
        assert "kubewright deploy --limit c" in refusal.remedy
        assert not refusal.rule.skippable


class TestAdditions:
    @pytest.mark.parametrize(
        ("now", "joins", "refused"),
        [
            ("a", "b", ""),
            ("a", "b c", ""),
            ("a", "b c d e", ""),
            ("a b c", "d", ""),
            ("a b -c", "d", "d"),
            ("a b -c", "d e", "d e"),
            ("a b c d -e", "f", "f"),
            ("a b", "d", ""),
            ("a ~b", "b", ""),
            ("a -~b", "b", ""),
            ("a b -c", "c", ""),
            ("a b -c", "c d", ""),
            ("a b -c -d", "c", "c"),
            ("", "a b", ""),
        ],
    )
    def test_table(self, now: str, joins: str, refused: str) -> None:
        """A dead member of a host that joins is what an earlier attempt left: it is replaced or completed."""
        assert subjects(members(now), joins=joins) == [f"etcd on {name}" for name in refused.split()]

    def test_the_dead_one_is_removed_first_and_then_its_replacement_joins(self) -> None:
        now = members("a b -c")
        (refusal,) = refuse_changes(now, joins=peers("d"))
        assert "remove the dead member first: kubewright remove --limit c --offline" in refusal.remedy
        quorum.refuse(now, now[2:])
        assert not subjects(now[:2], joins="d")

    def test_a_member_that_has_not_started_is_known_by_its_address(self) -> None:
        unnamed = EtcdMember("", "1", "peer-c", learner=False, healthy=False, started=False)
        assert not subjects([*members("a b"), unnamed], joins="c")
        assert subjects([*members("a b"), unnamed], joins="d") == ["etcd on d"]


states = st.lists(st.tuples(st.booleans(), st.booleans()), min_size=1, max_size=7)


@given(states, st.integers(0, 3), st.data())
def test_what_is_allowed_keeps_a_majority_at_each_step(
    drawn: list[tuple[bool, bool]], new: int, data: st.DataObject
) -> None:
    """While a member is restarted, and while one that was added is of no use yet, the others go on.

    One and two members cannot: there nothing is lost that was there to lose.
    """
    now = [
        EtcdMember(str(number), str(number), f"peer-{number}", learner=learner, healthy=healthy)
        for number, (healthy, learner) in enumerate(drawn)
    ]
    restarted = data.draw(st.lists(st.sampled_from([each.name for each in now]), unique=True))
    joins = [f"new{number}" for number in range(new)]
    if subjects(now, restarts=" ".join(restarted), joins=" ".join(joins)):
        return
    voters = {each.name: each.healthy for each in now if not each.learner}
    for name in restarted:
        if voters.get(name) and len(voters) > 2:
            others = [healthy for other, healthy in voters.items() if other != name]
            assert sum(others) >= majority(len(voters))
        if name in voters:
            voters[name] = True
    for name in joins:
        if len(voters) > 1:
            assert sum(voters.values()) >= majority(len(voters) + 1)
        voters[name] = True
