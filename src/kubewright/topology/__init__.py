"""Addresses, roles and names of every host, computed for the whole inventory whatever the limit (I1)."""

from __future__ import annotations

from kubewright.topology.addresses import missing, resolve
from kubewright.topology.build import build, check_given, endpoint, node_name
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
from kubewright.topology.reading import read_settings
from kubewright.topology.survey import ADDRESS_VARIABLES, VARIABLES, Fact, Survey, survey

__all__ = [
    "ADDRESS_VARIABLES",
    "VARIABLES",
    "Address",
    "Attempt",
    "Endpoint",
    "Fact",
    "GroupNames",
    "Host",
    "KnownAddresses",
    "Role",
    "Source",
    "Stack",
    "Survey",
    "Topology",
    "build",
    "certificate_names",
    "check_given",
    "endpoint",
    "missing",
    "no_proxy",
    "node_name",
    "read_settings",
    "resolve",
    "survey",
]
