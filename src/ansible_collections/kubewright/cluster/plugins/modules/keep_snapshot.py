#!/usr/bin/python
# Copyright: the kubewright authors
# SPDX-License-Identifier: Apache-2.0
"""Keep a copy of etcd's data on this control plane."""

from __future__ import annotations

from typing import Any

from ansible_collections.kubewright.cluster.plugins.module_utils import entry, lease, snapshots
from ansible_collections.kubewright.cluster.plugins.module_utils.kubeapi import admin_client
from ansible_collections.kubewright.cluster.plugins.module_utils.process import System

DOCUMENTATION = r"""
module: keep_snapshot
short_description: Keep a copy of etcd's data on this control plane
description:
  - Takes a snapshot through this node's member and keeps it with the newest ones before it, readable by root only.
options:
  certificates_directory:
    description: kubeadm's certificatesDir.
    type: str
    required: true
  etcd_data_directory:
    description: etcd's data directory, for the room that a copy needs.
    type: str
    required: true
  lock_id:
    description: The id under which the run holds the cluster's lock; refused where it does not hold it any more.
    type: str
    default: ""
  run:
    description: The run that this call belongs to, for the node lock.
    type: str
    default: ""
  lock_timeout:
    description: Seconds to wait for another holder of the node lock.
    type: float
    default: 600
author: The kubewright authors (@kubewright)
"""

ARGUMENTS: dict[str, Any] = {
    "certificates_directory": {"type": "str", "required": True},
    "etcd_data_directory": {"type": "str", "required": True},
    "lock_id": {"type": "str", "default": ""},
}


def work(system: System, params: dict[str, Any], _check: bool) -> dict[str, Any]:
    """The module's result."""
    lease.require(system, admin_client(system), params["lock_id"])
    kept = snapshots.keep(system, params["certificates_directory"], params["etcd_data_directory"])
    return {"changed": True, "snapshot": kept}


def main() -> None:
    """Run as a module."""
    entry.changing("etcd snapshot", work, ARGUMENTS)


if __name__ == "__main__":
    main()
