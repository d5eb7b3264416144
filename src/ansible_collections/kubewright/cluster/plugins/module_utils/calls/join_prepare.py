"""Make a living control plane ready for joins.

Makes a short-lived bootstrap token, uploads the control plane's keys (encrypted) for joining control planes, and
removes etcd members that are in the way. Tokens of killed runs are removed.

Its result holds secrets, so tasks that use it need ``no_log``.

Args:
    control_planes: Whether control planes will join.
    cluster_configuration: ClusterConfiguration with new control planes' names, to put in the place of the live one.
    ttl_minutes: How long the token is good for.
    keys_ttl_minutes: How long the uploaded keys are good for; kubeadm's own two hours at most.
    server: URL of the control plane that joining nodes talk to; by default this one's own API server.
    replace_members: Hosts that will join anew as control planes; their members (name, peer_ip, empty) are removed if
        that is safe now.
    lock_id: The id under which the run holds the cluster's lock; refused where it does not hold it any more.

"""

from __future__ import annotations

from typing import Any

from ansible_collections.kubewright.cluster.plugins.module_utils import joining, lease
from ansible_collections.kubewright.cluster.plugins.module_utils.entry import Call
from ansible_collections.kubewright.cluster.plugins.module_utils.kubeapi import admin_client
from ansible_collections.kubewright.cluster.plugins.module_utils.process import System

ARGUMENTS: dict[str, Any] = {
    "control_planes": {"type": "bool", "default": False},
    "cluster_configuration": {"type": "str"},
    "ttl_minutes": {"type": "int", "default": 15},
    "keys_ttl_minutes": {"type": "int", "default": 15},
    "server": {"type": "str", "default": ""},
    "lock_id": {"type": "str", "default": ""},
    "replace_members": {
        "type": "list",
        "elements": "dict",
        "default": [],
        "options": {
            "name": {"type": "str", "required": True},
            "peer_ip": {"type": "str", "required": True},
            "empty": {"type": "bool", "default": False},
        },
    },
}


def work(system: System, params: dict[str, Any], _check: bool) -> dict[str, Any]:
    """The call's result."""
    lease.require(system, admin_client(system), params["lock_id"])
    return joining.prepare(system, params)


CALL = Call(work, ARGUMENTS, lock="join preparation")
