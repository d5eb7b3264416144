#!/usr/bin/python
# Copyright: the kubewright authors
# SPDX-License-Identifier: Apache-2.0
"""End a run on a living control plane: remove what only the run needed, and record what it achieved."""

from __future__ import annotations

from typing import Any

from ansible_collections.kubewright.cluster.plugins.module_utils import (
    checkpods,
    entry,
    files,
    joining,
    kubeconfig,
    leasekeeping,
    record,
)
from ansible_collections.kubewright.cluster.plugins.module_utils.kubeapi import Client, admin_client
from ansible_collections.kubewright.cluster.plugins.module_utils.process import System

DOCUMENTATION = r"""
module: clean_up
short_description: Remove what only a run needed and record what it achieved
description:
  - Removes kubewright's join tokens, uploaded keys and check pods.
  - Notes in the record which nodes know of which others, and forgets Nodes that were removed.
  - Done twice, it changes nothing the second time.
  - Its result may hold the administrator's kubeconfig, so tasks using it need C(no_log).
options:
  tokens:
    description: Whether to remove join tokens and uploaded keys.
    type: bool
    default: false
  check_pods:
    description: Whether to remove check pods.
    type: bool
    default: false
  fan_out:
    description: By Node name, the digest of what that node knows of the others; merged into the record.
    type: dict
    default: {}
  removed:
    description: Node names whose removal is complete; the record forgets them.
    type: list
    elements: str
    default: []
  last:
    description:
      - The run that this call ends, with verb, user, host, time and version; recorded as what was done last.
      - Only where the run changed something, so that a run which changes nothing leaves no trace.
    type: dict
    default: {}
  changed_before:
    description: Whether the run changed something before this call.
    type: bool
    default: false
  kubeconfig:
    description: Whether to return the administrator's kubeconfig.
    type: bool
    default: false
  lock_id:
    description: The id under which the run holds the cluster's lock; given up at last.
    type: str
    default: ""
extends_documentation_fragment: kubewright.cluster.locking
author: The kubewright authors (@kubewright)
"""

ARGUMENTS: dict[str, Any] = {
    "tokens": {"type": "bool", "default": False, "no_log": False},
    "check_pods": {"type": "bool", "default": False},
    "fan_out": {"type": "dict", "default": {}},
    "removed": {"type": "list", "elements": "str", "default": []},
    "last": {"type": "dict", "default": {}},
    "changed_before": {"type": "bool", "default": False},
    "kubeconfig": {"type": "bool", "default": False},
    "lock_id": {"type": "str", "default": ""},
}


def work(system: System, params: dict[str, Any], _check: bool) -> dict[str, Any]:
    """The module's result."""
    client = admin_client(system)
    changed = False
    if params["tokens"]:
        changed |= joining.cleanup(system, {"token_ids": [], "certificates": True})["changed"]
    if params["check_pods"]:
        changed |= bool(checkpods.delete_all(client))
    if params["fan_out"] or params["removed"]:
        changed |= record.note_complete(client, params["fan_out"], params["removed"])
    if params["last"] and (changed or params["changed_before"]):
        changed |= note_last(client, params["last"])
    text = files.read_text(system.path(kubeconfig.ADMIN_CONF)) if params["kubeconfig"] else ""
    if params.get("lock_id"):
        leasekeeping.release(system, params["lock_id"])
    return {"changed": changed, "kubeconfig": text}


def note_last(client: Client, last: dict[str, Any]) -> bool:
    """Record what was done last; whether that changed the record. Where there is no record, none is made."""
    before = record.read(client)
    return before is not None and record.write(client, dict(before, last=last))


def main() -> None:
    """Run as a module."""
    entry.changing("clean up", work, ARGUMENTS)


if __name__ == "__main__":
    main()
