"""Records of labs that exist only here."""

from __future__ import annotations

import dataclasses
from ipaddress import IPv4Network

from kubewright.lab.model import LabNetwork, LabRecord

FIRST = LabNetwork("kubewright-abc123-big-0001", IPv4Network("192.0.2.0/24"))
SECOND = LabNetwork("kubewright-abc123-big-0002", IPv4Network("198.51.100.0/24"))


def record(
    control_planes: int = 1, workers: int = 2, *, networks: tuple[LabNetwork, ...] = (FIRST,), addresses: bool = False
) -> LabRecord:
    """Make the record of a finished lab."""
    empty = LabRecord(
        name="big",
        identity="kubewright-abc123-big",
        image="localhost/kubewright-lab-node:0",
        networks=networks,
        kubernetes="1.37.2",
        addresses=addresses,
        complete=True,
        nodes=(),
    )
    return dataclasses.replace(empty, nodes=empty.planned(control_planes=control_planes, workers=workers))
