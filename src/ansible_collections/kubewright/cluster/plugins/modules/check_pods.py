#!/usr/bin/python
# Copyright: the kubewright authors
# SPDX-License-Identifier: Apache-2.0
"""Make and remove short-lived pods that answer by their own address."""

from __future__ import annotations

from typing import Any

from ansible_collections.kubewright.cluster.plugins.module_utils import checkpods, entry
from ansible_collections.kubewright.cluster.plugins.module_utils.kubeapi import admin_client
from ansible_collections.kubewright.cluster.plugins.module_utils.process import System

DOCUMENTATION = r"""
module: check_pods
short_description: Make and remove short-lived pods that answer by their own address
description:
  - Without C(create) all check pods, also those of killed runs, are removed.
options:
  create:
    description: Pods to make (name, node).
    type: list
    elements: dict
    default: []
  image:
    description: An image of CoreDNS that is on the nodes already.
    type: str
    default: ""
  timeout:
    description: Seconds for the pods to run.
    type: float
    default: 60
extends_documentation_fragment: kubewright.cluster.locking
author: The kubewright authors (@kubewright)
"""

ARGUMENTS: dict[str, Any] = {
    "create": {
        "type": "list",
        "elements": "dict",
        "default": [],
        "options": {"name": {"type": "str", "required": True}, "node": {"type": "str", "required": True}},
    },
    "image": {"type": "str", "default": ""},
    "timeout": {"type": "float", "default": 60.0},
}


def work(system: System, params: dict[str, Any], _check: bool) -> dict[str, Any]:
    """The module's result."""
    client = admin_client(system)
    if not params["create"]:
        removed = checkpods.delete_all(client)
        return {"changed": bool(removed), "removed": removed}
    return dict(checkpods.create_all(client, params["create"], params["image"], params["timeout"]), changed=True)


def main() -> None:
    """Run as a module."""
    entry.changing("check pods", work, ARGUMENTS)


if __name__ == "__main__":
    main()
