"""Take a node out of the cluster, from a living control plane that stays.

Does one part of it on a living control plane that stays; each part finds out what is left to do.

In check mode it tells which pods a drain would evict and which disruption budgets concern them.

Args:
    node: The Node's name.
    part: Cordon and drain, remove its etcd members, or delete the Node and note that it leaves.
    members: Hexadecimal ids of its etcd members.
    certificate_names: A control plane's own names in the others' certificates; they are recorded before the Node goes.
    offline: The node is dead. It is not drained, and its pods are deleted with the Node.
    drain_timeout: Seconds for the drain.

"""

from __future__ import annotations

from typing import Any

from ansible_collections.kubewright.cluster.plugins.module_utils import leaving
from ansible_collections.kubewright.cluster.plugins.module_utils.entry import Call
from ansible_collections.kubewright.cluster.plugins.module_utils.kubeapi import admin_client
from ansible_collections.kubewright.cluster.plugins.module_utils.process import System

ARGUMENTS: dict[str, Any] = {
    "node": {"type": "str", "required": True},
    "part": {"type": "str", "choices": ["drain", "members", "node"], "default": "drain"},
    "members": {"type": "list", "elements": "str", "default": []},
    "certificate_names": {"type": "list", "elements": "str", "default": []},
    "offline": {"type": "bool", "default": False},
    "drain_timeout": {"type": "float", "default": 600.0},
}

_PARTS = {"drain": leaving.drain_node, "members": leaving.remove_member, "node": leaving.delete_node}


def work(system: System, params: dict[str, Any], check: bool) -> dict[str, Any]:
    """The call's result."""
    if check:
        return dict(leaving.look(admin_client(system), params["node"]), changed=False)
    return _PARTS[params["part"]](system, params)


CALL = Call(work, ARGUMENTS, lock="remove node", check_mode=True)
