"""Everything that is known of every host, each value with its origin; what is not known is said, and nothing raised."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from kubewright.errors import BadInputError
from kubewright.settings import Notice, Settings
from kubewright.topology import rules
from kubewright.topology.addresses import (
    Resolved,
    access_variable,
    attempts,
    remedy,
    resolve,
)
from kubewright.topology.build import endpoint, known_hosts, node_name, roles_of
from kubewright.topology.model import Address, Attempt, GroupNames, KnownAddresses, Role, Source, Stack, Topology
from kubewright.topology.names import certificate_names
from kubewright.topology.proxy import no_proxy

VARIABLES: Mapping[str, str] = {
    "node_name": "name of its Node",
    "roles": "what it is in the cluster",
    "main_ip": "what it binds",
    "main_access_ip": "what other hosts use",
    "main_ips": "what it binds, of each IP family",
    "main_access_ips": "what other hosts use, of each IP family",
    "etcd_member_name": "name of its etcd member",
    "ssh_address": "where Ansible reaches it",
    "api_address": "where others reach its API server",
    "api_endpoint": "where it reaches the API",
    "no_proxy": "what it reaches without the proxy",
    "certificate_names": "names and addresses in its API server's certificate",
}
"""What is said of every host."""

ADDRESS_VARIABLES = ("main_ip", "main_access_ip", "main_ips", "main_access_ips")


@dataclass(frozen=True)
class Fact:
    """One value of one host and where it came from.

    ``value`` is ``None`` where there is none; ``remedy`` then says what to do about it, unless there is no need to.
    ``tried`` are the sources that were looked at, in order, up to the one that gave it.
    """

    value: str | tuple[str, ...] | None
    origin: str
    tried: tuple[Attempt, ...] = ()
    remedy: str = ""


@dataclass(frozen=True)
class Survey:
    """What is known of a cluster's hosts.

    ``facts`` are by host and variable (see :data:`VARIABLES`); ``missing`` are the hosts that lack an address;
    ``errors`` is what is wrong, lacking addresses apart.
    """

    facts: Mapping[str, Mapping[str, Fact]] = field(hash=False)
    missing: tuple[str, ...]
    errors: tuple[BadInputError, ...]
    notices: tuple[Notice, ...]


def survey(names: GroupNames, settings: Settings, known: Mapping[str, KnownAddresses], stack: Stack) -> Survey:
    """Return what is known of every host; the arguments are those of :func:`kubewright.topology.build`."""
    hosts = [name for name in names.all if name in settings.hosts]
    resolved = {name: resolve(name, settings, known.get(name, KnownAddresses()), stack) for name in hosts}
    lacking = tuple(name for name, found in resolved.items() if len(found.main_ips) < len(stack.families))
    wrong = [error for found in resolved.values() for error in found.errors]
    topology = Topology(known_hosts(names, settings, resolved), endpoint(settings))
    teller = _Teller(names, settings, known, stack, topology)
    return Survey(
        facts={name: teller.facts(name, resolved[name]) for name in hosts},
        missing=lacking,
        errors=(
            *rules.group_errors(names, settings),
            *wrong,
            *rules.name_errors(hosts, settings),
            *rules.address_errors(topology.hosts, settings),
        ),
        notices=tuple(notice for found in resolved.values() for notice in found.notices),
    )


class _Teller:
    """Tells the facts of one host after the other."""

    def __init__(
        self,
        names: GroupNames,
        settings: Settings,
        known: Mapping[str, KnownAddresses],
        stack: Stack,
        topology: Topology,
    ) -> None:
        self._settings = settings
        self._known = known
        self._stack = stack
        self._endpoint = topology.endpoint
        self._names = names
        self._roles = roles_of(names)
        self._no_proxy = Fact(no_proxy(topology, settings.cluster), self._no_proxy_origin())
        self._certified = Fact(
            certificate_names(topology, settings.cluster), "names and addresses of all control planes, and settings"
        )

    def facts(self, name: str, found: Resolved) -> Mapping[str, Fact]:
        """Return everything about one host."""
        main_ip = self._address(name, found.main_ips, access=False)
        access = self._address(name, found.main_access_ips, access=True)
        roles = sorted(self._roles[name], key=list(Role).index)
        return {
            "node_name": self._node_name(name),
            "roles": Fact(tuple(role.value for role in roles), f"groups {', '.join(self._groups(name))}"),
            "main_ip": main_ip,
            "main_access_ip": access,
            "main_ips": self._list(name, found.main_ips, main_ip, access=False),
            "main_access_ips": self._list(name, found.main_access_ips, access, access=True),
            "etcd_member_name": self._member_name(name),
            "ssh_address": self._ssh(name),
            "api_address": self._api(name, found),
            "api_endpoint": Fact(str(self._endpoint), self._endpoint_origin()),
            "no_proxy": self._no_proxy,
            "certificate_names": self._certified if self._serves(name) else Fact((), "it runs no API server"),
        }

    def _serves(self, name: str) -> bool:
        return Role.CONTROL_PLANE in self._roles[name]

    def _groups(self, name: str) -> list[str]:
        groups = {
            "kube_control_plane": self._names.control_plane,
            "kube_node": self._names.worker,
            "etcd": self._names.etcd,
        }
        return [group for group, members in groups.items() if name in members]

    def _given(self, variable: str) -> str:
        """Where a setting of the cluster was given: any host's place tells."""
        return next((origin for name in self._names.all if (origin := self._settings.origin(name, variable))), "")

    def _node_name(self, name: str) -> Fact:
        override = self._settings.hosts[name].kube_override_hostname
        origin = self._settings.origin(name, "kube_override_hostname")
        said = _at("kube_override_hostname", origin) if override else "its name in the inventory"
        return Fact(node_name(name, self._settings), said)

    def _address(self, name: str, addresses: tuple[Address, ...], *, access: bool) -> Fact:
        """Return the first address; its origin names what is behind ``main_ip`` where that gave ``main_access_ip``."""
        family = self._stack.families[0]
        tried = self._tried(name, family, access=access)
        if not addresses or (":" in addresses[0].value) is not (family == 6):
            return Fact(None, "nothing gives it", tried, remedy(name, family))
        return Fact(addresses[0].value, _origin(addresses[0]), tried)

    def _tried(self, name: str, family: int, *, access: bool) -> tuple[Attempt, ...]:
        """Return the sources that were looked at, up to the one that gave the address."""
        own = attempts(name, self._settings, self._known.get(name, KnownAddresses()), family)
        if access:
            variable = access_variable(family)
            value = getattr(self._settings.hosts[name], variable)
            place = self._settings.origin(name, variable) if value else f"{variable} is not set for the host"
            own = (Attempt(Source.ACCESS_IP, value, place), *own)
        last = next((number for number, each in enumerate(own, 1) if each.value), len(own))
        return own[:last]

    def _list(self, name: str, addresses: tuple[Address, ...], first: Fact, *, access: bool) -> Fact:
        if len(addresses) < len(self._stack.families):
            lacking = next(
                family
                for family in self._stack.families
                if not any((":" in address.value) is (family == 6) for address in addresses)
            )
            tried = self._tried(name, lacking, access=access)
            return Fact(None, f"nothing gives its IPv{lacking} address", tried, remedy(name, lacking))
        if len(addresses) == 1:
            return Fact((addresses[0].value,), first.origin, first.tried)
        tried = tuple(each for family in self._stack.families for each in self._tried(name, family, access=access))
        return Fact(tuple(address.value for address in addresses), "; ".join(map(_origin, addresses)), tried)

    def _member_name(self, name: str) -> Fact:
        if Role.ETCD not in self._roles[name]:
            return Fact(None, "it is no etcd member")
        return Fact(node_name(name, self._settings), "kubeadm names the member after its Node")

    def _ssh(self, name: str) -> Fact:
        given = self._settings.hosts[name].ansible_host
        origin = _at("ansible_host", self._settings.origin(name, "ansible_host")) if given else "its inventory name"
        return Fact(given or name, origin)

    def _api(self, name: str, found: Resolved) -> Fact:
        if not self._serves(name):
            return Fact(None, "it runs no API server")
        if not found.main_access_ips:
            return Fact(None, "main_access_ip is not known", (), remedy(name, self._stack.families[0]))
        address, port = found.main_access_ips[0].value, self._settings.cluster.kube_apiserver_port
        host = f"[{address}]" if ":" in address else address
        return Fact(f"{host}:{port}", "main_access_ip and kube_apiserver_port")

    def _endpoint_origin(self) -> str:
        if self._endpoint.local:
            return "127.0.0.1 on every node, for there is no loadbalancer_apiserver"
        return _at("loadbalancer_apiserver", self._given("loadbalancer_apiserver"))

    def _no_proxy_origin(self) -> str:
        if self._settings.cluster.no_proxy:
            return _at("no_proxy", self._given("no_proxy"))
        used = self._settings.cluster.http_proxy or self._settings.cluster.https_proxy
        made = "made of networks, domains and additional_no_proxy"
        return made if used else f"{made}; not used, for neither http_proxy nor https_proxy is set"


def _origin(address: Address) -> str:
    if address.source is Source.MAIN_IP:
        return f"main_ip ({address.detail})" if address.detail else "main_ip"
    if address.source in (Source.IP, Source.ACCESS_IP):
        family = "6" if ":" in address.value else ""
        return _at(f"{address.source.value}{family}", address.detail)
    return f"{address.source.value}: {address.detail}"


def _at(what: str, place: str) -> str:
    return f"{what}, {place}" if place else what
