"""etcd's quorum: a majority of the voters is healthy before and after each change of members and each restart.

Source: etcd's runtime reconfiguration (https://etcd.io/docs/v3.6/op-guide/runtime-configuration/): adding and removing
members are writes, so they need a majority, and what is left must have one, too. Its FAQ ("Should I add a member
before removing an unhealthy member?") has the dead one removed first: a new one raises the majority at once and helps
only when it works. Learners do not vote. The node asks the same again immediately before each change.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from kubewright.observe.model import EtcdMember
from kubewright.plan.rules.refusals import Refusal, Rule

RULE = Rule(
    "etcd-quorum", "a change or restart of etcd members that may cost their majority", "etcd runtime reconfiguration"
)
RULES = (RULE,)


@dataclass(frozen=True)
class Peer:
    """A control plane as etcd knows it: its member's name, and its peer address without scheme and port."""

    name: str
    address: str

    def owns(self, member: EtcdMember) -> bool:
        """Whether the member is this host's; one that has not started has no name yet."""
        return member.name == self.name or bool(member.peer_ip and member.peer_ip == self.address)


def majority(voters: int) -> int:
    """How many of ``voters`` make a majority."""
    return voters // 2 + 1


def in_safe_order(leaving: Sequence[EtcdMember]) -> tuple[EtcdMember, ...]:
    """Members in the order in which their removal costs least: learners and dead ones first."""
    return tuple(sorted(leaving, key=lambda member: (not member.learner, member.healthy)))


def refuse(members: Sequence[EtcdMember], leaving: Sequence[EtcdMember]) -> None:
    """Refuse removals after one of which, in the order given, etcd would have no healthy majority.

    Raises:
        RefusedError: names the member and what to do.

    """
    left = list(members)
    for member in leaving:
        _refuse_without_majority(left, member, "before")
        left = [each for each in left if each.member_id != member.member_id]
        _refuse_without_majority(left, member, "after")


def _refuse_without_majority(members: Sequence[EtcdMember], member: EtcdMember, when: str) -> None:
    voters = _voters(members)
    healthy = _healthy(voters)
    if healthy < majority(len(voters)):
        raise Refusal(
            RULE,
            f"etcd member {_label(member)}",
            f"{healthy} of {len(voters)} voting members would be healthy {when} its removal, "
            f"a majority is {majority(len(voters))}",
            "Bring the other members up first, or remove the dead ones first",
        ).error()


def refuse_changes(
    members: Sequence[EtcdMember], *, restarts: Sequence[Peer] = (), joins: Sequence[Peer] = ()
) -> Iterator[Refusal]:
    """What of a run's restarts and additions may cost the majority, judged after each step in the order given.

    A run goes on to the next only when the one before is healthy, so that each is judged beside those that are healthy
    today and those that the run restarted or added before it. So a restart in whose middle a run was killed, and which
    this one completes, does not stand in the way. Where the members are not known there is nothing to judge by.

    Args:
        members: all members, as seen now.
        restarts: control planes whose etcd is restarted, one after another.
        joins: control planes that join after that, one after another; members of theirs that an earlier attempt left
            are replaced or completed.

    """
    if not members:
        return
    now = list(members)
    for peer in restarts:
        yield from _restart(now, peer)
        now = [replace(each, healthy=True) if peer.owns(each) else each for each in now]
    for peer in joins:
        yield from _addition([each for each in now if not any(other.owns(each) for other in joins)], peer)
        own = [replace(each, learner=False, healthy=True, started=True) for each in now if peer.owns(each)]
        added = own or [EtcdMember(peer.name, peer.name, peer.address, learner=False, healthy=True)]
        now = [*(each for each in now if not peer.owns(each)), *added]


def _restart(members: Sequence[EtcdMember], peer: Peer) -> Iterator[Refusal]:
    """While it is away the others have to have a majority; of two members the other one has to be healthy."""
    voters = _voters(members)
    if not any(peer.owns(each) and each.healthy for each in voters):
        return
    others = [each for each in voters if not peer.owns(each)]
    needed = min(majority(len(voters)), len(voters) - 1)
    if _healthy(others) < needed:
        dead = _dead(others)
        yield Refusal(
            RULE,
            f"etcd on {peer.name}",
            f"while it is restarted {_healthy(others)} of the {len(others)} other voting members would be healthy, "
            f"and {needed} have to be ({_names(dead)} {_are(dead)} not)",
            f"Bring {_names(dead)} up first, where its own files are at fault by kubewright deploy --limit "
            f"{_limit(dead)}; a host that is dead for good is removed: kubewright remove --limit HOST --offline",
        )


def _addition(members: Sequence[EtcdMember], peer: Peer) -> Iterator[Refusal]:
    dead = _dead(_voters(members))
    if dead:
        voters = len(_voters(members))
        yield Refusal(
            RULE,
            f"etcd on {peer.name}",
            f"it cannot be added while {_names(dead)} {_are(dead)} not healthy: {voters + 1} voting members need "
            f"{majority(voters + 1)}, and {voters - len(dead)} would be sure",
            f"Bring {_names(dead)} up first; if dead for good remove the dead member first: "
            f"kubewright remove --limit {_limit(dead)} --offline",
        )


def _voters(members: Sequence[EtcdMember]) -> list[EtcdMember]:
    return [each for each in members if not each.learner]


def _healthy(members: Sequence[EtcdMember]) -> int:
    return sum(1 for each in members if each.healthy)


def _dead(members: Sequence[EtcdMember]) -> list[EtcdMember]:
    return [each for each in members if not each.healthy]


def _label(member: EtcdMember) -> str:
    return member.name or member.peer_ip


def _names(members: Sequence[EtcdMember]) -> str:
    return ", ".join(map(_label, members))


def _limit(members: Sequence[EtcdMember]) -> str:
    return ",".join(map(_label, members))


def _are(members: Sequence[EtcdMember]) -> str:
    return "is" if len(members) == 1 else "are"
