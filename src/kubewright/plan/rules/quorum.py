"""etcd's quorum over the removal of members: a majority of the voters is healthy before and after each of them.

Source: etcd's runtime reconfiguration (https://etcd.io/docs/v3.6/op-guide/runtime-configuration/): a removal is a
write, so it needs a majority, and what is left must have one, too. Learners do not vote. The node asks the same again
immediately before each removal.
"""

from __future__ import annotations

from collections.abc import Sequence

from kubewright.errors import RefusedError
from kubewright.observe.model import EtcdMember


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
    voters = [each for each in members if not each.learner]
    healthy = sum(1 for each in voters if each.healthy)
    if healthy < majority(len(voters)):
        raise RefusedError(
            f"etcd member {member.name or member.peer_ip}",
            f"{healthy} of {len(voters)} voting members would be healthy {when} its removal, "
            f"a majority is {majority(len(voters))}",
            "Bring the other members up first, or remove the dead ones first",
        )
