#!/usr/bin/python
# Copyright: the kubewright authors
# SPDX-License-Identifier: Apache-2.0
"""Take from this node what kubewright put there."""

from __future__ import annotations

from typing import Any

from ansible_collections.kubewright.cluster.plugins.module_utils import cleaning, entry
from ansible_collections.kubewright.cluster.plugins.module_utils.process import System

DOCUMENTATION = r"""
module: clean_node
short_description: Take from this node what kubewright put there
description:
  - Stops the kubelet and all pods, and removes what kubewright's manifest names, what kubeadm, the kubelet and the pod
    network keep, and Kubernetes' firewall rules. Packages stay, and other firewall rules and the network do too.
  - containerd stays with its programs and configuration where other namespaces of it than Kubernetes' have containers
    or images; C(others) in the result names them.
  - Where the manifest is damaged, what it named stays, and so does the manifest; C(damaged) in the result says why.
  - A node without the manifest is left alone.
options:
  bin_dir:
    description: Where Kubernetes' binaries are.
    type: str
    default: /usr/local/bin
  certificates_directory:
    description: kubeadm's certificatesDir.
    type: str
    default: /etc/kubernetes/pki
  etcd_data_directory:
    description: etcd's data directory.
    type: str
    default: /var/lib/etcd
extends_documentation_fragment: kubewright.cluster.locking
author: The kubewright authors (@kubewright)
"""

ARGUMENTS: dict[str, Any] = {
    "bin_dir": {"type": "str", "default": "/usr/local/bin"},
    "certificates_directory": {"type": "str", "default": "/etc/kubernetes/pki"},
    "etcd_data_directory": {"type": "str", "default": "/var/lib/etcd"},
}


def work(system: System, params: dict[str, Any], _check: bool) -> dict[str, Any]:
    """The module's result."""
    return cleaning.clean(system, params)


def main() -> None:
    """Run as a module."""
    entry.changing("clean node", work, ARGUMENTS)


if __name__ == "__main__":
    main()
