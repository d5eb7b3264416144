#!/usr/bin/python
# Copyright: the kubewright authors
# SPDX-License-Identifier: Apache-2.0
"""Check from a node that it is a working part of the cluster."""

from __future__ import annotations

from typing import Any

from ansible_collections.kubewright.cluster.plugins.module_utils import entry, nodecheck
from ansible_collections.kubewright.cluster.plugins.module_utils.process import System

DOCUMENTATION = r"""
module: check_node
short_description: Check from a node that it is a working part of the cluster
description:
  - Node Ready, the API through the node's endpoint, cluster DNS through the service address, pods on other nodes by
    their own addresses; in parallel, until they hold or the deadline has passed.
  - A check that does not hold is told in the result, not a failure of the module.
options:
  node_name:
    description: The Node's name.
    type: str
    required: true
  endpoint:
    description: URL of the API that the node uses.
    type: str
    required: true
  dns_server:
    description: Service address of the cluster DNS; no such check when empty.
    type: str
    default: ""
  dns_domain:
    description: The cluster's DNS domain.
    type: str
    default: cluster.local
  peers:
    description: Check pods (name, ip) that have to answer.
    type: list
    elements: dict
    default: []
  deadline:
    description: Seconds for all checks together.
    type: float
    default: 60
author: The kubewright authors (@kubewright)
"""

ARGUMENTS: dict[str, Any] = {
    "node_name": {"type": "str", "required": True},
    "endpoint": {"type": "str", "required": True},
    "dns_server": {"type": "str", "default": ""},
    "dns_domain": {"type": "str", "default": "cluster.local"},
    "peers": {
        "type": "list",
        "elements": "dict",
        "default": [],
        "options": {"name": {"type": "str", "required": True}, "ip": {"type": "str", "required": True}},
    },
    "deadline": {"type": "float", "default": 60.0},
}


def work(system: System, params: dict[str, Any], _check: bool) -> dict[str, Any]:
    """The module's result."""
    checks = nodecheck.check(system, params)
    return {"changed": False, "checks": checks, "ok": all(one["ok"] for one in checks)}


def main() -> None:
    """Run as a module."""
    entry.reading(work, ARGUMENTS)


if __name__ == "__main__":
    main()
