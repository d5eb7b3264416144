"""Compute a plan: pure functions from the situation to stages and steps.

A verb is a permission. ``deploy`` creates, adds and corrects; ``scale`` only adds, and brings up to date what every
node must know of the new ones. What a verb may not do is said in ``Plan.left``.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from kubewright.errors import BadInputError, ForeignError, StepFailedError
from kubewright.plan.adding import init, joins
from kubewright.plan.fanning import fan_out
from kubewright.plan.keeping import snapshot
from kubewright.plan.left import left
from kubewright.plan.model import NEW_HOST, Change, Plan, Stage, Step
from kubewright.plan.rollout import ETCD_POD, Inspection, Rollout, steps
from kubewright.plan.rules import quorum
from kubewright.plan.rules.refusals import Refusal, enforce
from kubewright.plan.situation import CORRECTS, Situation, in_scope, is_about_all, joined, node_of


def compute(situation: Situation) -> Plan:
    """The plan for a situation.

    Raises:
        ForeignError: the cluster has no record of kubewright's (I10).
        BadInputError: what is asked cannot begin (scale without a cluster, no control plane in scope).
        StepFailedError: a control plane that must go first is unreachable.
        RefusedError: a step may cost etcd its majority.

    """
    _refuse(situation)
    via = _via(situation)
    if situation.verb == "check":
        members = tuple(host.name for host in in_scope(situation) if node_of(host, situation.cluster))
        return _plan(situation, via, tuple(_checks(members)))
    changes = (
        *_converge(situation),
        *init(situation, via),
        *_rollout(situation, via),
        *joins(situation, via),
        *_objects(situation, via),
        *_metadata(situation, via),
        *fan_out(situation),
    )
    enforce(_quorum(situation, changes), ())
    planned = (*_snapshot(situation, via, changes), *changes)
    unrecorded = [host.name for host in in_scope(situation) if not joined(host, situation)]
    touched = tuple(dict.fromkeys((*(step.host for step in planned if step.stage in _CHECKED), *unrecorded)))
    return _plan(situation, via, (*planned, *_checks(touched)))


def _snapshot(situation: Situation, via: str, changes: Sequence[Step]) -> Iterator[Step]:
    """Etcd's data is kept where there is any: not while the first control plane is being made."""
    if situation.cluster is not None and not situation.half_made:
        members = {host.name for host in situation.topology.control_planes if joined(host, situation)}
        yield from snapshot(via, changes, members)


def _quorum(situation: Situation, planned: Sequence[Step]) -> Iterator[Refusal]:
    """What etcd's majority forbids of the restarts and joins that are planned."""

    def peer(step: Step) -> quorum.Peer:
        host = situation.topology[step.host]
        return quorum.Peer(host.etcd_member_name or host.node_name, host.main_ip.value)

    restarting = (step for step in planned if step.stage is Stage.CONTROL_PLANE_CONFIG and ETCD_POD in step.restarts)
    joining = (step for step in planned if step.stage is Stage.JOIN_CONTROL_PLANE)
    yield from quorum.refuse_changes(
        situation.cluster.etcd_members if situation.cluster else (),
        restarts=tuple(map(peer, restarting)),
        joins=tuple(map(peer, joining)),
    )


_ORDER = tuple(Stage)


def _plan(situation: Situation, via: str, steps: tuple[Step, ...]) -> Plan:
    return Plan(
        verb=situation.verb,
        cluster=situation.cluster_name,
        version=situation.version,
        via=via,
        steps=tuple(sorted(steps, key=lambda step: _ORDER.index(step.stage))),
        limit=situation.limit,
        left=(*left(situation), *situation.left),
        notices=situation.notices,
    )


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


def _converge(situation: Situation) -> Iterator[Step]:
    for host in in_scope(situation):
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
            reason=NEW_HOST if new else "differs from its document",
            changes=inspection.changes,
            restarts=inspection.restarts,
        )


def _rollout(situation: Situation, via: str) -> Iterator[Step]:
    """What a live cluster's members are changed by where it disrupts something."""
    if situation.verb not in CORRECTS or situation.cluster is None or situation.half_made:
        return
    members = [
        (host, situation.inspections[host.name])
        for host in in_scope(situation)
        if joined(host, situation) and situation.inspections.get(host.name, Inspection()).disrupts
    ]
    yield from steps(
        Rollout(
            via=via,
            configuration=situation.configuration_changes if is_about_all(situation) else (),
            proxy_stale=situation.proxy_stale and is_about_all(situation),
            control_planes={host.name: found for host, found in members if host.is_control_plane},
            workers={host.name: found for host, found in members if not host.is_control_plane},
            serial=situation.serial,
        )
    )


def _objects(situation: Situation, via: str) -> Iterator[Step]:
    if situation.object_changes is None:
        yield Step(Stage.OBJECTS, via, "apply network and DNS objects", "new cluster")
    elif situation.object_changes and situation.verb in CORRECTS and is_about_all(situation):
        yield Step(Stage.OBJECTS, via, "apply network and DNS objects", "they differ", changes=situation.object_changes)


def _metadata(situation: Situation, via: str) -> Iterator[Step]:
    wanted: list[Change] = []
    for host in in_scope(situation):
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
