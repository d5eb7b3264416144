"""What is reached without a proxy: networks and domains, so that it stays the same when hosts come and go."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Mapping

from kubewright.settings.model import ClusterSettings
from kubewright.topology.addresses import ip_of
from kubewright.topology.model import Host, Topology

_PREFIXES = {4: 24, 6: 64}
"""How much around a host's address is taken for its network, which nothing tells before the host is asked."""

_Network = ipaddress.IPv4Network | ipaddress.IPv6Network


def no_proxy(topology: Topology, cluster: ClusterSettings) -> tuple[str, ...]:
    """Return what is reached without the proxy: ``no_proxy`` as it is given, else a list that is made.

    Made of: loopback, the API's load balancer, the service and pod networks, the cluster's DNS domain, the networks of
    the hosts and ``additional_no_proxy``. A host's network is the /24 (IPv6: /64) of its address, unless a network
    of ``additional_no_proxy`` has it.
    """
    if cluster.no_proxy:
        return cluster.no_proxy
    given = cluster.additional_no_proxy
    balancer = cluster.loadbalancer_apiserver
    names = (
        *("localhost", "127.0.0.1", "::1"),
        cluster.apiserver_loadbalancer_domain_name,
        balancer.address if balancer else "",
        *(cluster.kube_service_addresses, cluster.kube_pods_subnet),
        *("svc", f"svc.{cluster.dns_domain}", f".{cluster.dns_domain}"),
        *host_networks(_hosts(topology, cluster), wider=given),
        *given,
    )
    return tuple(dict.fromkeys(name for name in names if name))


def host_networks(hosts: Iterable[Host], *, wider: Iterable[str] = ()) -> tuple[str, ...]:
    """Return the networks around the hosts' addresses, sorted, without those that a network of ``wider`` holds."""
    covering = [network for text in wider if (network := _network(text))]
    found = {
        ipaddress.ip_network(f"{value}/{_PREFIXES[value.version]}", strict=False)
        for host in hosts
        for address in (*host.main_ips, *host.main_access_ips)
        for value in (ip_of(address.value),)
    }
    kept = [network for network in found if not any(_holds(outer, network) for outer in covering)]
    return tuple(str(network) for network in sorted(kept, key=lambda network: (network.version, network)))


def environment(topology: Topology, cluster: ClusterSettings) -> Mapping[str, str]:
    """Return the proxy's environment variables in capitals, as Go programs read them; empty without a proxy."""
    if not (cluster.http_proxy or cluster.https_proxy):
        return {}
    values = {
        "HTTP_PROXY": cluster.http_proxy,
        "HTTPS_PROXY": cluster.https_proxy,
        "NO_PROXY": ",".join(no_proxy(topology, cluster)),
    }
    return {name: value for name, value in values.items() if value}


def _hosts(topology: Topology, cluster: ClusterSettings) -> tuple[Host, ...]:
    return topology.control_planes if cluster.no_proxy_exclude_workers else topology.hosts


def _network(text: str) -> _Network | None:
    try:
        return ipaddress.ip_network(text, strict=False)
    except ValueError:
        return None  # a name or a domain


def _holds(outer: _Network, inner: _Network) -> bool:
    return outer.version == inner.version and inner.subnet_of(outer)  # type: ignore[arg-type]
