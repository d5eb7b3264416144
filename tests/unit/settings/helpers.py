"""Hosts as an inventory would say them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

REQUIRED: Mapping[str, Any] = {
    "kube_network_plugin": "flannel",
    "kube_proxy_mode": "iptables",
    "etcd_deployment_type": "kubeadm",
}


@dataclass(frozen=True)
class GivenHost:
    """A host whose known variables all come from ``vars.yml``, each on the line of its place."""

    variables: Mapping[str, Any]
    others: frozenset[str] = field(default=frozenset())

    @property
    def variable_names(self) -> frozenset[str]:
        return frozenset(self.variables) | self.others

    def origin(self, name: str) -> str:
        names = list(self.variables)
        return f"vars.yml:{names.index(name) + 1}" if name in names else ""


def given(*others: str, **variables: Any) -> GivenHost:
    """Return a host with what must be given, and these."""
    return GivenHost({**REQUIRED, **variables}, frozenset(others))
