"""Take back what an unfinished kubeadm run left on this node, and nothing else.

Not ``kubeadm reset``: that empties the static pod and kubelet directories, where the local load balancer and others'
files are.
"""

from __future__ import annotations

import json
from pathlib import Path

from ansible_collections.kubewright.cluster.plugins.module_utils import files
from ansible_collections.kubewright.cluster.plugins.module_utils.errors import INTERNAL, NodeError
from ansible_collections.kubewright.cluster.plugins.module_utils.kubeapi import wait_until
from ansible_collections.kubewright.cluster.plugins.module_utils.markers import (
    CONTROL_PLANE_MANIFESTS,
    FINISH,
    Layout,
    Marker,
)
from ansible_collections.kubewright.cluster.plugins.module_utils.process import System

_POD_NAME = "io.kubernetes.pod.name"
_CTR = ("ctr", "--namespace", "k8s.io")


def take_back(system: System, marker: Marker, layout: Layout) -> list[str]:
    """Stop what the run started and remove the files that it added; their paths.

    Raises:
        NodeError: the marker says that the run was past the point of taking back, or the kubelet or a container cannot
        be stopped.

    """
    if marker.phase == FINISH:
        raise NodeError(marker.action, "had been completed: nothing may be taken back", "", INTERNAL)
    system.must("systemctl", "stop", "kubelet")
    manifests = ["/etc/kubernetes/manifests/%s.yaml" % name for name in CONTROL_PLANE_MANIFESTS]
    added = [path for path in layout.kubeadm_paths(system) if str(path) not in marker.existing]
    if any(system.path(manifest) in added for manifest in manifests):
        _stop_control_plane(system)
    for path in added:
        files.remove(path)
    for directory in (layout.certificates, layout.etcd_data, "/var/lib/kubelet/pki"):
        _remove_empty_below(system.path(directory))
    return [str(path) for path in added]


def _remove_empty_below(directory: Path) -> None:
    for path in sorted((path for path in directory.rglob("*") if path.is_dir()), reverse=True):
        if not any(path.iterdir()):
            path.rmdir()


def _stop_control_plane(system: System) -> None:
    """Kill the containers of kubeadm's static pods: without their manifests no kubelet would know them any more."""
    ours = {
        identity
        for identity in system.must(*_CTR, "containers", "list", "--quiet").split()
        if _is_control_plane(system, identity)
    }
    running = _running(system) & ours
    for identity in sorted(running):
        system.run(*_CTR, "tasks", "kill", "--signal", "SIGKILL", identity)
    wait_until("containers of the control plane to stop", lambda: not (_running(system) & ours) or None, 30.0)


def _running(system: System) -> set[str]:
    rows = [line.split() for line in system.must(*_CTR, "tasks", "list").splitlines()[1:]]
    return {row[0] for row in rows if len(row) >= 3 and row[2] == "RUNNING"}


def _is_control_plane(system: System, identity: str) -> bool:
    described = system.run(*_CTR, "containers", "info", identity)
    if not described.ok:
        # Removed since the list was made.
        return False
    labels = json.loads(described.stdout).get("Labels") or {}
    return str(labels.get(_POD_NAME, "")).startswith(tuple("%s-" % name for name in CONTROL_PLANE_MANIFESTS))
