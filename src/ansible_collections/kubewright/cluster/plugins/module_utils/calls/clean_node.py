"""Take from this node what kubewright put there.

Stops the kubelet and all pods, and removes what kubewright's manifest names, what kubeadm, the kubelet and the pod
network keep, and Kubernetes' firewall rules. Packages stay, and other firewall rules and the network do too.

containerd stays with its programs and configuration where other namespaces of it than Kubernetes' have containers or
images; ``others`` in the result names them.

Where the manifest is damaged, what it named stays, and so does the manifest; ``damaged`` in the result says why.

A node without the manifest is left alone.

Args:
    bin_dir: Where Kubernetes' binaries are.
    certificates_directory: kubeadm's certificatesDir.
    etcd_data_directory: etcd's data directory.

"""

from __future__ import annotations

from typing import Any

from ansible_collections.kubewright.cluster.plugins.module_utils import cleaning
from ansible_collections.kubewright.cluster.plugins.module_utils.entry import Call
from ansible_collections.kubewright.cluster.plugins.module_utils.process import System

ARGUMENTS: dict[str, Any] = {
    "bin_dir": {"type": "str", "default": "/usr/local/bin"},
    "certificates_directory": {"type": "str", "default": "/etc/kubernetes/pki"},
    "etcd_data_directory": {"type": "str", "default": "/var/lib/etcd"},
}


def work(system: System, params: dict[str, Any], _check: bool) -> dict[str, Any]:
    """The call's result."""
    return cleaning.clean(system, params)


CALL = Call(work, ARGUMENTS, lock="clean node")
