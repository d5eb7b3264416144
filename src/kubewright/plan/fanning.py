"""What members outside a run's scope must be told of the hosts that came or went; pure."""

from __future__ import annotations

from collections.abc import Iterator

from kubewright.plan.model import Stage, Step
from kubewright.plan.situation import Situation, node_of, recorded
from kubewright.topology.model import Host


def fan_out(situation: Situation) -> Iterator[Step]:
    """Steps that tell members outside the scope of the hosts that came or went."""
    if not (situation.fan_out_allowed and situation.fan_out_known):
        return
    for host in stale(situation):
        if host.name not in situation.unreachable:
            yield Step(
                Stage.FAN_OUT, host.name, "bring hosts file and load balancer up to date", "the cluster's hosts changed"
            )


def stale(situation: Situation) -> Iterator[Host]:
    """Members outside the scope whose recorded knowledge of the other hosts is not today's."""
    known = recorded(situation)
    scope = set(situation.scope)
    for host in situation.topology.hosts:
        member = node_of(host, situation.cluster) is not None
        if member and host.name not in scope and known.get(host.node_name) != situation.fan_out.get(host.name):
            yield host
