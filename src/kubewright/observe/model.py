"""Observed state: the cluster as one control plane tells it, and hosts as their probe tells it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class ObservedNode:
    """One Node object."""

    name: str
    internal_ip: str
    ready: bool
    kubelet_version: str
    control_plane: bool
    unschedulable: bool = False
    labels: dict[str, str] = field(default_factory=dict, hash=False)
    taints: tuple[str, ...] = ()
    uid: str = ""
    os_image: str = ""


@dataclass(frozen=True)
class EtcdMember:
    """One etcd member with its health as its own endpoint tells it. ``peer_ip`` is without scheme and port."""

    name: str
    member_id: str
    peer_ip: str
    learner: bool
    healthy: bool
    started: bool = True


@dataclass(frozen=True)
class Workload:
    """A DaemonSet or Deployment of kube-system: how many of its pods there should be, and how many are available."""

    kind: str
    name: str
    desired: int
    available: int


@dataclass(frozen=True)
class ObservedCluster:
    """The cluster's state as one live control plane (``via``, an inventory host name) told it in one call.

    ``cluster_configuration`` and ``kubelet_configuration`` are kubeadm's own, YAML. ``object_digests`` are by reference
    (``apiVersion/Kind/namespace/name``). ``certificates`` are those of ``via``: name, path and not_after (ISO 8601) or
    error. ``etcd_error`` says why there are no members. ``check_pods`` counts the
    pods that a check left. ``unfinished`` has the phase of a kubeadm run ("init", "join")
    that kubewright began on ``via`` and that was cut short.
    """

    via: str
    version: str
    record: dict[str, Any] | None
    nodes: tuple[ObservedNode, ...]
    etcd_members: tuple[EtcdMember, ...]
    cluster_configuration: str = ""
    bootstrap_tokens: tuple[dict[str, Any], ...] = ()
    kubeadm_certs_secret: bool = False
    object_digests: dict[str, str] = field(default_factory=dict, hash=False)
    certificates: tuple[dict[str, Any], ...] = ()
    kubelet_configuration: str = ""
    etcd_error: str = ""
    workloads: tuple[Workload, ...] = ()
    check_pods: int = 0
    unfinished: dict[str, str] = field(default_factory=dict, hash=False)

    @property
    def ours(self) -> bool:
        """Whether kubewright's own record is in the cluster (I10)."""
        return self.record is not None


@dataclass(frozen=True)
class ObservedHost:
    """One probed host.

    Where ``error`` is set there are no facts: it was not ``reachable``, or the probe failed on it.
    """

    name: str
    reachable: bool
    error: str = ""
    facts: dict[str, Any] = field(default_factory=dict, hash=False)
