#!/usr/bin/python
# Copyright: the kubewright authors
# SPDX-License-Identifier: Apache-2.0
"""Tell the state of the whole cluster from one control plane."""

from __future__ import annotations

from typing import Any

from ansible_collections.kubewright.cluster.plugins.module_utils import clusterstate, entry
from ansible_collections.kubewright.cluster.plugins.module_utils.process import System

DOCUMENTATION = r"""
module: cluster_state
short_description: Tell the state of the whole cluster from one control plane
description:
  - Reads nodes, etcd members, API servers, kubeadm's configuration, tokens (never their secrets), certificates' expiry,
    the lock and kubewright's own record in one call. Changes nothing.
  - With O(details), which certificates the other API servers, etcd members and kubelets show is seen by TLS
    handshakes, all within a second; who did not answer in time is told as such.
  - Where there is no cluster, or its API does not answer, that is the answer and not a failure, so that another control
    plane can be asked.
options:
  timeout:
    description: Seconds for each request. An API server's first answers have 5 at most, etcd's 3 where that is silent.
    type: float
    default: 5
  server:
    description: URL of another API server than the control plane's own.
    type: str
    default: ""
  details:
    description:
      - Whether to tell what no decision of a run depends on, the conditions of Nodes and the certificates that servers
        show.
      - That is most of the answer of a large cluster, and most of its time. Without it both lists are empty.
    type: bool
    default: true
author: The kubewright authors (@kubewright)
"""

ARGUMENTS: dict[str, Any] = {
    "timeout": {"type": "float", "default": 5.0},
    "server": {"type": "str", "default": ""},
    "details": {"type": "bool", "default": True},
}


def work(system: System, params: dict[str, Any], _check: bool) -> dict[str, Any]:
    """The module's result."""
    return clusterstate.observe(system, timeout=params["timeout"], server=params["server"], details=params["details"])


def main() -> None:
    """Run as a module."""
    entry.reading(work, ARGUMENTS)


if __name__ == "__main__":
    main()
