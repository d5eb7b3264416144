"""The cluster's lock on one control plane: take, renew, give up, show.

The lock is the Lease kube-system/kubewright and, before there is an API, a file on the control planes.

It does not take the node's lock, so it can go on beside any other call.

Args:
    action: ``acquire`` takes it or tells who has it; ``renew`` renews it once; ``keep`` renews it until it is lost or
        its output is not read any more; ``release`` gives it up, or breaks another's, by its id; ``show`` tells who has
        it.
    kind: Where to take it. ``both`` is for a run that outlives the cluster.
    holder: Who takes it, texts by name, with its id.
    id: The holder that is renewed, or whose lock is given up.
    dead: The id of a holder that is known to have ended.
    watch: Whether to see if a holder still renews, and to take its place if not.
    expected: The Lease's version when the cluster was looked at.
    servers: URLs of other API servers, through which it is renewed while this host's own does not answer.

"""

from __future__ import annotations

from typing import Any

from ansible_collections.kubewright.cluster.plugins.module_utils import leasekeeping
from ansible_collections.kubewright.cluster.plugins.module_utils.entry import Call
from ansible_collections.kubewright.cluster.plugins.module_utils.errors import INTERNAL, NodeError
from ansible_collections.kubewright.cluster.plugins.module_utils.process import System

ARGUMENTS: dict[str, Any] = {
    "action": {"type": "str", "choices": ["acquire", "renew", "keep", "release", "show"], "required": True},
    "kind": {"type": "str", "choices": ["lease", "file", "both"], "default": "lease"},
    "holder": {"type": "dict", "default": {}},
    "id": {"type": "str", "default": ""},
    "dead": {"type": "str", "default": ""},
    "watch": {"type": "bool", "default": False},
    "expected": {"type": "str"},
    "servers": {"type": "list", "elements": "str", "default": []},
}


def work(system: System, params: dict[str, Any], _check: bool) -> dict[str, Any]:
    """The call's result."""
    action = params["action"]
    if action == "acquire":
        return leasekeeping.acquire(system, params)
    if action == "show":
        return dict(leasekeeping.show(system), changed=False)
    if not params["id"]:
        raise NodeError("run_lock", "no id was given", "", INTERNAL)
    if action == "release":
        return {"changed": leasekeeping.release(system, params["id"])}
    kept = (leasekeeping.renew if action == "renew" else leasekeeping.keep)(system, params["id"], params["servers"])
    return {"changed": True, "kept": kept.value}


CALL = Call(work, ARGUMENTS)
