#!/usr/bin/python
# Copyright: the kubewright authors
# SPDX-License-Identifier: Apache-2.0
"""The cluster's lock on one control plane: take, renew, give up, show."""

from __future__ import annotations

from typing import Any

from ansible_collections.kubewright.cluster.plugins.module_utils import entry, leasekeeping
from ansible_collections.kubewright.cluster.plugins.module_utils.errors import INTERNAL, NodeError
from ansible_collections.kubewright.cluster.plugins.module_utils.process import System

DOCUMENTATION = r"""
module: run_lock
short_description: Take, renew, give up or show the cluster's lock
description:
  - The lock is the Lease kube-system/kubewright and, before there is an API, a file on the control planes.
  - It does not take the node's lock, so it can go on beside any other module.
options:
  action:
    description:
      - C(acquire) takes it or tells who has it; C(renew) renews it once; C(keep) renews it until it is lost or its
        output is not read any more; C(release) gives it up, or breaks another's, by its id; C(show) tells who has it.
    type: str
    choices: [acquire, renew, keep, release, show]
    required: true
  kind:
    description: Where to take it. C(both) is for a run that outlives the cluster.
    type: str
    choices: [lease, file, both]
    default: lease
  holder:
    description: Who takes it, texts by name, with its id.
    type: dict
    default: {}
  id:
    description: The holder that is renewed, or whose lock is given up.
    type: str
    default: ""
  dead:
    description: The id of a holder that is known to have ended.
    type: str
    default: ""
  watch:
    description: Whether to see if a holder still renews, and to take its place if not.
    type: bool
    default: false
  expected:
    description: The Lease's version when the cluster was looked at.
    type: str
  servers:
    description: URLs of other API servers, through which it is renewed while this host's own does not answer.
    type: list
    elements: str
    default: []
author: The kubewright authors (@kubewright)
"""

ARGUMENTS: dict[str, Any] = {
    "action": {"type": "str", "choices": ["acquire", "renew", "keep", "release", "show"], "required": True},
    "kind": {"type": "str", "choices": ["lease", "file", "both"], "default": "lease"},
    "holder": {"type": "dict", "default": {}},
    "id": {"type": "str", "default": ""},
    "dead": {"type": "str", "default": ""},
    "watch": {"type": "bool", "default": False},
    "expected": {"type": "str"},
    "servers": {"type": "list", "elements": "str", "default": []},
}


def work(system: System, params: dict[str, Any], _check: bool) -> dict[str, Any]:
    """The module's result."""
    action = params["action"]
    if action == "acquire":
        return leasekeeping.acquire(system, params)
    if action == "show":
        return dict(leasekeeping.show(system), changed=False)
    if not params["id"]:
        raise NodeError("run_lock", "no id was given", "", INTERNAL)
    if action == "release":
        return {"changed": leasekeeping.release(system, params["id"])}
    kept = (leasekeeping.renew if action == "renew" else leasekeeping.keep)(system, params["id"], params["servers"])
    return {"changed": True, "kept": kept.value}


def main() -> None:
    """Run as a module."""
    entry.beside(work, ARGUMENTS)


if __name__ == "__main__":
    main()
