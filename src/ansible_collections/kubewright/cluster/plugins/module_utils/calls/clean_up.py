"""End a run on a living control plane: remove what only the run needed, and record what it achieved.

Removes kubewright's join tokens, uploaded keys and check pods.

Notes in the record which nodes know of which others, and forgets Nodes that were removed.

Done twice, it changes nothing the second time.

Its result may hold the administrator's kubeconfig, so tasks that use it need ``no_log``.

Args:
    tokens: Whether to remove join tokens and uploaded keys.
    check_pods: Whether to remove check pods.
    fan_out: By Node name, the digest of what that node knows of the others; merged into the record.
    removed: Node names whose removal is complete; the record forgets them.
    last: The run that this call ends, with verb, user, host, time and version; recorded as what was done last. Only
        where the run changed something, so that a run which changes nothing leaves no trace.
    changed_before: Whether the run changed something before this call.
    kubeconfig: Whether to return the administrator's kubeconfig.
    lock_id: The id under which the run holds the cluster's lock; given up at last.

"""

from __future__ import annotations

from typing import Any

from ansible_collections.kubewright.cluster.plugins.module_utils import (
    checkpods,
    files,
    joining,
    kubeconfig,
    leasekeeping,
    record,
)
from ansible_collections.kubewright.cluster.plugins.module_utils.entry import Call
from ansible_collections.kubewright.cluster.plugins.module_utils.kubeapi import admin_client
from ansible_collections.kubewright.cluster.plugins.module_utils.process import System

ARGUMENTS: dict[str, Any] = {
    "tokens": {"type": "bool", "default": False, "no_log": False},
    "check_pods": {"type": "bool", "default": False},
    "fan_out": {"type": "dict", "default": {}},
    "removed": {"type": "list", "elements": "str", "default": []},
    "last": {"type": "dict", "default": {}},
    "changed_before": {"type": "bool", "default": False},
    "kubeconfig": {"type": "bool", "default": False},
    "lock_id": {"type": "str", "default": ""},
}


def work(system: System, params: dict[str, Any], _check: bool) -> dict[str, Any]:
    """The call's result."""
    client = admin_client(system)
    changed = False
    if params["tokens"]:
        changed |= joining.cleanup(system, {"token_ids": [], "certificates": True})["changed"]
    if params["check_pods"]:
        changed |= bool(checkpods.delete_all(client))
    changed |= record.note_end(
        client,
        params["fan_out"],
        params["removed"],
        params["last"],
        changed_before=changed or params["changed_before"],
    )
    text = files.read_text(system.path(kubeconfig.ADMIN_CONF)) if params["kubeconfig"] else ""
    if params.get("lock_id"):
        leasekeeping.release(system, params["lock_id"])
    return {"changed": changed, "kubeconfig": text}


CALL = Call(work, ARGUMENTS, lock="clean up")
