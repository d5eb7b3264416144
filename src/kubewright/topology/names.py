"""The names that a topology gives to other things: certificates and hosts files."""

from __future__ import annotations

import ipaddress

from kubewright.settings import Settings
from kubewright.settings.types import is_dns_name
from kubewright.topology.model import Topology


def certificate_names(topology: Topology, settings: Settings) -> tuple[str, ...]:
    """Return the names and addresses that API server certificates hold apart from kubeadm's own.

    kubeadm adds the service's names and the first service address itself. They are the same for every control plane, in
    the inventory's order, each once.
    """
    names: list[str] = ["localhost", "127.0.0.1"]
    for host in topology.control_planes:
        names.extend((host.node_name, str(host.main_ip), str(host.main_access_ip)))
        if _can_be_certified(host.ansible_host):
            names.append(host.ansible_host)
    if external := settings.cluster.loadbalancer_apiserver:
        names.append(external.address)
    names.append(settings.cluster.apiserver_loadbalancer_domain_name)
    names.extend(settings.cluster.supplementary_addresses_in_ssl_keys)
    return tuple(name for name in dict.fromkeys(names) if name)


def hosts_entries(topology: Topology, settings: Settings) -> tuple[tuple[str, tuple[str, ...]], ...]:
    """Return the lines of the hosts file's block: the address that others use, and the names it has.

    The Node's name comes first, then that with the cluster's domain, then the inventory's name if it is another.
    """
    domain = settings.cluster.dns_domain
    return tuple(
        (str(host.main_access_ip), tuple(dict.fromkeys((host.node_name, f"{host.node_name}.{domain}", host.name))))
        for host in topology.hosts
    )


def _can_be_certified(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return is_dns_name(name)
    return True
