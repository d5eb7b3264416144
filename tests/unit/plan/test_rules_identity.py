"""Machines that are taken for another."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kubewright.plan.rules.identity import Identity, Member, refuse, refuse_changed

CP1 = Identity("node cp1", "cp1", "m1", "10.0.0.1")


class TestIdentity:
    @pytest.mark.parametrize(
        ("new", "expected"),
        [
            ([Identity("host w1", "w1", "m2", "10.0.0.2")], []),
            ([Identity("host w1", "w1", "m1", "10.0.0.2")], ["duplicate-machine-id"]),
            ([Identity("host w1", "w1", "m2", "10.0.0.1")], ["duplicate-address"]),
            ([Identity("host w1", "w1", "m1", "10.0.0.1")], ["duplicate-machine-id", "duplicate-address"]),
            ([Identity("host cp1", "cp1", "m1", "10.0.0.1")], []),
            ([Identity("host w1", "w1")], []),
            ([Identity("host w1", "w1", "m2"), Identity("host w2", "w2", "m2")], ["duplicate-machine-id"]),
        ],
    )
    def test_by_what_hosts_and_nodes_tell(self, new: list[Identity], expected: list[str]) -> None:
        assert [found.rule.name for found in refuse(new, [CP1])] == expected

    def test_names_both(self) -> None:
        (found,) = refuse([Identity("host w1", "w1", "m1")], [CP1])
        assert found.subject == "host w1"
        assert "node cp1" in found.cause
        assert found.rule.skippable

    def test_members_that_are_alike_are_left_to_their_owner(self) -> None:
        assert refuse([], [CP1, Identity("node cp2", "cp2", "m1", "10.0.0.1")]) == ()

    def test_nodes_without_an_id_are_not_alike(self) -> None:
        assert refuse([Identity("host w1", "w1")], [Identity("node w2", "w2")]) == ()


IDENTITIES = st.lists(
    st.builds(
        Identity,
        subject=st.just("host"),
        node=st.sampled_from("abcdef"),
        machine_id=st.sampled_from(["", "1", "2", "3"]),
        address=st.sampled_from(["", "x", "y", "z"]),
    ),
    max_size=6,
)


@given(IDENTITIES, IDENTITIES)
def test_allowed_hosts_are_told_apart_from_all_others(new: list[Identity], members: list[Identity]) -> None:
    if refuse(new, members):
        return
    for position, host in enumerate(new):
        for other in (*members, *new[:position]):
            if other.node != host.node:
                assert not host.machine_id or host.machine_id != other.machine_id
                assert not host.address or host.address != other.address


class TestChangedAddress:
    @pytest.mark.parametrize(
        ("given", "node", "peer", "refused"),
        [
            (("10.0.0.1",), ("10.0.0.1",), "10.0.0.1", False),
            (("10.0.0.9",), ("10.0.0.1",), "", True),
            (("10.0.0.9",), (), "10.0.0.1", True),
            (("10.0.0.1",), ("10.0.0.1",), "10.0.0.2", True),
            (("10.0.0.9",), (), "", False),
            (("10.0.0.9",), ("",), "", False),
            ((), ("10.0.0.1",), "10.0.0.2", False),
            (("10.0.0.1", "fd00::1"), ("10.0.0.1", "fd00:0::1"), "10.0.0.1", False),
            (("10.0.0.1", "fd00::1"), ("10.0.0.1",), "10.0.0.1", False),
            (("10.0.0.1", "fd00::2"), ("10.0.0.1", "fd00::1"), "10.0.0.1", True),
        ],
    )
    def test_table(self, given: tuple[str, ...], node: tuple[str, ...], peer: str, refused: bool) -> None:
        names = [found.rule.name for found in refuse_changed([Member("cp1", "cp1", given, node, peer)])]
        assert names == (["changed-address"] if refused else [])

    def test_says_both_places_and_both_ways_on(self) -> None:
        (found,) = refuse_changed([Member("one", "cp1", ("10.0.0.9",), ("10.0.0.1",), "10.0.0.2")])
        assert found.subject == "host one"
        assert "its Node has 10.0.0.1, and its etcd member's peer address is 10.0.0.2" in found.cause
        assert "Correct ip" in found.remedy
        assert "kubewright remove --limit one" in found.remedy
        assert not found.rule.skippable

    ADDRESSES = st.ip_addresses(v=4).map(str)

    @given(st.lists(st.tuples(ADDRESSES, ADDRESSES, ADDRESSES), max_size=5))
    def test_allowed_members_have_one_address(self, drawn: list[tuple[str, str, str]]) -> None:
        members = [Member(str(n), str(n), (ip,), (node,), peer) for n, (ip, node, peer) in enumerate(drawn)]
        refused = {found.subject for found in refuse_changed(members)}
        assert refused == {f"host {n}" for n, values in enumerate(drawn) if len(set(values)) > 1}
