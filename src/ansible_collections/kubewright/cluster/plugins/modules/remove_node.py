#!/usr/bin/python
# Copyright: the kubewright authors
# SPDX-License-Identifier: Apache-2.0
"""Take a node out of the cluster, from a living control plane that stays."""

from __future__ import annotations

from typing import Any

from ansible_collections.kubewright.cluster.plugins.module_utils import entry, leaving
from ansible_collections.kubewright.cluster.plugins.module_utils.kubeapi import admin_client
from ansible_collections.kubewright.cluster.plugins.module_utils.process import System

DOCUMENTATION = r"""
module: remove_node
short_description: Take a node out of the cluster
description:
  - Does one part of it on a living control plane that stays; each part finds out what is left to do.
  - In check mode it tells which pods a drain would evict and which disruption budgets concern them.
options:
  node:
    description: The Node's name.
    type: str
    required: true
  part:
    description: Cordon and drain, remove its etcd members, or delete the Node and note that it leaves.
    type: str
    choices: [drain, members, node]
    default: drain
  members:
    description: Hexadecimal ids of its etcd members.
    type: list
    elements: str
    default: []
  certificate_names:
    description: A control plane's own names in the others' certificates; they are recorded before the Node goes.
    type: list
    elements: str
    default: []
  offline:
    description: The node is dead. It is not drained, and its pods are deleted with the Node.
    type: bool
    default: false
  drain_timeout:
    description: Seconds for the drain.
    type: float
    default: 600
extends_documentation_fragment: kubewright.cluster.locking
author: The kubewright authors (@kubewright)
"""

ARGUMENTS: dict[str, Any] = {
    "node": {"type": "str", "required": True},
    "part": {"type": "str", "choices": ["drain", "members", "node"], "default": "drain"},
    "members": {"type": "list", "elements": "str", "default": []},
    "certificate_names": {"type": "list", "elements": "str", "default": []},
    "offline": {"type": "bool", "default": False},
    "drain_timeout": {"type": "float", "default": 600.0},
}

_PARTS = {"drain": leaving.drain_node, "members": leaving.remove_member, "node": leaving.delete_node}


def work(system: System, params: dict[str, Any], check: bool) -> dict[str, Any]:
    """The module's result."""
    if check:
        return dict(leaving.look(admin_client(system), params["node"]), changed=False)
    return _PARTS[params["part"]](system, params)


def main() -> None:
    """Run as a module."""
    entry.changing("remove node", work, ARGUMENTS, check_mode=True)


if __name__ == "__main__":
    main()
