"""What a plan is computed from, and what is asked of it again and again; pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from kubewright.observe.model import ObservedCluster, ObservedNode
from kubewright.plan.model import Change
from kubewright.plan.rollout import Inspection
from kubewright.topology.model import Host, Topology

CORRECTS = frozenset({"deploy"})
"""Verbs that bring members to their documents; the others only add."""


@dataclass(frozen=True)
class Situation:
    """All that a plan is computed from.

    Attributes:
        verb: ``deploy`` or ``scale``.
        scope: the hosts that the run may bring up to date (limit, or all), in topology order.
        limit: the hosts named by the user, or None.
        fan_out_allowed: whether hosts outside the scope may be told of the new ones (not under Ansible's own limit).
        fan_out_known: whether their documents could be made: a removal does not fetch what the cache lacks for that.
        cluster: the live cluster, or None where there is none yet.
        half_made: the host on which an earlier run began ``kubeadm init`` and did not finish, or "".
        inspections: by host; hosts in scope that did not answer are absent.
        unreachable: host to reason why it could not be looked at; no step is planned on it.
        answered: those of them that did answer: looking at them failed.
        fan_out: digest of what every node must know of the others, by host.
        object_changes: what applying the cluster's objects would change, None where there is no cluster yet.
        metadata_changes: what applying labels and taints would change, by host.
        configuration_changes: what would change of kubeadm's objects in the cluster.
        proxy_stale: whether kube-proxy's pods have another configuration than their object.
        serial: how many workers may restart their kubelet or engine at the same time.

    """

    verb: str
    version: str
    topology: Topology
    cluster_name: str
    scope: tuple[str, ...]
    cluster: ObservedCluster | None = None
    limit: tuple[str, ...] | None = None
    fan_out_allowed: bool = True
    fan_out_known: bool = True
    half_made: str = ""
    inspections: Mapping[str, Inspection] = field(default_factory=dict)
    unreachable: Mapping[str, str] = field(default_factory=dict)
    answered: frozenset[str] = frozenset()
    fan_out: Mapping[str, str] = field(default_factory=dict)
    object_changes: tuple[Change, ...] | None = None
    metadata_changes: Mapping[str, tuple[Change, ...]] = field(default_factory=dict)
    configuration_changes: tuple[Change, ...] = ()
    proxy_stale: bool = False
    serial: str = "20%"
    kubeconfig_missing: bool = False
    left: tuple[str, ...] = ()
    notices: tuple[str, ...] = ()


def joined(host: Host, situation: Situation) -> bool:
    """Whether a host is a complete member of the live cluster.

    A Node object alone is not enough: a run records a node only when it is done with it, and a control plane must be a
    voting etcd member.
    """
    node = node_of(host, situation.cluster)
    if node is None:
        return False
    if node.name not in recorded(situation):
        return False
    return not host.is_control_plane or _is_voter(host, situation.cluster)


def node_of(host: Host, cluster: ObservedCluster | None) -> ObservedNode | None:
    """The Node object of a host, if there is one."""
    return cluster.node(host.node_name) if cluster else None


def recorded(situation: Situation) -> Mapping[str, str]:
    """Nodes that kubewright completed: what each of them knows of the others, as a digest, by Node name."""
    record: Mapping[str, Any] = (situation.cluster.record or {}) if situation.cluster else {}
    known: Mapping[str, str] = record.get("fan_out", {})
    return known


def _is_voter(host: Host, cluster: ObservedCluster | None) -> bool:
    members = cluster.etcd_members if cluster else ()
    if not members:
        # etcd could not be asked: that says nothing about who is a member, and it is said in the plan.
        return True
    return any(member.peer_ip == host.main_ip.value and member.started and not member.learner for member in members)


def in_scope(situation: Situation) -> Iterator[Host]:
    """The hosts that the run may bring up to date and that answer."""
    wanted = set(situation.scope)
    for host in situation.topology.hosts:
        if host.name in wanted and host.name not in situation.unreachable:
            yield host


def is_about_all(situation: Situation) -> bool:
    """Whether what concerns the whole cluster may be changed: every control plane is within the limit, if there is one.

    Else kubeadm's objects would tell what control planes outside it are not, and every node's kube-proxy would restart.
    """
    return {host.name for host in situation.topology.control_planes} <= set(situation.scope)
