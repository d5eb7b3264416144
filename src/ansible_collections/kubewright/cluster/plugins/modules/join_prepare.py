#!/usr/bin/python
# Copyright: the kubewright authors
# SPDX-License-Identifier: Apache-2.0
"""Make a living control plane ready for joins."""

from __future__ import annotations

from typing import Any

from ansible_collections.kubewright.cluster.plugins.module_utils import entry, joining, lease
from ansible_collections.kubewright.cluster.plugins.module_utils.kubeapi import admin_client
from ansible_collections.kubewright.cluster.plugins.module_utils.process import System

DOCUMENTATION = r"""
module: join_prepare
short_description: Make a living control plane ready for joins
description:
  - Makes a short-lived bootstrap token, uploads the control plane's keys (encrypted) for joining control planes, and
    removes etcd members that are in the way. Tokens of killed runs are removed.
  - Its result holds secrets, so tasks using this module need C(no_log).
options:
  control_planes:
    description: Whether control planes will join.
    type: bool
    default: false
  cluster_configuration:
    description: ClusterConfiguration with new control planes' names, to put in the place of the live one.
    type: str
  ttl_minutes:
    description: How long the token is good for.
    type: int
    default: 15
  keys_ttl_minutes:
    description: How long the uploaded keys are good for; kubeadm's own two hours at most.
    type: int
    default: 15
  server:
    description: URL of the control plane that joining nodes talk to; by default this one's own API server.
    type: str
    default: ""
  replace_members:
    description: Hosts that will join anew as control planes; their members (name, peer_ip, empty) are removed if that
      is safe now.
    type: list
    elements: dict
    default: []
  lock_id:
    description: The id under which the run holds the cluster's lock; refused where it does not hold it any more.
    type: str
    default: ""
extends_documentation_fragment: kubewright.cluster.locking
author: The kubewright authors (@kubewright)
"""

ARGUMENTS: dict[str, Any] = {
    "control_planes": {"type": "bool", "default": False},
    "cluster_configuration": {"type": "str"},
    "ttl_minutes": {"type": "int", "default": 15},
    "keys_ttl_minutes": {"type": "int", "default": 15},
    "server": {"type": "str", "default": ""},
    "lock_id": {"type": "str", "default": ""},
    "replace_members": {
        "type": "list",
        "elements": "dict",
        "default": [],
        "options": {
            "name": {"type": "str", "required": True},
            "peer_ip": {"type": "str", "required": True},
            "empty": {"type": "bool", "default": False},
        },
    },
}


def work(system: System, params: dict[str, Any], _check: bool) -> dict[str, Any]:
    """The module's result."""
    lease.require(system, admin_client(system), params["lock_id"])
    return joining.prepare(system, params)


def main() -> None:
    """Run as a module."""
    entry.changing("join preparation", work, ARGUMENTS)


if __name__ == "__main__":
    main()
