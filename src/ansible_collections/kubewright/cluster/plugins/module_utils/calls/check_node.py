"""Check from a node that it is a working part of the cluster.

Node Ready, the API through the node's endpoint, cluster DNS through the service address, pods on other nodes by their
own addresses; in parallel, until they hold or the deadline has passed.

A check that does not hold is told in the result, not a failure of the call.

Args:
    node_name: The Node's name.
    endpoint: URL of the API that the node uses.
    dns_server: Service address of the cluster DNS; no such check when empty.
    dns_domain: The cluster's DNS domain.
    peers: Check pods (name, ip) that have to answer.
    deadline: Seconds for all checks together.

"""

from __future__ import annotations

from typing import Any

from ansible_collections.kubewright.cluster.plugins.module_utils import nodecheck
from ansible_collections.kubewright.cluster.plugins.module_utils.entry import Call
from ansible_collections.kubewright.cluster.plugins.module_utils.process import System

ARGUMENTS: dict[str, Any] = {
    "node_name": {"type": "str", "required": True},
    "endpoint": {"type": "str", "required": True},
    "dns_server": {"type": "str", "default": ""},
    "dns_domain": {"type": "str", "default": "cluster.local"},
    "peers": {
        "type": "list",
        "elements": "dict",
        "default": [],
        "options": {"name": {"type": "str", "required": True}, "ip": {"type": "str", "required": True}},
    },
    "deadline": {"type": "float", "default": 60.0},
}


def work(system: System, params: dict[str, Any], _check: bool) -> dict[str, Any]:
    """The call's result."""
    checks = nodecheck.check(system, params)
    return {"changed": False, "checks": checks, "ok": all(one["ok"] for one in checks)}


CALL = Call(work, ARGUMENTS, check_mode=True)
