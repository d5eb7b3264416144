"""What a kubeadm run on this node began and has not finished.

A file under /etc/kubewright, written before kubeadm starts and removed after it.

Only what a marker vouches for is ever taken back: it lists the files that were there before, which are never removed.
"""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any, Iterator, Optional

from ansible_collections.kubewright.cluster.plugins.module_utils import files
from ansible_collections.kubewright.cluster.plugins.module_utils.errors import NodeError
from ansible_collections.kubewright.cluster.plugins.module_utils.frozen import field, frozen, replace
from ansible_collections.kubewright.cluster.plugins.module_utils.process import System

DIRECTORY = "/etc/kubewright"
CONTROL_PLANE_MANIFESTS = ("etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler")
_KUBECONFIGS = ("admin", "super-admin", "controller-manager", "scheduler", "kubelet", "bootstrap-kubelet")
_KUBELET_FILES = ("config.yaml", "instance-config.yaml", "kubeadm-flags.env")

# Phases, in their order. From ``finish`` on, nothing is ever taken back.
PREPARE = "prepare"
MEMBER = "member"
FINISH = "finish"


@frozen
class Marker:
    """A kubeadm run that was begun.

    ``action`` is "init" or "join"; ``existing`` are kubeadm's paths that held something before; ``admin_server`` is the
    server that belongs in admin.conf and is another one while a control plane joins; ``since`` is in seconds since the
    epoch, for people.
    """

    action: str
    phase: str = PREPARE
    existing: tuple[str, ...] = ()
    admin_server: str = ""
    since: float = field(default=0.0, compare=False)


@frozen
class Layout:
    """Where kubeadm puts things on this node."""

    certificates: str
    etcd_data: str

    def kubeadm_paths(self, system: System) -> Iterator[Path]:
        """Every file that kubeadm, or a kubelet that it started, wrote here, as far as it is there now.

        The etcd data directory's entries too.
        """
        fixed = ["/etc/kubernetes/%s.conf" % name for name in _KUBECONFIGS]
        fixed += ["/etc/kubernetes/manifests/%s.yaml" % name for name in CONTROL_PLANE_MANIFESTS]
        fixed += ["/var/lib/kubelet/%s" % name for name in _KUBELET_FILES]
        for name in fixed:
            if system.path(name).exists():
                yield system.path(name)
        for directory in (self.certificates, self.etcd_data, "/var/lib/kubelet/pki"):
            yield from sorted(
                path for path in system.path(directory).rglob("*") if path.is_symlink() or not path.is_dir()
            )


def read(system: System, action: str) -> Optional[Marker]:
    """The marker of an unfinished ``action``, None where there is none.

    Raises:
        NodeError: it cannot be read.

    """
    text = files.read_text(_path(system, action))
    if text is None:
        return None
    try:
        value: dict[str, Any] = json.loads(text)
        return Marker(action, value["phase"], tuple(value["existing"]), value["admin_server"], value["since"])
    except (ValueError, KeyError, TypeError) as error:
        raise NodeError(
            str(_path(system, action)),
            "cannot be read: %s" % error,
            "Look at the node; then remove the file or reset the node",
        ) from error


def begin(system: System, action: str, layout: Layout) -> Marker:
    """Write the marker of an action that starts now."""
    existing = tuple(str(path) for path in layout.kubeadm_paths(system))
    return _write(system, Marker(action, PREPARE, existing, since=time.time()))


def advance(system: System, marker: Marker, phase: str, admin_server: str = "") -> Marker:
    """Write that the action has reached ``phase``."""
    return _write(system, replace(marker, phase=phase, admin_server=admin_server or marker.admin_server))


def done(system: System, action: str) -> None:
    """Remove the marker: the action is complete, or all of it was taken back."""
    files.remove(_path(system, action))


def _write(system: System, marker: Marker) -> Marker:
    value = {
        "phase": marker.phase,
        "existing": list(marker.existing),
        "admin_server": marker.admin_server,
        "since": marker.since,
    }
    status = system.path("/").stat()
    files.write_atomic(
        _path(system, marker.action),
        json.dumps(value, indent=1).encode() + b"\n",
        0o600,
        (status.st_uid, status.st_gid),
    )
    return marker


def _path(system: System, action: str) -> Path:
    return system.path("%s/%s.json" % (DIRECTORY, action))
