"""Observed state: the cluster as one control plane tells it, and hosts as their probe tells it."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import Any


@dataclass(frozen=True)
class Condition:
    """A condition of a Node: ``kind`` is its type, ``status`` is True, False or Unknown; ``since`` is ISO 8601."""

    kind: str
    status: str
    reason: str = ""
    message: str = ""
    since: str = ""


@dataclass(frozen=True)
class ObservedNode:
    """One Node object. ``addresses`` are pairs of type (InternalIP, ExternalIP, Hostname, …) and address."""

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
    addresses: tuple[tuple[str, str], ...] = ()
    conditions: tuple[Condition, ...] = ()
    pod_cidrs: tuple[str, ...] = ()
    architecture: str = ""
    machine_id: str = ""


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
class EtcdStatus:
    """What an etcd member that answered tells of itself; sizes in bytes.

    ``leader`` is whether it is the leader, ``has_leader`` whether it knows of one: without a majority there is none.
    """

    member_id: str
    version: str
    leader: bool
    has_leader: bool
    db_size: int = 0
    db_size_in_use: int = 0
    raft_index: int = 0
    raft_term: int = 0


@dataclass(frozen=True)
class EtcdAlarm:
    """An alarm of an etcd member: NOSPACE, CORRUPT, or "not known" where the alarms could not be asked for."""

    member_id: str
    alarm: str


@dataclass(frozen=True)
class ApiServer:
    """One API server at ``address`` (``host:port``): its version, or why it does not answer."""

    node: str
    address: str
    version: str = ""
    error: str = ""


@dataclass(frozen=True)
class ServingCertificate:
    """The certificate that a server showed.

    ``component`` is kube-apiserver, etcd or kubelet, ``name`` its Node's or member's; ``not_after`` is ISO 8601, or
    empty where ``error`` says why it is not known.
    """

    component: str
    name: str
    address: str
    not_after: str = ""
    names: tuple[str, ...] = ()
    error: str = ""


@dataclass(frozen=True)
class Lock:
    """The cluster's lock as its Lease has it. ``renewed`` is the holder's clock, ISO 8601."""

    holder: str
    renewed: str = ""
    duration_seconds: int = 0
    annotations: dict[str, str] = field(default_factory=dict, hash=False)


@dataclass(frozen=True)
class Workload:
    """A DaemonSet or Deployment of kube-system: how many of its pods there should be, and how many are available."""

    kind: str
    name: str
    desired: int
    available: int
    images: tuple[str, ...] = ()


@dataclass(frozen=True)
class ObservedCluster:
    """The cluster's state as one live control plane (``via``, an inventory host name) told it in one call.

    ``cluster_configuration``, ``kubelet_configuration`` and ``kube_proxy_configuration`` are kubeadm's own, YAML.
    ``object_digests`` are by reference (``apiVersion/Kind/namespace/name``). ``certificates`` are those of ``via``:
    name, path and not_after (ISO 8601) or error; ``serving`` are those that servers showed: none, as no conditions of
    nodes, where details were not asked for. ``etcd_error`` says why there are no members. ``check_pods`` counts the
    pods that a check left. ``unfinished`` has the phase of a kubeadm run ("init", "join") that kubewright began on
    ``via`` and that was cut short. ``lock`` is None where nobody ever took it.
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
    kube_proxy_configuration: str = ""
    etcd_status: tuple[EtcdStatus, ...] = ()
    etcd_alarms: tuple[EtcdAlarm, ...] = ()
    api_servers: tuple[ApiServer, ...] = ()
    serving: tuple[ServingCertificate, ...] = ()
    lock: Lock | None = None

    @cached_property
    def _by_name(self) -> dict[str, ObservedNode]:
        return {node.name: node for node in self.nodes}

    def node(self, name: str) -> ObservedNode | None:
        """The Node object of this name, if there is one."""
        return self._by_name.get(name)

    @property
    def ours(self) -> bool:
        """Whether kubewright's own record is in the cluster (I10)."""
        return self.record is not None

    @property
    def last(self) -> dict[str, Any] | None:
        """The last run of kubewright's that changed something: verb, user, host, time (ISO 8601) and version."""
        return (self.record or {}).get("last")


@dataclass(frozen=True)
class ObservedHost:
    """One probed host.

    Where ``error`` is set there are no facts: it was not ``reachable``, or the probe failed on it.
    """

    name: str
    reachable: bool
    error: str = ""
    facts: dict[str, Any] = field(default_factory=dict, hash=False)
