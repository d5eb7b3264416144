"""From what an inventory and earlier runs say to what the topology takes."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable

from kubewright.inventory.model import Inventory
from kubewright.inventory.remembered import Remembered
from kubewright.topology import GroupNames, KnownAddresses, Source


def group_names(inventory: Inventory) -> GroupNames:
    """The groups that make the topology."""
    groups = inventory.groups
    return GroupNames(
        control_plane=tuple(groups.get("kube_control_plane", ())),
        worker=tuple(groups.get("kube_node", ())),
        etcd=tuple(groups.get("etcd", ())),
    )


def known_of(hosts: Iterable[str], memory: Remembered) -> dict[str, KnownAddresses]:
    """What is known of hosts without asking anybody: remembered addresses, or why there is none."""
    return {host: _known(host, memory) for host in hosts}


def _known(host: str, memory: Remembered) -> KnownAddresses:
    address = memory.addresses.get(host)
    silent = {} if address else {Source.CACHE: memory.reason(host)}
    if address and _is_ipv6(address):
        return KnownAddresses(cached6=address, silent=silent)
    return KnownAddresses(cached=address, silent=silent)


def _is_ipv6(text: str) -> bool:
    try:
        return ipaddress.ip_address(text).version == 6
    except ValueError:
        return False  # told as no IP address where it is used
