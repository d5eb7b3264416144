"""What of Kubernetes, and of kubewright, is on a node: enough to tell a new node from ours and from another's."""

from __future__ import annotations

from typing import Any

from ansible_collections.kubewright.cluster.plugins.module_utils import files
from ansible_collections.kubewright.cluster.plugins.module_utils.manifest import MANIFEST_PATH, Manifest
from ansible_collections.kubewright.cluster.plugins.module_utils.process import System

_MANIFESTS = "/etc/kubernetes/manifests"


def kubernetes(system: System) -> dict[str, Any]:
    """Return which of kubeadm's and the kubelet's traces are there."""
    manifests = system.path(_MANIFESTS)
    return {
        "kubelet_conf": system.path("/etc/kubernetes/kubelet.conf").exists(),
        "admin_conf": system.path("/etc/kubernetes/admin.conf").exists(),
        "manifests": sorted(path.name for path in manifests.glob("*.y*ml")) if manifests.is_dir() else [],
        "etcd_data": _filled(system, "/var/lib/etcd/member"),
        "kubelet_active": system.run("systemctl", "is-active", "kubelet").stdout.strip() == "active",
        "kubeadm_flags": (files.read_text(system.path("/var/lib/kubelet/kubeadm-flags.env")) or "").strip(),
    }


def own_record(system: System) -> dict[str, Any]:
    """Return whether kubewright's manifest is on the node, what it says of the cluster, and whether it is damaged."""
    manifest = Manifest(system)
    return {
        "present": manifest.present,
        "record": manifest.record,
        "resources": len(manifest.entries),
        "pending_restarts": manifest.pending_restarts,
        "damaged": manifest.warning,
        "path": MANIFEST_PATH,
    }


def _filled(system: System, name: str) -> bool:
    path = system.path(name)
    return path.is_dir() and any(path.iterdir())
