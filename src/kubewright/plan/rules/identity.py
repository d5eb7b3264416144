"""Whether a host is the one machine that it says it is.

Sources: kubeadm's requirements ("Unique hostname, MAC address, and product_uuid for every node"), machine-id(5) for
clones of one image; Kubernetes' Node objects for addresses; etcd's runtime reconfiguration ("Update advertise peer
URLs") and kubeadm, which has no way to give a control plane another address.

Only hosts that a run adds are refused for being like another one: two members that are alike already work, or are for
their owner to mend. A member with another address in the inventory is refused always: all others would be told it.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from kubewright.plan.rules.refusals import Refusal, Rule
from kubewright.topology.addresses import ip_of

MACHINE_ID = Rule(
    "duplicate-machine-id", "a host with another one's machine-id", "kubeadm requirements, machine-id(5)", True
)
ADDRESS = Rule("duplicate-address", "a host with another Node's address", "Kubernetes Node addresses")
CHANGED = Rule("changed-address", "a member whose ip is not the one that it has in the cluster", "etcd and kubeadm")
RULES = (MACHINE_ID, ADDRESS, CHANGED)


@dataclass(frozen=True)
class Identity:
    """A machine: ``node`` is its Node's name, ``subject`` what a person calls it; empty fields are not known."""

    subject: str
    node: str
    machine_id: str = ""
    address: str = ""


def refuse(new: Sequence[Identity], members: Sequence[Identity]) -> tuple[Refusal, ...]:
    """New hosts that are taken for another host or Node.

    Args:
        new: hosts that the run adds.
        members: hosts and Nodes that are there; those with a new host's Node name are that host itself.

    """
    refusals: list[Refusal] = []
    for position, host in enumerate(new):
        for other in (*members, *new[:position]):
            if other.node != host.node:
                refusals += _judge(host, other)
    return tuple(dict.fromkeys(refusals))


@dataclass(frozen=True)
class Member:
    """A host that is in the cluster: its name in the inventory, its Node's, and the addresses that either side knows.

    ``given`` are those that the inventory gives by ``ip`` or ``ip6``; ``node`` its Node's InternalIPs, ``peer`` its
    etcd member's peer address; empty ones are not known.
    """

    name: str
    node_name: str
    given: tuple[str, ...]
    node: tuple[str, ...] = ()
    peer: str = ""


def refuse_changed(members: Sequence[Member]) -> Iterator[Refusal]:
    """Members whose address in the inventory is not the one that they have in the cluster."""
    for member in members:
        for given in map(ip_of, member.given):
            where = [
                f"{what} {' and '.join(map(str, live))}"
                for what, known in (
                    ("its Node has", member.node),
                    ("its etcd member's peer address is", (member.peer,)),
                )
                if (live := [each for each in _addresses(known) if each.version == given.version]) and given not in live
            ]
            if where:
                yield Refusal(
                    CHANGED,
                    f"host {member.name}",
                    f"the inventory gives it the address {given}, and {', and '.join(where)}; "
                    "a member's address cannot be changed in place",
                    "Correct ip in the inventory; where the host really has another address, remove it and add it "
                    f"again: kubewright remove --limit {member.name}, then kubewright scale --limit {member.name}",
                )


def _addresses(known: Sequence[str]) -> list[ipaddress.IPv4Address | ipaddress.IPv6Address]:
    return [ip_of(each) for each in known if each]


def _judge(host: Identity, other: Identity) -> Iterator[Refusal]:
    if host.machine_id and host.machine_id == other.machine_id:
        yield Refusal(
            MACHINE_ID,
            host.subject,
            f"it has the machine-id of {other.subject}: one is a copy of the other, or both names are one machine",
            "On the copy: remove /etc/machine-id, run systemd-machine-id-setup and reboot",
        )
    if host.address and host.address == other.address:
        yield Refusal(
            ADDRESS,
            host.subject,
            f"{other.subject} has its address {host.address}",
            f"Correct ip or ansible_host of one of them; where {other.node} is gone, delete that Node first",
        )
