"""Which variable names mean something to kubewright."""

from __future__ import annotations

from kubewright.settings.critical import CRITICAL
from kubewright.settings.model import ClusterSettings, HostSettings

CLUSTER_NAMES: frozenset[str] = frozenset(ClusterSettings.model_fields)
HOST_NAMES: frozenset[str] = frozenset(HostSettings.model_fields)
HONOURED_NAMES: frozenset[str] = CLUSTER_NAMES | HOST_NAMES
"""Settings that do something."""

CHECKED_NAMES: frozenset[str] = frozenset({"loadbalancer_apiserver_port", "loadbalancer_apiserver_localhost"})
"""Settings that can only say what kubewright does anyway, depending on others."""

KNOWN_NAMES: frozenset[str] = HONOURED_NAMES | CHECKED_NAMES | CRITICAL.keys()
"""Settings whose values are needed: the honoured ones, and those that must not be ignored."""
