"""Steps by which a changed setting of a running cluster reaches what runs: objects first, then one after another; pure.

What decides is what each place shows: kubeadm's objects, files on disk, pods. So the next run goes on with what a
killed one began, and a change that somebody else made is taken back by the same steps.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from kubewright.plan.model import Change, Stage, Step

DISRUPTING_UNITS = frozenset({"kubelet", "containerd"})
"""Units whose restart a node may not survive."""

CONTROL_PLANE_TYPES = frozenset({"certificate", "static_pod"})
"""Resource types of a control plane's own parts: the API server, etcd and the like."""

ETCD_POD = "etcd"
"""The static pod of a control plane's etcd member."""

MEMBERS_TYPES = CONTROL_PLANE_TYPES | {"kubelet_configuration"}
"""Resource types that only a finished member has."""

PROXY_CONFIGURATION = "object:v1/ConfigMap/kube-system/kube-proxy"
PROXY_PODS = "object:apps/v1/DaemonSet/kube-system/kube-proxy"
"""Ids of what kube-proxy's pods are started anew for."""


@dataclass(frozen=True)
class Inspection:
    """What a check of a host's whole document found: changes, and the units that would be restarted.

    ``credentials`` is whether its kubelet has those by which a member speaks with the cluster.
    """

    changes: tuple[Change, ...] = ()
    restarts: tuple[str, ...] = ()
    credentials: bool = True

    @property
    def disrupts(self) -> bool:
        """Whether carrying it out on a member restarts what the node or the cluster depends on."""
        kinds = {change.id.partition(":")[0] for change in self.changes}
        return bool(DISRUPTING_UNITS.intersection(self.restarts) or kinds & MEMBERS_TYPES)

    @property
    def components(self) -> tuple[str, ...]:
        """Static pods that are restarted."""
        names = (change.id.partition(":") for change in self.changes)
        return tuple(name for kind, _, name in names if kind == "static_pod")


@dataclass(frozen=True)
class Rollout:
    """What differs in a live cluster.

    Attributes:
        via: the control plane that speaks.
        configuration: changes of kubeadm's objects.
        proxy_stale: whether kube-proxy's pods have another configuration than their object.
        control_planes: members with a disrupting inspection, in the order in which they are changed.
        workers: the others of them.
        serial: how many workers at the same time, as the setting has it.

    """

    via: str
    configuration: tuple[Change, ...] = ()
    proxy_stale: bool = False
    control_planes: Mapping[str, Inspection] = field(default_factory=dict)
    workers: Mapping[str, Inspection] = field(default_factory=dict)
    serial: str = "20%"


def at_once(serial: str, hosts: int) -> int:
    """How many of so many hosts may be away at the same time: a number, or a share of them rounded down, at least one.

    As Ansible reads ``serial`` (ansible-core, ``pct_to_int``).
    """
    wanted = hosts * int(serial[:-1]) // 100 if serial.endswith("%") else int(serial)
    return max(1, min(wanted, hosts))


def steps(rollout: Rollout) -> Iterator[Step]:
    """The steps in their order."""
    if rollout.configuration:
        yield Step(
            Stage.CLUSTER_CONFIG,
            rollout.via,
            "change kubeadm's objects",
            "they differ",
            changes=rollout.configuration,
        )
    for name, inspection in rollout.control_planes.items():
        yield Step(
            Stage.CONTROL_PLANE_CONFIG,
            name,
            "bring the control plane to its document, wait until it is healthy",
            "differs from its document",
            changes=inspection.changes,
            restarts=(*inspection.components, *inspection.restarts),
        )
    count = at_once(rollout.serial, len(rollout.workers))
    for name, inspection in rollout.workers.items():
        yield Step(
            Stage.KUBELET_CONFIG,
            name,
            "bring the host to its document, wait until its Node is Ready",
            f"differs from its document; {count} of {len(rollout.workers)} at a time",
            changes=inspection.changes,
            restarts=inspection.restarts,
        )
    changed = {change.id for change in rollout.configuration}
    if rollout.proxy_stale or changed & {PROXY_CONFIGURATION, PROXY_PODS}:
        configured = rollout.proxy_stale or PROXY_CONFIGURATION in changed
        yield Step(
            Stage.KUBE_PROXY,
            rollout.via,
            "replace kube-proxy's pods, node by node",
            "its configuration changed" if configured else "its DaemonSet differs",
            changes=(Change(PROXY_PODS, "restart", "its pods are replaced"),),
        )


ROLLED_OUT = (
    Stage.SNAPSHOT,
    Stage.CLUSTER_CONFIG,
    Stage.CONTROL_PLANE_CONFIG,
    Stage.KUBELET_CONFIG,
    Stage.KUBE_PROXY,
)
"""Stages in their order; after a failure in one of them nothing more of it and of the later ones is begun."""


def stops_at(failed: Sequence[str], stage: Stage) -> bool:
    """Whether a step of ``stage`` must not begin, given the stages in which something failed in this run."""
    before = {each.value for each in ROLLED_OUT[: ROLLED_OUT.index(stage) + 1]} if stage in ROLLED_OUT else set()
    return bool(before & set(failed))
