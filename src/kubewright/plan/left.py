"""Sentences about what a run leaves, for another verb, another run or a person; pure."""

from __future__ import annotations

from collections.abc import Iterator

from kubewright.plan.fanning import stale
from kubewright.plan.rollout import Inspection
from kubewright.plan.situation import CORRECTS, Situation, in_scope, is_about_all, joined, recorded


def left(situation: Situation) -> Iterator[str]:
    """All that the situation holds and this run does not do."""
    if not situation.fan_out_allowed:
        behind = [host.name for host in stale(situation)]
        if behind:
            yield (
                f"hosts file and load balancer of {', '.join(behind)} were left as they are because of --limit; "
                "run without limit, or kubewright scale, to bring them up to date"
            )
    for name, reason in sorted(situation.unreachable.items()):
        yield f"{name} did not answer and was left out ({reason}); the next run brings it up to date"
    if situation.verb in CORRECTS and not is_about_all(situation):
        outside = tuple(_of_all(situation))
        if outside:
            yield (
                f"{', '.join(outside)} differ and concern the whole cluster; they were left because the limit lacks "
                f"control planes; {situation.verb} without limit changes them"
            )
    if situation.verb == "scale":
        drifted = [
            host.name
            for host in in_scope(situation)
            if joined(host, situation) and situation.inspections.get(host.name, Inspection()).changes
        ]
        if drifted:
            yield f"{', '.join(drifted)} differ from their documents; {situation.verb} only adds, deploy corrects"
    if situation.cluster is not None and situation.cluster.etcd_error:
        yield f"the etcd members are not known ({situation.cluster.etcd_error}); nothing was decided by them"
    yield from _unknown_nodes(situation)


def _of_all(situation: Situation) -> Iterator[str]:
    """What differs of that which a limit without all control planes leaves."""
    if situation.configuration_changes:
        yield "kubeadm's ConfigMaps"
    if situation.proxy_stale:
        yield "kube-proxy's pods"
    if situation.object_changes:
        yield "cluster objects"


def _unknown_nodes(situation: Situation) -> Iterator[str]:
    """Nodes that the inventory lacks: those that kubewright completed can be removed, the others are somebody's."""
    names = {host.node_name for host in situation.topology.hosts}
    completed = recorded(situation)
    for node in sorted((situation.cluster.nodes if situation.cluster else ()), key=lambda node: node.name):
        if node.name not in names and node.name in completed:
            yield (
                f"node {node.name} is in the cluster and no longer in the inventory; "
                f"remove it: kubewright remove --limit {node.name}"
            )
    foreign = [
        node.name
        for node in (situation.cluster.nodes if situation.cluster else ())
        if node.name not in names and node.name not in completed
    ]
    if foreign:
        yield f"nodes {', '.join(sorted(foreign))} were not added by kubewright; they were left alone"
