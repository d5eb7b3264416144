"""Make and remove short-lived pods that answer by their own address.

Without ``create`` all check pods, also those of killed runs, are removed.

Args:
    create: Pods to make (name, node).
    image: An image of CoreDNS that is on the nodes already.
    timeout: Seconds for the pods to run.

"""

from __future__ import annotations

from typing import Any

from ansible_collections.kubewright.cluster.plugins.module_utils import checkpods
from ansible_collections.kubewright.cluster.plugins.module_utils.entry import Call
from ansible_collections.kubewright.cluster.plugins.module_utils.kubeapi import admin_client
from ansible_collections.kubewright.cluster.plugins.module_utils.process import System

ARGUMENTS: dict[str, Any] = {
    "create": {
        "type": "list",
        "elements": "dict",
        "default": [],
        "options": {"name": {"type": "str", "required": True}, "node": {"type": "str", "required": True}},
    },
    "image": {"type": "str", "default": ""},
    "timeout": {"type": "float", "default": 60.0},
}


def work(system: System, params: dict[str, Any], _check: bool) -> dict[str, Any]:
    """The call's result."""
    client = admin_client(system)
    if not params["create"]:
        removed = checkpods.delete_all(client)
        return {"changed": bool(removed), "removed": removed}
    return dict(checkpods.create_all(client, params["create"], params["image"], params["timeout"]), changed=True)


CALL = Call(work, ARGUMENTS, lock="check pods")
