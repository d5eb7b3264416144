"""Topologies to try rules on."""

from __future__ import annotations

from typing import Any

from kubewright.settings import ClusterSettings, HostSettings, Settings
from kubewright.topology import GroupNames

NAMES = GroupNames(control_plane=("cp1", "cp2", "cp3"), worker=("w1", "w2"))


def settings(names: GroupNames = NAMES, cluster: dict[str, Any] | None = None, **hosts: dict[str, Any]) -> Settings:
    """Return settings for the hosts, each with ``ip`` 10.0.0.N unless its own say otherwise."""
    required = {"kube_network_plugin": "flannel", "kube_proxy_mode": "iptables", "etcd_deployment_type": "kubeadm"}
    all_hosts = {
        name: HostSettings.model_validate({"ip": f"10.0.0.{number}", **hosts.get(name.replace("-", "_"), {})})
        for number, name in enumerate(names.all, 1)
    }
    origins = {name: {"ip": f"hosts.ini:{number}"} for number, name in enumerate(names.all, 1)}
    return Settings(ClusterSettings.model_validate({**required, **(cluster or {})}), all_hosts, (), origins)
