#!/usr/bin/python
# Copyright: the kubewright authors
# SPDX-License-Identifier: Apache-2.0
"""Look at a node and change nothing."""

from __future__ import annotations

from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.kubewright.cluster.plugins.module_utils import locks
from ansible_collections.kubewright.cluster.plugins.module_utils.errors import NodeError, failure
from ansible_collections.kubewright.cluster.plugins.module_utils.probing import host, kubernetes, network
from ansible_collections.kubewright.cluster.plugins.module_utils.process import System

DOCUMENTATION = r"""
module: probe
short_description: Look at a node and change nothing
version_added: 0.1.0
description:
  - Tells what kind of machine the node is, its addresses and listening ports, and what of Kubernetes is on it.
  - It writes nothing, so it may be run on machines that are another's.
author: The kubewright authors (@kubewright)
options:
  ports:
    description: TCP ports to tell of; all when empty.
    type: list
    elements: int
    default: []
  paths:
    description: Paths whose file systems' free bytes are told.
    type: list
    elements: str
    default:
      - /
      - /etc
      - /usr/local/bin
      - /opt
      - /var/lib
      - /var/lib/containerd
      - /var/lib/etcd
      - /var/lib/kubelet
      - /var/lib/kubewright
  wait_lock:
    description: Seconds to wait until nobody changes the node; 0 only tells in RV(facts) who does.
    type: float
    default: 0
attributes:
  check_mode:
    support: full
    description: It never changes anything.
"""

EXAMPLES = r"""
- name: Probe the node
  kubewright.cluster.probe:
  register: probed
"""

RETURN = r"""
facts:
  description:
    - hostname, os, architecture, python, kernel, machine_id, cgroup, default_ipv4, addresses, swap_total_kb,
      memory_total_kb, cpus, time, disk_free (bytes by path), listening_ports (addresses by port), kubernetes,
      kubewright, busy, ssh_client, uid, package_manager, systemd.
  type: dict
  returned: success
waited:
  description: Seconds that the node's lock was waited for.
  type: float
  returned: success
"""

ARGUMENTS: dict[str, Any] = {
    "ports": {"type": "list", "elements": "int", "default": []},
    "paths": {
        "type": "list",
        "elements": "str",
        "default": [
            "/",
            "/etc",
            "/usr/local/bin",
            "/opt",
            "/var/lib",
            "/var/lib/containerd",
            "/var/lib/etcd",
            "/var/lib/kubelet",
            "/var/lib/kubewright",
        ],
    },
    "wait_lock": {"type": "float", "default": 0.0},
}


def run(parameters: dict[str, Any], system: System) -> dict[str, Any]:
    """Return the module's result."""
    if parameters["wait_lock"] <= 0:
        return {"changed": False, "facts": facts(parameters, system), "waited": 0.0}
    with locks.look(system, timeout=parameters["wait_lock"]) as held:
        return {"changed": False, "facts": facts(parameters, system), "waited": round(held.waited, 3)}


def facts(parameters: dict[str, Any], system: System) -> dict[str, Any]:
    """Return all that is asked of a node."""
    return {
        **host.machine(system),
        "default_ipv4": network.default_ipv4(system),
        "addresses": network.addresses(system),
        "listening_ports": network.listening(system, parameters["ports"]),
        "disk_free": host.disk_free(system, parameters["paths"]),
        "kubernetes": kubernetes.kubernetes(system),
        "kubewright": kubernetes.own_record(system),
        "busy": locks.holder(system),
        "ssh_client": host.ssh_client(system),
    }


def main() -> None:
    """Run as an Ansible module."""
    module = AnsibleModule(argument_spec=ARGUMENTS, supports_check_mode=True)
    try:
        result = run(module.params, System())
    except (NodeError, OSError) as error:
        module.fail_json(**failure(error))
    else:
        module.exit_json(**result)


if __name__ == "__main__":
    main()
