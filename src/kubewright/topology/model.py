"""The topology: frozen values, each address with where it came from."""

from __future__ import annotations

import enum
from dataclasses import dataclass

from kubewright.settings import Notice


class Role(enum.StrEnum):
    """What a host is in the cluster; a host can have several."""

    CONTROL_PLANE = "control-plane"
    WORKER = "worker"
    ETCD = "etcd"


class Source(enum.StrEnum):
    """Where an address came from, in order of precedence."""

    IP = "ip"
    ACCESS_IP = "access_ip"
    NODE = "node"
    ETCD = "etcd"
    CACHE = "cache"
    GATHER = "gather"
    MAIN_IP = "main_ip"


@dataclass(frozen=True)
class Address:
    """An IP address and its origin.

    ``source`` is the rule that gave it, ``detail`` where exactly (file and line, Node name, interface).
    """

    value: str
    source: Source
    detail: str = ""

    def __str__(self) -> str:
        return self.value


@dataclass(frozen=True)
class GroupNames:
    """The hosts of each role, by name, in the inventory's order.

    ``etcd`` may be empty: the control planes are its members then.
    """

    control_plane: tuple[str, ...]
    worker: tuple[str, ...] = ()
    etcd: tuple[str, ...] = ()

    @property
    def all(self) -> tuple[str, ...]:
        """Every host once, control planes first."""
        return tuple(dict.fromkeys((*self.control_plane, *self.worker, *self.etcd)))


@dataclass(frozen=True)
class KnownAddresses:
    """What is known of one host's address apart from the inventory; ``None`` where a source says nothing.

    ``node`` is its Node's InternalIP, ``etcd`` its etcd member's peer address, ``cached`` a fact within its age,
    ``gathered`` the address of the default route, asked from the host in this run.
    """

    node: str | None = None
    etcd: str | None = None
    cached: str | None = None
    gathered: str | None = None


@dataclass(frozen=True)
class Host:
    """One host of the inventory. ``index`` is its place in the order of the inventory (control planes first)."""

    name: str
    node_name: str
    main_ip: Address
    main_access_ip: Address
    ansible_host: str
    roles: frozenset[Role]
    etcd_member_name: str | None = None

    @property
    def is_control_plane(self) -> bool:
        """Whether it runs an API server."""
        return Role.CONTROL_PLANE in self.roles

    @property
    def is_worker_only(self) -> bool:
        """Whether it reaches the API through a local load balancer (or the external one)."""
        return Role.CONTROL_PLANE not in self.roles


@dataclass(frozen=True)
class Endpoint:
    """How nodes reach the API: the external load balancer if there is one, else 127.0.0.1 on every node.

    ``host`` and ``port`` make ``controlPlaneEndpoint``, the same on all nodes and from the first deploy. With ``local``
    a worker has a load balancer on that address and a control plane its own API server.
    """

    host: str
    port: int
    local: bool

    def __str__(self) -> str:
        return f"{self.host}:{self.port}"

    @property
    def url(self) -> str:
        """The endpoint as kubeconfig files name it."""
        return f"https://{self}"


@dataclass(frozen=True)
class Topology:
    """Every host of the cluster, in the inventory's order: control planes, then workers."""

    hosts: tuple[Host, ...]
    endpoint: Endpoint
    notices: tuple[Notice, ...] = ()

    def __getitem__(self, name: str) -> Host:
        for host in self.hosts:
            if host.name == name:
                return host
        raise KeyError(name)

    @property
    def control_planes(self) -> tuple[Host, ...]:
        """Control planes in the inventory's order."""
        return tuple(host for host in self.hosts if host.is_control_plane)

    @property
    def workers(self) -> tuple[Host, ...]:
        """Hosts that are no control plane, in the inventory's order."""
        return tuple(host for host in self.hosts if host.is_worker_only)
