"""A plan: stages in order, each with steps; a step is one action on one host, with its reason and what it changes."""

from __future__ import annotations

import enum
from dataclasses import asdict, dataclass
from typing import Any


class Stage(enum.StrEnum):
    """Stages in the order in which they are carried out."""

    SNAPSHOT = "snapshot"
    CONVERGE = "converge"
    INIT = "init"
    NETWORK = "network"
    CLUSTER_CONFIG = "cluster-config"
    CONTROL_PLANE_CONFIG = "control-plane-config"
    KUBELET_CONFIG = "kubelet-config"
    KUBE_PROXY = "kube-proxy"
    PREPARE_JOIN = "prepare-join"
    JOIN_CONTROL_PLANE = "join-control-plane"
    JOIN_WORKER = "join-worker"
    OBJECTS = "objects"
    METADATA = "node-metadata"
    DRAIN = "drain"
    REMOVE_MEMBER = "remove-etcd-member"
    DELETE_NODE = "delete-node"
    CLEAN_NODE = "clean-node"
    FAN_OUT = "fan-out"
    CHECK = "check"
    CLEANUP = "cleanup"

    @property
    def heading(self) -> str:
        """The stage as a person reads it."""
        return _HEADINGS[self]


_HEADINGS = {
    Stage.SNAPSHOT: "etcd's data kept",
    Stage.CONVERGE: "Packages, binaries, images and files",
    Stage.INIT: "First control plane",
    Stage.NETWORK: "Pod network",
    Stage.CLUSTER_CONFIG: "kubeadm's configuration in the cluster",
    Stage.CONTROL_PLANE_CONFIG: "Control planes changed, one at a time",
    Stage.KUBELET_CONFIG: "Kubelets and engines restarted, some at a time",
    Stage.KUBE_PROXY: "kube-proxy restarted",
    Stage.OBJECTS: "Cluster objects",
    Stage.PREPARE_JOIN: "Short-lived token for joining",
    Stage.JOIN_CONTROL_PLANE: "Control planes join, one at a time",
    Stage.JOIN_WORKER: "Workers join",
    Stage.METADATA: "Labels and taints",
    Stage.DRAIN: "Cordon and drain",
    Stage.REMOVE_MEMBER: "etcd members removed, one at a time",
    Stage.DELETE_NODE: "Nodes deleted",
    Stage.CLEAN_NODE: "What kubewright put on a host removed",
    Stage.FAN_OUT: "What every node must know of the others",
    Stage.CHECK: "Check from each touched node",
    Stage.CLEANUP: "Token and certificate key removed",
}

_BY_THE_SPEAKER = frozenset({Stage.DRAIN, Stage.REMOVE_MEMBER, Stage.DELETE_NODE})
"""Stages whose steps are about a host and are calls to the control plane that speaks: the host may be dead."""


NEW_HOST = "new host"
"""Why a host that is no member yet is brought to its document."""

LOCK_CALLS = 3
"""To take the cluster's lock on a control plane, to have it kept and to give it up."""


@dataclass(frozen=True)
class Change:
    """One field-level change. ``action`` is create, update, delete or restart; ``diff`` is a unified diff or empty.

    Secrets are never in it.
    """

    id: str
    action: str
    summary: str
    diff: str = ""


@dataclass(frozen=True)
class Step:
    """One action on one host, ``calls`` remote calls at most."""

    stage: Stage
    host: str
    title: str
    reason: str
    changes: tuple[Change, ...] = ()
    restarts: tuple[str, ...] = ()
    calls: int = 1


@dataclass(frozen=True)
class Plan:
    """What a run will do, and what it leaves.

    ``via`` is the control plane that speaks for the cluster (in a new cluster, the one that is initialised; in one that
    is reset, none). ``left``
    are sentences about work that this run may not do. The same inputs give the same plan, byte for byte.
    """

    verb: str
    cluster: str
    version: str
    via: str
    steps: tuple[Step, ...]
    limit: tuple[str, ...] | None = None
    left: tuple[str, ...] = ()
    notices: tuple[str, ...] = ()

    @property
    def empty(self) -> bool:
        """Whether there is nothing to do."""
        return not self.steps

    def stage(self, stage: Stage) -> tuple[Step, ...]:
        """The steps of one stage, in order."""
        return tuple(step for step in self.steps if step.stage is stage)

    def hosts(self, stage: Stage) -> tuple[str, ...]:
        """The hosts that have a step in this stage, in order."""
        return tuple(step.host for step in self.stage(stage))

    @property
    def lock_places(self) -> tuple[str, ...]:
        """The hosts on which the cluster's lock is taken, in order; those of a reset are not known from its steps.

        Where the cluster speaks; while there is none yet, also on the control planes that are going to join.
        """
        others = self.hosts(Stage.JOIN_CONTROL_PLANE) if self.stage(Stage.INIT) else ()
        return (self.via, *(host for host in others if host != self.via)) if self.via else ()

    def calls(self) -> dict[str, int]:
        """Remote calls at most, by host."""
        calls: dict[str, int] = {}
        for step in self.steps:
            host = self.via if step.stage in _BY_THE_SPEAKER else step.host
            calls[host] = calls.get(host, 0) + step.calls
        if self.steps and self.via:
            # Every run takes the lock and has it kept, and ends with a call that clears up; a check begins with one
            # that starts its pods.
            ends = 2 + (0 if self.stage(Stage.CLEANUP) else 1) + (1 if self.stage(Stage.CHECK) else 0)
            calls[self.via] = calls.get(self.via, 0) + ends
            for host in self.lock_places[1:]:
                calls[host] = calls.get(host, 0) + LOCK_CALLS
        return calls

    def to_json(self) -> dict[str, Any]:
        """The plan as a JSON value with sorted, stable content."""
        return asdict(self)

    @classmethod
    def from_json(cls, raw: dict[str, Any]) -> Plan:
        """The inverse of :meth:`to_json`."""
        steps = tuple(
            Step(
                stage=Stage(step["stage"]),
                host=step["host"],
                title=step["title"],
                reason=step["reason"],
                changes=tuple(Change(**change) for change in step["changes"]),
                restarts=tuple(step["restarts"]),
                calls=step["calls"],
            )
            for step in raw["steps"]
        )
        return cls(
            verb=raw["verb"],
            cluster=raw["cluster"],
            version=raw["version"],
            via=raw["via"],
            steps=steps,
            limit=None if raw["limit"] is None else tuple(raw["limit"]),
            left=tuple(raw["left"]),
            notices=tuple(raw["notices"]),
        )
