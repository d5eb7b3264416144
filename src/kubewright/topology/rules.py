"""What a topology must not be, one function a rule."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Iterator

from kubewright.errors import BadInputError
from kubewright.settings import Settings
from kubewright.settings.types import is_dns_name
from kubewright.topology.addresses import ip_of
from kubewright.topology.model import Address, GroupNames, Host, Source


def group_errors(names: GroupNames, settings: Settings) -> Iterator[BadInputError]:
    """Yield groups that are missing or contradict each other."""
    if not names.control_plane:
        yield BadInputError(
            "kube_control_plane",
            "the group is missing or empty",
            "Put one, three or five hosts into kube_control_plane",
        )
    if not names.control_plane and not names.worker:
        yield BadInputError("kube_node", "the group is missing or empty", "Put the workers into kube_node")
    if names.etcd and set(names.etcd) != set(names.control_plane):
        yield _etcd_error(names)
    everyone = set(names.all)
    for name in settings.hosts:
        if name not in everyone:
            yield BadInputError(
                name, "is in k8s_cluster and in no role", "Put it into kube_control_plane or kube_node, or take it out"
            )
    for name in names.all:
        if name not in settings.hosts:
            yield BadInputError(name, "is in a group and not among the inventory's hosts", "Define the host")


def _etcd_error(names: GroupNames) -> BadInputError:
    parts = []
    if only_etcd := [name for name in names.etcd if name not in names.control_plane]:
        parts.append(f"only in etcd: {', '.join(only_etcd)}")
    if only_control := [name for name in names.control_plane if name not in names.etcd]:
        parts.append(f"only in kube_control_plane: {', '.join(only_control)}")
    cause = f"differs from kube_control_plane, where etcd_deployment_type kubeadm puts it ({'; '.join(parts)})"
    return BadInputError("etcd", cause, "Put the same hosts into both, or leave the group etcd out")


def name_errors(names: Iterable[str], settings: Settings) -> Iterator[BadInputError]:
    """Yield names of Nodes that Kubernetes refuses (RFC 1123 subdomains), and those that two hosts have."""
    first: dict[str, str] = {}
    for name in names:
        override = settings.hosts[name].kube_override_hostname
        node = override or name
        subject = (settings.origin(name, "kube_override_hostname") if override else "") or name
        if not is_dns_name(node):
            what = f"kube_override_hostname {node!r}" if override else f"the host name {node!r}"
            remedy = "Use lower-case letters, digits, hyphens and dots, in labels of at most 63 characters"
            yield BadInputError(
                subject, f"{what} is no DNS name", remedy if override else f"{remedy}, or set kube_override_hostname"
            )
        elif node in first:
            yield BadInputError(
                subject,
                f"the hosts {first[node]} and {name} have the same Node name {node}",
                "Correct kube_override_hostname",
            )
        first.setdefault(node, name)


def address_errors(hosts: Iterable[Host], settings: Settings) -> Iterator[BadInputError]:
    """Yield addresses that two hosts have, and those inside the pod or service network."""
    cluster = settings.cluster
    networks = {
        "kube_pods_subnet": ipaddress.IPv4Network(cluster.kube_pods_subnet),
        "kube_service_addresses": ipaddress.IPv4Network(cluster.kube_service_addresses),
    }
    first: dict[str, tuple[Host, Address]] = {}
    for host in hosts:
        for address in _addresses(host):
            other, others = first.setdefault(address.value, (host, address))
            if other is not host:
                told = f"{_told(others)}; {_told(address)}"
                cause = f"{other.name} and {host.name} have the same address {address} ({told})"
                yield BadInputError(_subject(host, address), cause, "Give each host its own ip and access_ip")
            yield from _inside(host, address, networks)


def _addresses(host: Host) -> tuple[Address, ...]:
    """Return the host's different addresses."""
    different = {address.value: address for address in reversed((*host.main_ips, *host.main_access_ips))}
    return tuple(reversed(different.values()))


def _inside(host: Host, address: Address, networks: dict[str, ipaddress.IPv4Network]) -> Iterator[BadInputError]:
    try:
        value = ip_of(address.value)
    except ValueError:
        return  # told as an unusable address
    for name, network in networks.items():
        if value in network:
            cause = f"the address {value} of {host.name} ({_told(address)}) is inside {name} {network}"
            yield BadInputError(
                _subject(host, address), cause, f"Choose a {name} that overlaps no network of the hosts"
            )


def _told(address: Address) -> str:
    return ", ".join(part for part in (address.source.value, address.detail) if part)


def _subject(host: Host, address: Address) -> str:
    given = address.source in (Source.IP, Source.ACCESS_IP)
    return address.detail if given and address.detail else host.name
