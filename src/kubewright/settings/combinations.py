"""Settings that are each valid and impossible together."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator, Mapping
from typing import Any, Protocol

from kubewright.errors import BadInputError
from kubewright.settings.model import ClusterSettings

MAX_NODE_BITS = 16
"""The controller manager divides the pod network into at most 2 to this power of node shares."""


class _Host(Protocol):
    @property
    def variables(self) -> Mapping[str, Any]:
        """Values by name."""

    def origin(self, name: str) -> str:
        """Where a name was given."""


def impossible(
    cluster: ClusterSettings, hosts: Mapping[str, _Host]
) -> tuple[ClusterSettings, tuple[BadInputError, ...]]:
    """Return the settings with what follows from others filled in, and what is impossible.

    Filled in is ``skydns_server``, by default the third address of the service network.
    """
    check = _Check(cluster, hosts)
    errors = tuple(check.errors())
    if errors or cluster.skydns_server:
        return cluster, errors
    third = ipaddress.IPv4Network(cluster.kube_service_addresses)[3]
    return cluster.model_copy(update={"skydns_server": str(third)}), ()


class _Check:
    """The checks of one cluster's settings."""

    def __init__(self, cluster: ClusterSettings, hosts: Mapping[str, _Host]) -> None:
        self._cluster = cluster
        self._hosts = hosts

    def errors(self) -> Iterator[BadInputError]:
        """Yield everything that is impossible."""
        networks: dict[str, ipaddress.IPv4Network] = {}
        for name in ("kube_pods_subnet", "kube_service_addresses"):
            network = self._network(name)
            if isinstance(network, BadInputError):
                yield network
            else:
                networks[name] = network
        if len(networks) == 2:
            yield from self._overlap(networks["kube_pods_subnet"], networks["kube_service_addresses"])
        if pods := networks.get("kube_pods_subnet"):
            yield from self._node_prefix(pods)
        if services := networks.get("kube_service_addresses"):
            yield from self._api_address(services)
            yield from self._dns_address(services)
        yield from self._ports()

    def _error(self, name: str, cause: str, remedy: str) -> BadInputError:
        for host in self._hosts.values():
            if host.origin(name):
                return BadInputError(host.origin(name), cause, remedy)
        return BadInputError(name, cause, remedy)

    def _given(self, name: str) -> Any:
        return next(
            (host.variables[name] for host in self._hosts.values() if host.variables.get(name) is not None), None
        )

    def _network(self, name: str) -> ipaddress.IPv4Network | BadInputError:
        text = str(getattr(self._cluster, name))
        try:
            return ipaddress.IPv4Network(text)
        except ValueError as error:
            try:
                remedy = f"The network of that address is {ipaddress.IPv4Network(text, strict=False)}"
            except ValueError:
                remedy = "Write it as 10.233.0.0/18; IPv6 is not supported yet"
            return self._error(name, f"{name} is {text!r}, which is no IPv4 network: {error}", remedy)

    def _overlap(self, pods: ipaddress.IPv4Network, services: ipaddress.IPv4Network) -> Iterator[BadInputError]:
        if pods.overlaps(services):
            cause = f"kube_pods_subnet {pods} and kube_service_addresses {services} overlap"
            yield self._error("kube_pods_subnet", cause, "Choose networks without a common address")

    def _node_prefix(self, pods: ipaddress.IPv4Network) -> Iterator[BadInputError]:
        name, prefix = "kube_network_node_prefix", self._cluster.kube_network_node_prefix
        bits = prefix - pods.prefixlen
        if bits < 0 or bits > MAX_NODE_BITS:
            allowed = f"{max(pods.prefixlen, 16)} to {min(pods.prefixlen + MAX_NODE_BITS, 30)}"
            yield self._error(
                name, f"{name} {prefix} does not fit kube_pods_subnet {pods}", f"Possible with that network: {allowed}"
            )
            return
        if len(self._hosts) > 2**bits:
            cause = (
                f"kube_pods_subnet {pods} has room for {2**bits} nodes of /{prefix}, and there are {len(self._hosts)}"
            )
            yield self._error("kube_pods_subnet", cause, "Choose a larger network or a larger kube_network_node_prefix")
        room = 2 ** (32 - prefix) - 2
        if self._cluster.kubelet_max_pods > room:
            cause = f"kubelet_max_pods is {self._cluster.kubelet_max_pods}, and a node's /{prefix} has {room} addresses"
            yield self._error(name, cause, "Lower kubelet_max_pods or kube_network_node_prefix")

    def _api_address(self, services: ipaddress.IPv4Network) -> Iterator[BadInputError]:
        given = self._given("kube_apiserver_ip")
        if given not in (None, "", str(services[1])):
            cause = f"kube_apiserver_ip is {given}, and Kubernetes takes the first address of kube_service_addresses"
            yield self._error("kube_apiserver_ip", cause, f"Remove it, or write {services[1]}")

    def _dns_address(self, services: ipaddress.IPv4Network) -> Iterator[BadInputError]:
        name = "skydns_server"
        if services.prefixlen > 28:
            yield self._error(
                "kube_service_addresses", f"kube_service_addresses {services} is too small", "Choose /28 or larger"
            )
            return
        if not (text := self._cluster.skydns_server):
            return
        try:
            address = ipaddress.IPv4Address(text)
        except ValueError:
            yield self._error(name, f"{name} is {text!r}, which is no IPv4 address", f"Choose an address in {services}")
            return
        if address not in services or address in (services[0], services[-1]):
            yield self._error(
                name,
                f"{name} {address} is no address of kube_service_addresses {services}",
                f"Choose one, such as {services[3]}",
            )
        elif address == services[1]:
            yield self._error(
                name,
                f"{name} {address} is the first service address, which is the API's",
                f"Choose another, such as {services[3]}",
            )

    def _ports(self) -> Iterator[BadInputError]:
        cluster = self._cluster
        if cluster.loadbalancer_apiserver_healthcheck_port == cluster.kube_apiserver_port:
            cause = (
                f"loadbalancer_apiserver_healthcheck_port is {cluster.kube_apiserver_port}, as kube_apiserver_port is"
            )
            yield self._error("loadbalancer_apiserver_healthcheck_port", cause, "Choose different ports")
        port = self._given("loadbalancer_apiserver_port")
        if port is not None and str(port) != str(cluster.kube_apiserver_port):
            cause = f"loadbalancer_apiserver_port is {port}, and kube_apiserver_port {cluster.kube_apiserver_port}"
            remedy = "Both must be the same: workers and control planes reach the API by one port of 127.0.0.1"
            yield self._error("loadbalancer_apiserver_port", cause, remedy)
        local = self._given("loadbalancer_apiserver_localhost")
        if local is not None and _boolean(local) == (cluster.loadbalancer_apiserver is not None):
            state = "given" if cluster.loadbalancer_apiserver else "not given"
            cause = f"loadbalancer_apiserver_localhost is {local}, and loadbalancer_apiserver is {state}"
            yield self._error(
                "loadbalancer_apiserver_localhost",
                cause,
                "Without an external load balancer it is true, with one false; or remove it",
            )


def _boolean(value: Any) -> bool:
    return str(value).lower() in ("true", "yes", "on", "1")
