#!/usr/bin/python
# Copyright: the kubewright authors
# SPDX-License-Identifier: Apache-2.0
"""Make the first control plane with kubeadm."""

from __future__ import annotations

from typing import Any

from ansible_collections.kubewright.cluster.plugins.module_utils import entry, initialise
from ansible_collections.kubewright.cluster.plugins.module_utils.process import System

DOCUMENTATION = r"""
module: kubeadm_init
short_description: Make the first control plane with kubeadm
description:
  - Runs C(kubeadm init) and writes kubewright's record into the new cluster. An earlier call that was killed is
    finished, or taken back and done again.
  - Only what this module itself began (by its marker in /etc/kubewright/init.json) is ever taken back.
options:
  config:
    description: InitConfiguration and what belongs to it, YAML. No bootstrapTokens.
    type: str
    required: true
  record:
    description: The record to write into ConfigMap kube-system/kubewright.
    type: dict
    required: true
  ignore_preflight_errors:
    description: Names of kubeadm's checks whose errors are warnings.
    type: list
    elements: str
    default: []
  lock:
    description: The holder of the cluster's lock, which is put into the new cluster.
    type: dict
    default: {}
  timeout:
    description: Seconds for kubeadm.
    type: float
    default: 600
extends_documentation_fragment: kubewright.cluster.locking
author: The kubewright authors (@kubewright)
"""

ARGUMENTS: dict[str, Any] = {
    "config": {"type": "str", "required": True},
    "record": {"type": "dict", "required": True},
    "ignore_preflight_errors": {"type": "list", "elements": "str", "default": []},
    "lock": {"type": "dict", "default": {}},
    "timeout": {"type": "float", "default": 600.0},
}


def work(system: System, params: dict[str, Any], _check: bool) -> dict[str, Any]:
    """The module's result."""
    return initialise.initialise(system, params)


def main() -> None:
    """Run as a module."""
    entry.changing("kubeadm init", work, ARGUMENTS)


if __name__ == "__main__":
    main()
