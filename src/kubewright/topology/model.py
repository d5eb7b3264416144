"""The topology: frozen values, each address with where it came from."""

from __future__ import annotations

import enum
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

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

    def to_json(self) -> list[str]:
        """The address as a JSON value."""
        return [self.value, self.source.value, self.detail]

    @classmethod
    def from_json(cls, raw: Sequence[str]) -> Address:
        """The inverse of :meth:`to_json`."""
        value, source, detail = raw
        return cls(value, Source(source), detail)


@dataclass(frozen=True)
class Attempt:
    """One source that was asked for an address: what it gave, or ``None`` and in ``detail`` why nothing."""

    source: Source
    value: str | None
    detail: str


@dataclass(frozen=True)
class Stack:
    """Which IP families the hosts have addresses of; with both, IPv4 comes first, as in Kubespray."""

    ipv4: bool = True
    ipv6: bool = False

    @property
    def families(self) -> tuple[int, ...]:
        """The families, 4 or 6, in the order of a host's addresses."""
        return tuple(family for family, wanted in ((4, self.ipv4), (6, self.ipv6)) if wanted)


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
    ``gathered`` the address of the default route, asked from the host in this run; those with a 6 are the same of IPv6.
    ``silent`` says why a source says nothing, where whoever asked it knows.
    """

    node: str | None = None
    etcd: str | None = None
    cached: str | None = None
    gathered: str | None = None
    node6: str | None = None
    etcd6: str | None = None
    cached6: str | None = None
    gathered6: str | None = None
    silent: Mapping[Source, str] = field(default_factory=dict, hash=False)

    def of(self, family: int) -> tuple[tuple[Source, str | None], ...]:
        """What each source says of one family, in order of precedence."""
        four = (self.node, self.etcd, self.cached, self.gathered)
        six = (self.node6, self.etcd6, self.cached6, self.gathered6)
        sources = (Source.NODE, Source.ETCD, Source.CACHE, Source.GATHER)
        return tuple(zip(sources, six if family == 6 else four, strict=True))


@dataclass(frozen=True)
class Host:
    """One host of the inventory.

    ``second_ip`` and ``second_access_ip`` are its IPv6 addresses where the cluster has both families.
    """

    name: str
    node_name: str
    main_ip: Address
    main_access_ip: Address
    ansible_host: str
    roles: frozenset[Role]
    etcd_member_name: str | None = None
    second_ip: Address | None = None
    second_access_ip: Address | None = None

    @property
    def main_ips(self) -> tuple[Address, ...]:
        """What it binds: one address of each family of the cluster."""
        return (self.main_ip, *((self.second_ip,) if self.second_ip else ()))

    @property
    def main_access_ips(self) -> tuple[Address, ...]:
        """What others use: one address of each family of the cluster."""
        return (self.main_access_ip, *((self.second_access_ip,) if self.second_access_ip else ()))

    @property
    def is_control_plane(self) -> bool:
        """Whether it runs an API server."""
        return Role.CONTROL_PLANE in self.roles

    @property
    def is_worker_only(self) -> bool:
        """Whether it reaches the API through a local load balancer (or the external one)."""
        return Role.CONTROL_PLANE not in self.roles

    def to_json(self) -> dict[str, Any]:
        """The host as a JSON value."""
        addresses = ("main_ip", "main_access_ip", "second_ip", "second_access_ip")
        given = {name: address.to_json() for name in addresses if (address := getattr(self, name))}
        roles = sorted(role.value for role in self.roles)
        return {**vars(self), **dict.fromkeys(addresses), **given, "roles": roles}

    @classmethod
    def from_json(cls, raw: Mapping[str, Any]) -> Host:
        """The inverse of :meth:`to_json`."""
        second_ip, second_access_ip = raw["second_ip"], raw["second_access_ip"]
        return cls(
            name=raw["name"],
            node_name=raw["node_name"],
            main_ip=Address.from_json(raw["main_ip"]),
            main_access_ip=Address.from_json(raw["main_access_ip"]),
            ansible_host=raw["ansible_host"],
            roles=frozenset(map(Role, raw["roles"])),
            etcd_member_name=raw["etcd_member_name"],
            second_ip=Address.from_json(second_ip) if second_ip else None,
            second_access_ip=Address.from_json(second_access_ip) if second_access_ip else None,
        )


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
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

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

    @cached_property
    def control_planes(self) -> tuple[Host, ...]:
        """Control planes in the inventory's order."""
        return tuple(host for host in self.hosts if host.is_control_plane)

    @cached_property
    def workers(self) -> tuple[Host, ...]:
        """Hosts that are no control plane, in the inventory's order."""
        return tuple(host for host in self.hosts if host.is_worker_only)

    def to_json(self) -> dict[str, Any]:
        """The topology as a JSON value."""
        return {
            "hosts": [host.to_json() for host in self.hosts],
            "endpoint": vars(self.endpoint),
            "notices": [vars(notice) for notice in self.notices],
        }

    @classmethod
    def from_json(cls, raw: Mapping[str, Any]) -> Topology:
        """The inverse of :meth:`to_json`."""
        return cls(
            hosts=tuple(map(Host.from_json, raw["hosts"])),
            endpoint=Endpoint(**raw["endpoint"]),
            notices=tuple(Notice(**notice) for notice in raw["notices"]),
        )
