"""Addresses, roles and names of every host, computed for the whole inventory whatever the limit (I1)."""

from __future__ import annotations

from kubewright.topology.addresses import missing
from kubewright.topology.build import build, check_given, endpoint
from kubewright.topology.model import Address, Endpoint, GroupNames, Host, KnownAddresses, Role, Source, Topology
from kubewright.topology.names import certificate_names, hosts_entries

__all__ = [
    "Address",
    "Endpoint",
    "GroupNames",
    "Host",
    "KnownAddresses",
    "Role",
    "Source",
    "Topology",
    "build",
    "certificate_names",
    "check_given",
    "endpoint",
    "hosts_entries",
    "missing",
]
