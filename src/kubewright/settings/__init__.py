"""Typed cluster and host settings under Kubespray's names, with defaults, bounds and documentation."""

from __future__ import annotations

from kubewright.settings.model import ClusterSettings, ExternalLoadBalancer, HostSettings, Notice, Settings
from kubewright.settings.names import HONOURED_NAMES, KNOWN_NAMES
from kubewright.settings.parsing import HostInput, parse

__all__ = [
    "HONOURED_NAMES",
    "KNOWN_NAMES",
    "ClusterSettings",
    "ExternalLoadBalancer",
    "HostInput",
    "HostSettings",
    "Notice",
    "Settings",
    "parse",
]
