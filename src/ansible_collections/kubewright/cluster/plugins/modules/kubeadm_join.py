#!/usr/bin/python
# Copyright: the kubewright authors
# SPDX-License-Identifier: Apache-2.0
"""Join this node to the cluster with kubeadm."""

from __future__ import annotations

from typing import Any

from ansible_collections.kubewright.cluster.plugins.module_utils import entry, join
from ansible_collections.kubewright.cluster.plugins.module_utils.process import System

DOCUMENTATION = r"""
module: kubeadm_join
short_description: Join this node to the cluster with kubeadm
description:
  - Runs C(kubeadm join). An earlier call that was killed is completed, or taken back and done again; only what this
    module itself began (by its marker /etc/kubewright/join.json) is ever taken back.
  - Tasks using this module need C(no_log), for its arguments hold secrets.
options:
  node_name:
    description: The Node's name.
    type: str
    required: true
  config:
    description: JoinConfiguration, YAML, with discovery.file.kubeConfigPath /run/kubewright/discovery.conf;
      C({{certificate_key}}) in it is filled in.
    type: str
    required: true
  discovery:
    description: Kubeconfig with the bootstrap token and a living control plane as its server.
    type: str
    required: true
  certificate_key:
    description: Key of the uploaded certificates, for control planes.
    type: str
  endpoint:
    description: URL of the API that a worker's kubelet uses afterwards.
    type: str
    required: true
  etcd_data_directory:
    description: etcd's data directory, for control planes.
    type: str
    default: /var/lib/etcd
  ignore_preflight_errors:
    description: Names of kubeadm's checks whose errors are warnings.
    type: list
    elements: str
    default: []
  network_ready_file:
    description: A file that the pod network's agent writes here when pods can have a network; waited for at the end.
    type: str
    default: ""
  timeout:
    description: Seconds for each kubeadm command.
    type: float
    default: 600
  ready_timeout:
    description: Seconds for the Node to appear in the cluster.
    type: float
    default: 120
extends_documentation_fragment: kubewright.cluster.locking
author: The kubewright authors (@kubewright)
"""

ARGUMENTS: dict[str, Any] = {
    "node_name": {"type": "str", "required": True},
    "config": {"type": "str", "required": True},
    "discovery": {"type": "str", "required": True, "no_log": True},
    "certificate_key": {"type": "str", "no_log": True},
    "endpoint": {"type": "str", "required": True},
    "etcd_data_directory": {"type": "str", "default": "/var/lib/etcd"},
    "ignore_preflight_errors": {"type": "list", "elements": "str", "default": []},
    "network_ready_file": {"type": "str", "default": ""},
    "timeout": {"type": "float", "default": 600.0},
    "ready_timeout": {"type": "float", "default": 120.0},
}


def work(system: System, params: dict[str, Any], _check: bool) -> dict[str, Any]:
    """The module's result."""
    return join.join(system, params)


def main() -> None:
    """Run as a module."""
    entry.changing("kubeadm join", work, ARGUMENTS)


if __name__ == "__main__":
    main()
