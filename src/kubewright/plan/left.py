"""Sentences about what a run leaves, for another verb, another run or a person; pure."""

from __future__ import annotations

from collections.abc import Iterator

from kubewright.observe.model import EtcdMember, ObservedCluster
from kubewright.plan.fanning import stale
from kubewright.plan.rollout import Inspection
from kubewright.plan.situation import CORRECTS, Situation, in_scope, is_about_all, joined, recorded


def not_told(situation: Situation) -> Iterator[str]:
    """The sentence about members that are not told of the hosts that came or went, with the reason."""
    if situation.fan_out_allowed and situation.fan_out_known:
        return
    behind = ", ".join(host.name for host in stale(situation))
    if not behind:
        return
    were = f"hosts file and load balancer of {behind} were left as they are because"
    if not situation.fan_out_allowed:
        yield f"{were} of --limit; run without limit, or kubewright scale, to bring them up to date"
    else:
        yield (
            f"{were} binaries and images are not in the controller's cache, and a removal fetches nothing; "
            "run kubewright deploy or scale to bring them up to date"
        )


def left(situation: Situation) -> Iterator[str]:
    """All that the situation holds and this run does not do."""
    yield from not_told(situation)
    for name, reason in sorted(situation.unreachable.items()):
        what = "could not be looked at" if name in situation.answered else "did not answer"
        yield f"{name} {what} and was left out ({reason}); the next run brings it up to date"
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
    yield from _without_credentials(situation)
    if situation.cluster is not None and situation.cluster.etcd_error:
        yield f"the etcd members are not known ({situation.cluster.etcd_error}); nothing was decided by them"
    yield from _unknown_nodes(situation)


def _without_credentials(situation: Situation) -> Iterator[str]:
    """Members that cannot speak with the cluster any more; kubeadm gives a kubelet its credentials in a join only."""
    for host in in_scope(situation):
        if joined(host, situation) and not situation.inspections.get(host.name, Inspection()).credentials:
            yield (
                f"{host.name} is a member of the cluster, but its kubelet has no credentials any more "
                "(/etc/kubernetes/kubelet.conf), and what a member is configured by was not compared; put the file "
                f"back, or remove the host and add it again: kubewright remove --limit {host.name}"
            )


def _of_all(situation: Situation) -> Iterator[str]:
    """What differs of that which a limit without all control planes leaves."""
    if situation.configuration_changes:
        yield "kubeadm's objects"
    if situation.proxy_stale:
        yield "kube-proxy's pods"
    if situation.object_changes:
        yield "cluster objects"


def _unknown_nodes(situation: Situation) -> Iterator[str]:
    """What the inventory lacks: what kubewright completed can be removed, the rest is somebody's."""
    cluster = situation.cluster
    if cluster is None:
        return
    names = {host.node_name for host in situation.topology.hosts}
    nodes = sorted(node.name for node in cluster.nodes if node.name not in names)
    leaving = (cluster.record or {}).get("leaving", {})
    completed = {*recorded(situation), *leaving}
    for name in (name for name in nodes if name in completed):
        yield (
            f"node {name} is in the cluster and no longer in the inventory; remove it: kubewright remove --limit {name}"
        )
    for name in sorted({*leaving} - names - {*nodes}):
        yield f"node {name} was removed, and not all of that was done; go on with it: kubewright remove --limit {name}"
    for name in sorted(completed - {*leaving} - names - {*nodes}):
        yield (
            f"node {name} is in kubewright's record, and neither in the cluster nor in the inventory: somebody deleted "
            f"the Node; remove what is left of it: kubewright remove --limit {name}"
        )
    foreign = [name for name in nodes if name not in completed]
    if foreign:
        yield f"nodes {', '.join(foreign)} were not added by kubewright; they were left alone"
    for member in _unknown_members(situation, cluster):
        counts = ", and keeps others from joining" if member.learner else ", and counts for the majority"
        yield (
            f"etcd member {member.name or member.member_id} ({member.peer_ip}) is of no host of the inventory and of "
            f"no Node{counts}; where nobody needs it: kubewright remove --limit {member.name or member.peer_ip}"
        )


def _unknown_members(situation: Situation, cluster: ObservedCluster) -> Iterator[EtcdMember]:
    """Members of nobody that is known; those of recorded nodes are removed with what is left of these."""
    hosts = situation.topology.hosts
    names = {host.etcd_member_name or host.node_name for host in hosts}
    names |= {node.name for node in cluster.nodes} | set(recorded(situation))
    addresses = {address.value for host in hosts for address in host.main_ips}
    addresses |= {node.internal_ip for node in cluster.nodes}
    for member in sorted(cluster.etcd_members, key=lambda member: (member.name, member.member_id)):
        if member.name not in names and member.peer_ip not in addresses:
            yield member
