"""What a lab is: its shape, its nodes, and the record of it that is kept on disk."""

from __future__ import annotations

import dataclasses
import enum
import json
import re
from collections.abc import Callable
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path
from typing import Any

from kubewright.errors import BadInputError

Progress = Callable[[str], None]
"""Takes one line about what is being done."""

_NAME = re.compile(r"[a-z]([a-z0-9-]{0,18}[a-z0-9])?")

RECORD_VERSION = 1
FIRST_HOST = 11
"""Offset of the first node's address in the lab's network; below it are the gateway and room for virtual addresses."""

MOST_NODES = 200
"""What fits into a lab's /24 after :data:`FIRST_HOST`, with room to spare."""


class Role(enum.StrEnum):
    """What a node is meant to become; it decides its name and its inventory groups."""

    CONTROL_PLANE = "control-plane"
    WORKER = "worker"


class NodeState(enum.StrEnum):
    """What a node's container is doing."""

    RUNNING = "running"
    CUT = "cut off"
    STOPPED = "stopped"
    KILLED = "killed"
    """podman believes that it runs, but its processes are gone."""
    MISSING = "missing"


@dataclasses.dataclass(frozen=True, slots=True)
class LabShape:
    """How a lab is wanted: what ``lab up`` compares with a lab that is there."""

    control_planes: int
    workers: int
    kubernetes: str | None = None
    second_network: bool = False
    addresses: bool = False

    def check(self) -> None:
        """Raise BadInputError where no lab can have this shape."""
        if self.control_planes < 1:
            raise BadInputError("lab", "a lab needs at least one control plane", "Use --control-planes 1 or more")
        if self.workers < 0:
            raise BadInputError("lab", f"{self.workers} workers", "Use --workers 0 or more")
        if self.control_planes + self.workers > MOST_NODES:
            raise BadInputError("lab", f"more than {MOST_NODES} nodes", "Ask for fewer")

    def __str__(self) -> str:
        parts = [count(self.control_planes, "control plane"), count(self.workers, "worker")]
        if self.kubernetes:
            parts.append(f"Kubernetes {self.kubernetes}")
        if self.second_network:
            parts.append("two networks")
        if self.addresses:
            parts.append("addresses in the inventory")
        return ", ".join(parts)


@dataclasses.dataclass(frozen=True, slots=True)
class LabNode:
    """One node of a lab.

    Attributes:
        name: its host name and inventory name: cp1, cp2, …, w1, w2, …
        address: on the lab's first network, where ssh and the default route are.
        second_address: on the second network, where the lab has one.
        sudo_password: whether its user has to give a password to sudo.

    """

    name: str
    role: Role
    address: IPv4Address
    second_address: IPv4Address | None = None
    sudo_password: bool = False


@dataclasses.dataclass(frozen=True, slots=True)
class LabNetwork:
    """A network of a lab, by its name in podman."""

    name: str
    subnet: IPv4Network


@dataclasses.dataclass(frozen=True, slots=True)
class NodeStatus:
    """A node and what it is doing now."""

    node: LabNode
    state: NodeState


@dataclasses.dataclass(frozen=True, slots=True)
class LabRecord:
    """What is kept about a lab on disk.

    Attributes:
        identity: prefix of every container, volume and network of the lab, and the value of their label.
        networks: one or two, the one with the default route first.
        complete: whether ``lab up`` got to its end; what it left otherwise is removed by the next one.

    """

    name: str
    identity: str
    image: str
    networks: tuple[LabNetwork, ...]
    kubernetes: str | None
    addresses: bool
    complete: bool
    nodes: tuple[LabNode, ...]

    @property
    def shape(self) -> LabShape:
        """The shape that the lab has now, grown nodes included."""
        return LabShape(
            control_planes=sum(node.role is Role.CONTROL_PLANE for node in self.nodes),
            workers=sum(node.role is Role.WORKER for node in self.nodes),
            kubernetes=self.kubernetes,
            second_network=len(self.networks) > 1,
            addresses=self.addresses,
        )

    def node(self, name: str) -> LabNode:
        """Return the node called ``name``; BadInputError names those there are."""
        for node in self.nodes:
            if node.name == name:
                return node
        known = ", ".join(node.name for node in self.nodes)
        raise BadInputError(f"lab {self.name}", f"no node is called {name}", f"Its nodes are {known}")

    def container(self, node: LabNode) -> str:
        """Name of the node's container."""
        return f"{self.identity}-{node.name}"

    def planned(self, *, control_planes: int, workers: int) -> tuple[LabNode, ...]:
        """Return the nodes that growing by so many would add, in the order of their addresses."""
        nodes: list[LabNode] = []
        for role, prefix, number in (
            (Role.CONTROL_PLANE, "cp", control_planes),
            (Role.WORKER, "w", workers),
        ):
            there = sum(node.role is role for node in self.nodes)
            for ordinal in range(there + 1, there + number + 1):
                offset = FIRST_HOST + len(self.nodes) + len(nodes)
                address, *others = (network.subnet[offset] for network in self.networks)
                nodes.append(LabNode(f"{prefix}{ordinal}", role, address, others[0] if others else None))
        return tuple(nodes)

    def to_json(self) -> str:
        """Render the record; :meth:`from_json` reads it."""
        data = {"version": RECORD_VERSION, **dataclasses.asdict(self)}
        return json.dumps(data, indent=2, default=str) + "\n"

    @classmethod
    def from_json(cls, text: str, source: Path) -> LabRecord:
        """Read a record; BadInputError where it is not one, or of another version."""
        try:
            data: dict[str, Any] = json.loads(text)
            if data.pop("version") != RECORD_VERSION:
                raise BadInputError(str(source), "the lab was made by another version", "Remove it with that version")
            nodes = tuple(_node(entry) for entry in data.pop("nodes"))
            networks = tuple(LabNetwork(entry["name"], IPv4Network(entry["subnet"])) for entry in data.pop("networks"))
            return cls(**data, networks=networks, nodes=nodes)
        except (ValueError, KeyError, TypeError) as error:
            raise BadInputError(str(source), f"no lab record can be read there ({error})", "Run lab down") from error


def count(number: int, noun: str) -> str:
    """``1 worker``, ``2 workers``."""
    return f"{number} {noun}{'' if number == 1 else 's'}"


def check_lab_name(name: str) -> str:
    """Return ``name``; BadInputError where it cannot be part of container and host names."""
    if not _NAME.fullmatch(name):
        raise BadInputError(
            f"lab name {name!r}",
            "it must be 1 to 20 lower-case letters, digits and hyphens, beginning with a letter",
            "Choose another name",
        )
    return name


def _node(entry: dict[str, Any]) -> LabNode:
    second = entry["second_address"]
    return LabNode(
        name=entry["name"],
        role=Role(entry["role"]),
        address=IPv4Address(entry["address"]),
        second_address=IPv4Address(second) if second else None,
        sudo_password=entry["sudo_password"],
    )
