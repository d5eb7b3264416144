#!/usr/bin/python
# Copyright: the kubewright authors
# SPDX-License-Identifier: Apache-2.0
"""Remove join tokens and uploaded keys."""

from __future__ import annotations

from typing import Any

from ansible_collections.kubewright.cluster.plugins.module_utils import entry, joining
from ansible_collections.kubewright.cluster.plugins.module_utils.process import System

DOCUMENTATION = r"""
module: join_cleanup
short_description: Remove join tokens and uploaded keys
description:
  - Removes kubewright's bootstrap tokens and the Secret kubeadm-certs. Done twice, it changes nothing the second time.
options:
  token_ids:
    description: Tokens to remove; all of kubewright's when empty.
    type: list
    elements: str
    default: []
  certificates:
    description: Whether to remove the uploaded keys.
    type: bool
    default: true
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
    "token_ids": {"type": "list", "elements": "str", "default": [], "no_log": False},
    "certificates": {"type": "bool", "default": True},
}


def work(system: System, params: dict[str, Any], _check: bool) -> dict[str, Any]:
    """The module's result."""
    return joining.cleanup(system, params)


def main() -> None:
    """Run as a module."""
    entry.changing("join cleanup", work, ARGUMENTS)


if __name__ == "__main__":
    main()
