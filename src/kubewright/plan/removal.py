"""Plan the removal of nodes, and the reset of a whole cluster: pure."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass

from kubewright.errors import BadInputError, ForeignError, RefusedError, UnreachableError
from kubewright.observe.model import EtcdMember, ObservedCluster, ObservedNode
from kubewright.plan.fanning import fan_out
from kubewright.plan.keeping import snapshot
from kubewright.plan.left import not_told
from kubewright.plan.model import LOCK_CALLS, Change, Plan, Stage, Step
from kubewright.plan.rules import disruption, last, quorum
from kubewright.plan.rules.disruption import Budget
from kubewright.plan.situation import Situation
from kubewright.topology.model import Topology


@dataclass(frozen=True)
class Leaving:
    """A node that is to be removed, or a host of the inventory that may have been one.

    Attributes:
        name: its name in the inventory; of a node that the inventory lacks, the Node's.
        known: whether the inventory has the host.
        carries: whether kubewright's manifest is on the host; False where it was not looked at.
        foreign: whether Kubernetes is on the host without kubewright's manifest.
        unreachable: why the host did not answer; empty where it did, or was not asked.
        not_cleaned: why the host of a Node that the inventory lacks is left as it is; empty where it is looked at.
        pods: pods that a drain evicts; ``lost_pods`` are those that nothing puts up again.

    """

    name: str
    node_name: str
    known: bool
    carries: bool = False
    foreign: bool = False
    unreachable: str = ""
    not_cleaned: str = ""
    node: ObservedNode | None = None
    members: tuple[EtcdMember, ...] = ()
    recorded: bool = False
    pods: tuple[str, ...] = ()
    lost_pods: tuple[str, ...] = ()
    budgets: tuple[Budget, ...] = ()


@dataclass(frozen=True)
class Removal:
    """What the plan of a removal is computed from.

    ``base`` has the cluster, and the topology of the inventory without the hosts that leave. ``offline`` says that
    these are dead.
    """

    base: Situation
    leaving: tuple[Leaving, ...]
    offline: bool = False


def plan_removal(removal: Removal) -> Plan:
    """The plan of a removal.

    Raises:
        ForeignError: the cluster, or a node that is to be removed, is not kubewright's.
        BadInputError: there is no cluster, or a name that nobody knows.
        UnreachableError: a host that is to be removed does not answer, and it was not said that it is dead.
        RefusedError: a safety rule forbids it.

    """
    cluster = _ours(removal)
    for leaving in removal.leaving:
        _refuse(leaving, offline=removal.offline)
        _refuse_address_of_one_that_stays(leaving, removal.base.topology)
    _refuse_unknown_members(removal, cluster)
    last.refuse(cluster.nodes, {leaving.node_name for leaving in removal.leaving})
    members = quorum.in_safe_order([member for leaving in removal.leaving for member in leaving.members])
    quorum.refuse(cluster.etcd_members, members)
    if not removal.offline:
        for leaving in removal.leaving:
            disruption.refuse(leaving.node_name, leaving.budgets)
    order = [member.member_id for member in members]
    steps = (
        *_drains(removal),
        *_members(sorted(removal.leaving, key=lambda leaving: _rank(leaving, order))),
        *_deletions(removal),
        *_cleanings(removal.leaving),
    )
    base = removal.base
    return Plan(
        verb="remove",
        cluster=base.cluster_name,
        version=base.version,
        via=cluster.via,
        steps=(*snapshot(cluster.via, steps, ()), *steps, *fan_out(base)),
        limit=tuple(leaving.name for leaving in removal.leaving),
        left=(*_left(removal), *base.left),
        notices=base.notices,
    )


def _refuse_unknown_members(removal: Removal, cluster: ObservedCluster) -> None:
    """A control plane must not go while nobody knows whether it is an etcd member."""
    for leaving in removal.leaving:
        if cluster.etcd_error and leaving.node is not None and leaving.node.control_plane:
            raise RefusedError(
                f"etcd member of {leaving.name}",
                f"the members are not known: {cluster.etcd_error}",
                f"Look at etcd on {cluster.via}",
            )


def _rank(leaving: Leaving, order: list[str]) -> int:
    return min((order.index(member.member_id) for member in leaving.members), default=len(order))


def _ours(removal: Removal) -> ObservedCluster:
    cluster = removal.base.cluster
    if cluster is None:
        raise BadInputError(
            "remove", "there is no cluster: no control plane that stays has one", "To clean hosts use kubewright reset"
        )
    if not cluster.ours:
        raise ForeignError(
            f"cluster at {cluster.via}",
            "it was not made by kubewright (there is no ConfigMap kube-system/kubewright); nothing was changed",
            "Use the tool that made it",
        )
    return cluster


def _refuse(leaving: Leaving, *, offline: bool) -> None:
    if not leaving.known and leaving.node is None and not leaving.recorded and not leaving.members:
        raise BadInputError(
            f"--limit {leaving.name}",
            "neither the inventory nor the cluster has it",
            "Check the name: kubewright status shows all nodes and etcd members",
        )
    if leaving.unreachable and not offline:
        raise UnreachableError(
            f"host {leaving.name}",
            leaving.unreachable,
            "Bring it back; if it is dead for good, run the same command with --offline",
        )
    if leaving.foreign or (leaving.node is not None and not leaving.recorded and not leaving.carries):
        raise ForeignError(
            f"node {leaving.name}",
            "it was not added by kubewright; nothing was changed",
            f"Remove it with the tool that added it, or: kubectl drain and delete node {leaving.node_name}",
        )


def _refuse_address_of_one_that_stays(leaving: Leaving, topology: Topology) -> None:
    """An etcd member may be named by its address only where it is nobody's else."""
    if leaving.known or leaving.node is not None:
        return
    peers = {member.peer_ip for member in leaving.members}
    host = next((host for host in topology.hosts if host.main_ip.value in peers), None)
    if host is not None:
        raise BadInputError(
            f"--limit {leaving.name}",
            f"that etcd member has the address of {host.name}, which is in the inventory",
            f"Name the host: --limit {host.name}",
        )


def _drains(removal: Removal) -> Iterator[Step]:
    for leaving in removal.leaving:
        if leaving.node is None:
            continue
        lost = tuple(Change(f"pod:{pod}", "delete", "nothing puts it up again elsewhere") for pod in leaving.lost_pods)
        if removal.offline:
            yield Step(Stage.DRAIN, leaving.name, "cordon", "the host is dead: there is nothing to drain")
        else:
            yield Step(Stage.DRAIN, leaving.name, "cordon and drain", _evictions(leaving), changes=lost)


def _evictions(leaving: Leaving) -> str:
    number = len(leaving.pods)
    pods = f"{number} pod to evict" if number == 1 else f"{number} pods to evict"
    budgets = ", ".join(f"{budget.name} ({budget.limit})" for budget in leaving.budgets)
    noun = "disruption budget" if len(leaving.budgets) == 1 else "disruption budgets"
    return f"{pods}, as {noun} {budgets} allow{'s' if len(leaving.budgets) == 1 else ''}" if budgets else pods


def _members(leaving: list[Leaving]) -> Iterator[Step]:
    for each in leaving:
        if each.members:
            yield Step(Stage.REMOVE_MEMBER, each.name, "remove the etcd member", "the host leaves")


def _deletions(removal: Removal) -> Iterator[Step]:
    for leaving in removal.leaving:
        if leaving.node is not None or leaving.recorded:
            yield Step(Stage.DELETE_NODE, leaving.name, "delete the Node", "the host leaves")


def _cleanings(leaving: tuple[Leaving, ...]) -> Iterator[Step]:
    for each in leaving:
        if each.carries:
            yield Step(Stage.CLEAN_NODE, each.name, "remove what kubewright put there", "the host leaves")


def _left(removal: Removal) -> Iterator[str]:
    yield from not_told(removal.base)
    for leaving in removal.leaving:
        if leaving.not_cleaned:
            yield (
                f"{leaving.name} is not in the inventory and is not cleaned: {leaving.not_cleaned}. {_COMES_BACK}; "
                f"to clean it, put it into the inventory again and run kubewright remove --limit {leaving.name}, or "
                "reinstall it"
            )
        elif removal.offline:
            yield (
                f"{leaving.name} is dead and is not cleaned. {_COMES_BACK}; should it come back, run the same command "
                "without --offline before it is used again"
            )


_COMES_BACK = "Its kubelet's certificate stays valid, so it would register the Node again when it starts"


def plan_reset(cluster: str, version: str, hosts: tuple[Leaving, ...], control_planes: Collection[str] = ()) -> Plan:
    """The plan of a reset: every reachable host that carries kubewright's manifest is cleaned.

    Args:
        cluster: its name.
        version: of Kubernetes.
        hosts: the inventory's.
        control_planes: those of the hosts on which the lock is held.

    Raises:
        ForeignError: Kubernetes is on a host without it.

    """
    for host in hosts:
        if host.foreign:
            _refuse(host, offline=True)
    silent = [host for host in hosts if host.unreachable]
    return Plan(
        verb="reset",
        cluster=cluster,
        version=version,
        via="",
        steps=tuple(
            Step(
                Stage.CLEAN_NODE,
                host.name,
                "remove what kubewright put there",
                "the cluster is reset",
                calls=1 + (LOCK_CALLS if host.name in control_planes else 0),
            )
            for host in hosts
            if host.carries
        ),
        left=tuple(f"{host.name} did not answer and is not cleaned ({host.unreachable})" for host in silent),
    )
