"""Whether a host is the one machine that it says it is.

Sources: kubeadm's requirements ("Unique hostname, MAC address, and product_uuid for every node"), machine-id(5) for
clones of one image; Kubernetes' Node objects for addresses.

Only hosts that a run adds are refused: two members that are alike already work, or are for their owner to mend.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from kubewright.plan.rules.refusals import Refusal, Rule

MACHINE_ID = Rule(
    "duplicate-machine-id", "a host with another one's machine-id", "kubeadm requirements, machine-id(5)", True
)
ADDRESS = Rule("duplicate-address", "a host with another Node's address", "Kubernetes Node addresses")
RULES = (MACHINE_ID, ADDRESS)


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
