"""Addresses, roles and names of every host, computed for the whole inventory whatever the limit (I1)."""

from __future__ import annotations

from kubewright.topology.addresses import missing
from kubewright.topology.build import build, check_given, endpoint
from kubewright.topology.model import (
    Address,
    Attempt,
    Endpoint,
    GroupNames,
    Host,
    KnownAddresses,
    Role,
    Source,
    Stack,
    Topology,
)
from kubewright.topology.names import certificate_names
from kubewright.topology.proxy import no_proxy

__all__ = [
    "Address",
    "Attempt",
    "Endpoint",
    "GroupNames",
    "Host",
    "KnownAddresses",
    "Role",
    "Source",
    "Stack",
    "Topology",
    "build",
    "certificate_names",
    "check_given",
    "endpoint",
    "missing",
    "no_proxy",
]
