"""Look at a node and change nothing.

Tells what kind of machine the node is, its addresses and listening ports, and what of Kubernetes is on it.

It writes nothing, so it may be run on machines that are another's.

Args:
    ports: TCP ports to tell of; all when empty.
    paths: Paths whose file systems' free bytes are told.
    wait_lock: Seconds to wait until nobody changes the node; 0 only tells in ``facts`` of the result who does.

"""

from __future__ import annotations

from typing import Any

from ansible_collections.kubewright.cluster.plugins.module_utils import locks
from ansible_collections.kubewright.cluster.plugins.module_utils.entry import Call
from ansible_collections.kubewright.cluster.plugins.module_utils.probing import host, kubernetes, network
from ansible_collections.kubewright.cluster.plugins.module_utils.process import System

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


def work(system: System, params: dict[str, Any], _check: bool) -> dict[str, Any]:
    """The call's result."""
    if params["wait_lock"] <= 0:
        return {"changed": False, "facts": facts(params, system), "waited": 0.0}
    with locks.look(system, timeout=params["wait_lock"]) as held:
        return {"changed": False, "facts": facts(params, system), "waited": round(held.waited, 3)}


def facts(parameters: dict[str, Any], system: System) -> dict[str, Any]:
    """All that is asked of a node."""
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


CALL = Call(work, ARGUMENTS, check_mode=True)
