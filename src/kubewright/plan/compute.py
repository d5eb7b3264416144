"""Compute a plan: pure functions from the situation to stages and steps.

A verb is a permission. ``deploy`` creates, adds and corrects; ``scale`` only adds, and brings up to date what every
node must know of the new ones. What a verb may not do is said in ``Plan.left``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from kubewright.errors import BadInputError, ForeignError, StepFailedError
from kubewright.observe.model import ObservedCluster, ObservedNode
from kubewright.plan.model import Change, Plan, Stage, Step
from kubewright.plan.rollout import Inspection, Rollout, steps
from kubewright.topology.model import Host, Topology

CORRECTS = frozenset({"deploy"})


@dataclass(frozen=True)
class Situation:
    """All that a plan is computed from.

    Attributes:
        verb: ``deploy`` or ``scale``.
        scope: the hosts that the run may bring up to date (limit, or all), in topology order.
        limit: the hosts named by the user, or None.
        fan_out_allowed: whether hosts outside the scope may be told of the new ones (not under Ansible's own limit).
        cluster: the live cluster, or None where there is none yet.
        half_made: the host on which an earlier run began ``kubeadm init`` and did not finish, or "".
        inspections: by host; hosts in scope that did not answer are absent.
        unreachable: host to reason.
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
    half_made: str = ""
    inspections: Mapping[str, Inspection] = field(default_factory=dict)
    unreachable: Mapping[str, str] = field(default_factory=dict)
    fan_out: Mapping[str, str] = field(default_factory=dict)
    object_changes: tuple[Change, ...] | None = None
    metadata_changes: Mapping[str, tuple[Change, ...]] = field(default_factory=dict)
    configuration_changes: tuple[Change, ...] = ()
    proxy_stale: bool = False
    serial: str = "20%"
    kubeconfig_missing: bool = False
    left: tuple[str, ...] = ()
    notices: tuple[str, ...] = ()


def compute(situation: Situation) -> Plan:
    """The plan for a situation.

    Raises:
        ForeignError: the cluster has no record of kubewright's (I10).
        BadInputError: what is asked cannot begin (scale without a cluster, no control plane in scope).
        StepFailedError: a control plane that must go first is unreachable.

    """
    _refuse(situation)
    via = _via(situation)
    if situation.verb == "check":
        members = tuple(host.name for host in _in_scope(situation) if node_of(host, situation.cluster))
        return _plan(situation, via, tuple(_checks(members)))
    planned = (
        *_converge(situation),
        *_init(situation, via),
        *_rollout(situation, via),
        *_joins(situation, via),
        *_objects(situation, via),
        *_metadata(situation, via),
        *fan_out(situation),
    )
    unrecorded = [host.name for host in _in_scope(situation) if not joined(host, situation)]
    touched = tuple(dict.fromkeys((*(step.host for step in planned if step.stage in _CHECKED), *unrecorded)))
    return _plan(situation, via, (*planned, *_checks(touched)))


def _plan(situation: Situation, via: str, steps: tuple[Step, ...]) -> Plan:
    return Plan(
        verb=situation.verb,
        cluster=situation.cluster_name,
        version=situation.version,
        via=via,
        steps=steps,
        limit=situation.limit,
        left=(*_left(situation), *situation.left),
        notices=situation.notices,
    )


def joined(host: Host, situation: Situation) -> bool:
    """Whether a host is a complete member of the live cluster.

    A Node object alone is not enough: a run records a node only when it is done with it, and a control plane must be a
    voting etcd member.
    """
    node = node_of(host, situation.cluster)
    if node is None:
        return False
    if node.name not in _record(situation).get("fan_out", {}):
        return False
    return not host.is_control_plane or _is_voter(host, situation.cluster)


def node_of(host: Host, cluster: ObservedCluster | None) -> ObservedNode | None:
    """The Node object of a host, if there is one."""
    return cluster.node(host.node_name) if cluster else None


def _record(situation: Situation) -> Mapping[str, Any]:
    return (situation.cluster.record or {}) if situation.cluster else {}


def _is_voter(host: Host, cluster: ObservedCluster | None) -> bool:
    members = cluster.etcd_members if cluster else ()
    if not members:
        # etcd could not be asked: that says nothing about who is a member, and it is said in the plan.
        return True
    return any(member.peer_ip == host.main_ip.value and member.started and not member.learner for member in members)


def _refuse(situation: Situation) -> None:
    cluster = situation.cluster
    if cluster is not None and not cluster.ours and not situation.half_made:
        raise ForeignError(
            f"cluster at {cluster.via}",
            "it was not made by kubewright (there is no ConfigMap kube-system/kubewright); nothing was changed",
            "status and kubectl work on it; to change it use the tool that made it",
        )
    if cluster is None and not situation.half_made and situation.verb != "deploy":
        raise BadInputError(
            situation.verb,
            "there is no cluster yet: no control plane of the inventory has one",
            "Run kubewright deploy first",
        )


def _via(situation: Situation) -> str:
    if situation.cluster is not None:
        return situation.cluster.via
    if situation.half_made:
        return situation.half_made
    first = next((host.name for host in situation.topology.control_planes if host.name in situation.scope), None)
    if first is None:
        raise BadInputError(
            "deploy", "the limit has no control plane and there is no cluster yet", "Deploy without --limit first"
        )
    if first in situation.unreachable:
        raise StepFailedError(f"host {first}", f"it must go first and does not answer: {situation.unreachable[first]}")
    return first


def _in_scope(situation: Situation) -> Iterator[Host]:
    wanted = set(situation.scope)
    for host in situation.topology.hosts:
        if host.name in wanted and host.name not in situation.unreachable:
            yield host


def _converge(situation: Situation) -> Iterator[Step]:
    for host in _in_scope(situation):
        inspection = situation.inspections.get(host.name, Inspection())
        new = not joined(host, situation)
        if not (inspection.changes or inspection.restarts) or not (new or situation.verb in CORRECTS):
            continue
        if inspection.disrupts and not new:
            continue
        yield Step(
            stage=Stage.CONVERGE,
            host=host.name,
            title="bring the host to its document",
            reason="new host" if new else "differs from its document",
            changes=inspection.changes,
            restarts=inspection.restarts,
        )


def _init(situation: Situation, via: str) -> Iterator[Step]:
    if situation.cluster is not None and not situation.half_made:
        return
    reason = "an earlier run began it and did not finish" if situation.half_made else "there is no cluster yet"
    yield Step(Stage.INIT, via, "kubeadm init", reason)
    yield Step(Stage.NETWORK, via, "apply the pod network", "new cluster")


def _rollout(situation: Situation, via: str) -> Iterator[Step]:
    """What a live cluster's members are changed by where it disrupts something."""
    if situation.verb not in CORRECTS or situation.cluster is None or situation.half_made:
        return
    members = [
        (host, situation.inspections[host.name])
        for host in _in_scope(situation)
        if joined(host, situation) and situation.inspections.get(host.name, Inspection()).disrupts
    ]
    yield from steps(
        Rollout(
            via=via,
            configuration=situation.configuration_changes,
            proxy_stale=situation.proxy_stale,
            control_planes={host.name: found for host, found in members if host.is_control_plane},
            workers={host.name: found for host, found in members if not host.is_control_plane},
            serial=situation.serial,
        )
    )


def _objects(situation: Situation, via: str) -> Iterator[Step]:
    if situation.object_changes is None:
        yield Step(Stage.OBJECTS, via, "apply network and DNS objects", "new cluster")
    elif situation.object_changes and situation.verb in CORRECTS:
        yield Step(Stage.OBJECTS, via, "apply network and DNS objects", "they differ", changes=situation.object_changes)


def _joins(situation: Situation, via: str) -> Iterator[Step]:
    joining = [host for host in _in_scope(situation) if host.name != via and not joined(host, situation)]
    control_planes = [host for host in joining if host.is_control_plane]
    if not joining:
        reasons = tuple(_unfinished(situation, via))
        if reasons:
            yield Step(Stage.CLEANUP, via, "finish what an earlier run began", "; ".join(reasons))
        return
    what = "token and uploaded certificates" if control_planes else "token"
    yield Step(Stage.PREPARE_JOIN, via, f"create a short-lived {what}", f"{len(joining)} to join")
    for host in control_planes:
        yield Step(Stage.JOIN_CONTROL_PLANE, host.name, "kubeadm join as control plane", _why_join(host, situation))
    for host in joining:
        if host.is_worker_only:
            yield Step(Stage.JOIN_WORKER, host.name, "kubeadm join", _why_join(host, situation))
    yield Step(Stage.CLEANUP, via, f"remove {what}", "no longer needed")


_OUR_TOKENS = frozenset({"kubewright join", "kubewright init", "Proxy for managing TTL for the kubeadm-certs secret"})
"""Descriptions of the tokens that a run makes, the last one by kubeadm on its behalf."""


def _unfinished(situation: Situation, via: str) -> Iterator[str]:
    """What a killed run left in a live cluster, or what was lost on the controller since."""
    cluster = situation.cluster
    if cluster is None or situation.half_made:
        return
    if (
        any(token.get("description") in _OUR_TOKENS for token in cluster.bootstrap_tokens)
        or cluster.kubeadm_certs_secret
    ):
        yield "a token or certificate key is left"
    if cluster.check_pods:
        yield "check pods are left"
    speaker = next((host for host in situation.topology.hosts if host.name == via), None)
    if speaker is not None and via in situation.scope and not joined(speaker, situation):
        yield f"{via} is not recorded as complete"
    if situation.kubeconfig_missing and situation.verb in CORRECTS:
        yield "the administrator's kubeconfig is not in the artifacts directory"


def _why_join(host: Host, situation: Situation) -> str:
    if node_of(host, situation.cluster) is None:
        return "not in the cluster"
    return "an earlier run began it and did not finish"


def _metadata(situation: Situation, via: str) -> Iterator[Step]:
    wanted: list[Change] = []
    for host in _in_scope(situation):
        changes = situation.metadata_changes.get(host.name, ())
        new = not joined(host, situation)
        if changes and (new or situation.verb in CORRECTS):
            wanted.extend(changes)
    if wanted:
        yield Step(
            Stage.METADATA,
            via,
            "set labels and taints",
            f"{_count(len(wanted), 'node')} to change",
            changes=tuple(wanted),
        )


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def fan_out(situation: Situation) -> Iterator[Step]:
    """Steps that tell members outside the scope of the hosts that came or went."""
    if not situation.fan_out_allowed:
        return
    for host in _stale(situation):
        if host.name not in situation.unreachable:
            yield Step(
                Stage.FAN_OUT, host.name, "bring hosts file and load balancer up to date", "the cluster's hosts changed"
            )


def _stale(situation: Situation) -> Iterator[Host]:
    """Members outside the scope whose recorded knowledge of the other hosts is not today's."""
    known = _record(situation).get("fan_out", {})
    scope = set(situation.scope)
    for host in situation.topology.hosts:
        member = node_of(host, situation.cluster) is not None
        if member and host.name not in scope and known.get(host.node_name) != situation.fan_out.get(host.name):
            yield host


def _checks(touched: tuple[str, ...]) -> Iterator[Step]:
    for host in touched:
        yield Step(Stage.CHECK, host, "check node, DNS, pod network and API endpoint", "touched by this run")


_CHECKED = frozenset(
    {
        Stage.CONVERGE,
        Stage.INIT,
        Stage.CONTROL_PLANE_CONFIG,
        Stage.KUBELET_CONFIG,
        Stage.JOIN_CONTROL_PLANE,
        Stage.JOIN_WORKER,
    }
)


def _left(situation: Situation) -> Iterator[str]:
    if not situation.fan_out_allowed:
        stale = [host.name for host in _stale(situation)]
        if stale:
            yield (
                f"hosts file and load balancer of {', '.join(stale)} were left as they are because of --limit; "
                "run without limit, or kubewright scale, to bring them up to date"
            )
    for name, reason in sorted(situation.unreachable.items()):
        yield f"{name} did not answer and was left out ({reason}); the next run brings it up to date"
    if situation.verb == "scale":
        drifted = [
            host.name
            for host in _in_scope(situation)
            if joined(host, situation) and situation.inspections.get(host.name, Inspection()).changes
        ]
        if drifted:
            yield f"{', '.join(drifted)} differ from their documents; {situation.verb} only adds, deploy corrects"
    if situation.cluster is not None and situation.cluster.etcd_error:
        yield f"the etcd members are not known ({situation.cluster.etcd_error}); nothing was decided by them"
    yield from _unknown_nodes(situation)


def _unknown_nodes(situation: Situation) -> Iterator[str]:
    """Nodes that the inventory lacks: those that kubewright completed can be removed, the others are somebody's."""
    names = {host.node_name for host in situation.topology.hosts}
    recorded = _record(situation).get("fan_out", {})
    for node in sorted((situation.cluster.nodes if situation.cluster else ()), key=lambda node: node.name):
        if node.name not in names and node.name in recorded:
            yield (
                f"node {node.name} is in the cluster and no longer in the inventory; "
                f"remove it: kubewright remove --limit {node.name}"
            )
    foreign = [
        node.name
        for node in (situation.cluster.nodes if situation.cluster else ())
        if node.name not in names and node.name not in recorded
    ]
    if foreign:
        yield f"nodes {', '.join(sorted(foreign))} were not added by kubewright; they were left alone"
