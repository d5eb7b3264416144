"""May etcd members be added, removed or restarted now? The node's own guard, asked on fresh state just before; pure.

etcd's runtime reconfiguration: a removal is a write, so a majority of the voting members has to be healthy before it,
and has to be left after it; while one is restarted the others have to have it
(https://etcd.io/docs/v3.6/op-guide/runtime-configuration/).
"""

from __future__ import annotations

from typing import Iterable, Optional, Sequence

from ansible_collections.kubewright.cluster.plugins.module_utils.frozen import frozen


@frozen
class Member:
    """One etcd member.

    ``started`` is False until it has told the others its name; ``peer_ip`` is without scheme and port.
    """

    member_id: str
    name: str
    peer_ip: str
    learner: bool
    started: bool
    healthy: bool


def majority(voters: int) -> int:
    """How many of ``voters`` members make a majority."""
    return voters // 2 + 1


def refusal(members: Sequence[Member], remove: Iterable[str], empty_hosts: Iterable[str] = ()) -> Optional[str]:
    """Why the members must not be removed together; None when it is safe.

    Args:
        members: all members, as seen now.
        remove: ids of those to be removed.
        empty_hosts: peer addresses of hosts that are known to have no etcd data, whatever the member list says.

    """
    going, empty = set(remove), set(empty_hosts)
    unknown = going - {member.member_id for member in members}
    if unknown:
        return "no member has the id %s" % ", ".join(sorted(unknown))
    for member in members:
        if member.member_id in going:
            reason = _needed(member, member.peer_ip in empty)
            if reason:
                return reason
    return _without_majority([member for member in members if not member.learner], going)


def addition_refusal(members: Sequence[Member], peer_ip: str) -> Optional[str]:
    """Why this host must not become a member now; None when it is safe.

    etcd takes one learner at a time, and announcing and promoting it are writes that need a majority. It raises what a
    majority is before it is of use, so that every other voting member has to be healthy: a dead one is removed first
    (etcd FAQ, "Should I add a member before removing an unhealthy member?").

    Args:
        members: all members, as seen now.
        peer_ip: the new member's peer address; one of its own, which an earlier attempt left, does not count.

    """
    others = [member for member in members if member.peer_ip != peer_ip]
    voters = [member for member in others if not member.learner]
    dead = [member.name or member.peer_ip for member in voters if not member.healthy]
    if dead:
        return "only %d of %d voting members are healthy (not %s); with one more a majority is %d" % (
            len(voters) - len(dead),
            len(voters),
            ", ".join(dead),
            majority(len(voters) + 1),
        )
    learners = [member.name or member.peer_ip for member in others if member.learner]
    return "%s is still a learner" % ", ".join(learners) if learners else None


def leaving_refusal(members: Sequence[Member], member_id: str) -> Optional[str]:
    """Why this member, which is to leave for good and may be healthy, must not be removed now; None when it is safe.

    Args:
        members: all members, as seen now.
        member_id: the one that leaves.

    """
    if member_id not in {member.member_id for member in members}:
        return "no member has the id %s" % member_id
    return _without_majority([member for member in members if not member.learner], {member_id})


def restart_refusal(members: Sequence[Member], addresses: Iterable[str]) -> Optional[str]:
    """Why the member of this host must not be restarted now; None when it is safe.

    While it is away the others have to have a majority. One or two members cannot have one without it: there all others
    have to be healthy, which is the least that can be lost.

    Args:
        members: all members, as seen now.
        addresses: the host's peer addresses.

    """
    own = set(addresses)
    voters = [member for member in members if not member.learner]
    if not any(member.peer_ip in own and member.healthy for member in voters):
        return None
    others = [member for member in voters if member.peer_ip not in own]
    healthy = sum(1 for member in others if member.healthy)
    needed = min(majority(len(voters)), len(voters) - 1)
    if healthy < needed:
        return "only %d of %d other voting members are healthy, and %d have to be" % (healthy, len(others), needed)
    return None


def _needed(member: Member, host_is_empty: bool) -> Optional[str]:
    label = member.name or member.peer_ip
    if member.healthy:
        return "member %s is healthy" % label
    if not member.started or host_is_empty:
        return None
    return "member %s has started before and its host may still hold its data" % label


def _without_majority(voters: Sequence[Member], going: set[str]) -> Optional[str]:
    healthy = sum(1 for member in voters if member.healthy)
    if healthy < majority(len(voters)):
        return "only %d of %d voting members are healthy: there is no majority to remove anything" % (
            healthy,
            len(voters),
        )
    left = [member for member in voters if member.member_id not in going]
    healthy_left = sum(1 for member in left if member.healthy)
    if healthy_left < majority(len(left)):
        return "%d of %d voting members would be healthy afterwards, a majority is %d" % (
            healthy_left,
            len(left),
            majority(len(left)),
        )
    return None
