"""Typed cluster and host settings under Kubespray's names, with defaults, bounds and documentation."""

from __future__ import annotations

from kubewright.settings.model import ClusterSettings, ExternalLoadBalancer, HostSettings, Notice, Settings
from kubewright.settings.names import HONOURED_NAMES, KNOWN_NAMES, READ_NAMES, REFUSED_NAMES
from kubewright.settings.parsing import parse
from kubewright.settings.states import State, Verdict
from kubewright.settings.survey import Finding, HostInput, survey, told_together

__all__ = [
    "HONOURED_NAMES",
    "KNOWN_NAMES",
    "READ_NAMES",
    "REFUSED_NAMES",
    "ClusterSettings",
    "ExternalLoadBalancer",
    "Finding",
    "HostInput",
    "HostSettings",
    "Notice",
    "Settings",
    "State",
    "Verdict",
    "parse",
    "survey",
    "told_together",
]
