"""The names that a topology gives to API server certificates."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable

from kubewright.settings.model import ClusterSettings
from kubewright.settings.types import is_dns_name
from kubewright.topology.model import Host, Topology


def certificate_names(topology: Topology, cluster: ClusterSettings) -> tuple[str, ...]:
    """Return names and addresses for the API servers' certificates beside those that kubeadm adds, sorted.

    All of every control plane's, so that each can be reached by any of its names; ``ansible_host`` where it is a name
    that a certificate can have, for users' kubeconfig.
    """
    names = set(_shared(topology, cluster))
    for host in topology.control_planes:
        names |= _own(host, cluster)
    return tuple(sorted(name for name in names if _can_be_certified(name)))


def required_certificate_names(host: Host, topology: Topology, cluster: ClusterSettings) -> tuple[str, ...]:
    """Return what of :func:`certificate_names` the certificate of ``host`` has to have, sorted.

    Names of control planes that came later are only in those that are issued later: nothing is issued anew for them.
    """
    names = _shared(topology, cluster) | _own(host, cluster)
    return tuple(sorted(name for name in names if _can_be_certified(name)))


def _shared(topology: Topology, cluster: ClusterSettings) -> set[str]:
    names = {"localhost", "127.0.0.1", "::1", topology.endpoint.host, *cluster.supplementary_addresses_in_ssl_keys}
    if cluster.loadbalancer_apiserver:
        names |= {cluster.loadbalancer_apiserver.address, cluster.apiserver_loadbalancer_domain_name}
    return names


def _own(host: Host, cluster: ClusterSettings) -> set[str]:
    addresses = (address.value for address in (*host.main_ips, *host.main_access_ips))
    return set(own_names(host.node_name, {host.name, host.ansible_host, *addresses}, cluster))


def own_names(node_name: str, others: Iterable[str], cluster: ClusterSettings) -> tuple[str, ...]:
    """Return what a certificate can have of a control plane's own names: its Node's, and other names and addresses."""
    names = {node_name, f"{node_name}.{cluster.dns_domain}", *others}
    return tuple(sorted(name for name in names if _can_be_certified(name)))


def _can_be_certified(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return is_dns_name(name.removeprefix("*."))
    return True
