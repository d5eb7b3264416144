"""The settings that the topology is made of, read without judging the others.

An inventory of which much is not supported yet has hosts with addresses all the same, and says where they come from.
"""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import Any

from kubewright.errors import BadInputError
from kubewright.settings import HostInput, Settings, parse
from kubewright.topology.model import Stack

TOPOLOGY_NAMES = frozenset(
    {
        *("ip", "access_ip", "ip6", "access_ip6", "ansible_host", "kube_override_hostname"),
        *("kube_pods_subnet", "kube_service_addresses", "kube_network_node_prefix", "kubelet_max_pods"),
        *("skydns_server", "dns_domain", "cluster_name", "supplementary_addresses_in_ssl_keys"),
        *("kube_apiserver_port", "loadbalancer_apiserver", "apiserver_loadbalancer_domain_name"),
        *("http_proxy", "https_proxy", "no_proxy", "additional_no_proxy", "no_proxy_exclude_workers"),
        "kubewright_fact_max_age",
    }
)
"""What a topology depends on."""

_WITHOUT_EFFECT: Mapping[str, str] = {
    "kube_network_plugin": "flannel",
    "kube_proxy_mode": "iptables",
    "etcd_deployment_type": "kubeadm",
}
"""What settings must have and no topology depends on."""


@dataclass(frozen=True)
class _Narrowed:
    """A host with the variables that the topology is made of."""

    host: HostInput

    @property
    def variables(self) -> Mapping[str, Any]:
        """Their values."""
        given = {name: value for name, value in self.host.variables.items() if name in TOPOLOGY_NAMES}
        return {**_WITHOUT_EFFECT, **given}

    @property
    def variable_names(self) -> AbstractSet[str]:
        """Their names."""
        return self.variables.keys()

    def origin(self, name: str) -> str:
        """Where one was given."""
        return self.host.origin(name)


def read_settings(hosts: Mapping[str, HostInput]) -> tuple[Settings, Stack]:
    """Return the settings of the topology, with defaults for all others, and the IP families.

    Raises:
        BadInputErrors: one that the topology depends on is wrong.
        BadInputError: ``ipv4_stack`` and ``ipv6_stack`` say nothing that can be.

    """
    return parse({name: _Narrowed(host) for name, host in hosts.items()}), _stack(hosts)


def _stack(hosts: Mapping[str, HostInput]) -> Stack:
    ipv6 = _boolean("ipv6_stack", hosts)
    if ipv6 is None:
        ipv6 = _boolean("enable_dual_stack_networks", hosts)  # its name in Kubespray before 2.27
    ipv4 = _boolean("ipv4_stack", hosts)
    stack = Stack(ipv4=ipv4 is not False, ipv6=ipv6 is True)
    if not stack.families:
        raise BadInputError("ipv4_stack", "it is false, and ipv6_stack is not true", "Set one of both to true")
    return stack


def _boolean(name: str, hosts: Mapping[str, HostInput]) -> bool | None:
    for host in hosts.values():
        value = host.variables.get(name)
        if value is None:
            continue
        text = str(value).lower()
        if text not in ("true", "yes", "on", "1", "false", "no", "off", "0"):
            raise BadInputError(host.origin(name) or name, f"{name} is {value!r}", "Set it to true or false")
        return text in ("true", "yes", "on", "1")
    return None
