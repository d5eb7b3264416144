"""Tell the state of the whole cluster from one control plane.

Reads nodes, etcd members, API servers, kubeadm's configuration, tokens (never their secrets), certificates' expiry, the
lock and kubewright's own record in one call. Changes nothing.

With ``details``, which certificates the other API servers, etcd members and kubelets show is seen by TLS handshakes,
all within a second; who did not answer in time is told as such.

Where there is no cluster, or its API does not answer, that is the answer and not a failure, so that another control
plane can be asked.

Args:
    timeout: Seconds for each request. An API server's first answers have 5 at most, etcd's 3 where that is silent.
    server: URL of another API server than the control plane's own.
    details: Whether to tell what no decision of a run depends on, the conditions of Nodes and the certificates that
        servers show. That is most of the answer of a large cluster, and most of its time. Without it both lists are
        empty.

"""

from __future__ import annotations

import json
from typing import Any

from ansible_collections.kubewright.cluster.plugins.module_utils import clusterstate
from ansible_collections.kubewright.cluster.plugins.module_utils.entry import Call
from ansible_collections.kubewright.cluster.plugins.module_utils.process import System

ARGUMENTS: dict[str, Any] = {
    "timeout": {"type": "float", "default": 5.0},
    "server": {"type": "str", "default": ""},
    "details": {"type": "bool", "default": True},
}


def work(system: System, params: dict[str, Any], _check: bool) -> dict[str, Any]:
    """The call's result: ``state`` is JSON in a text.

    On the node Ansible copies each value of a result to look for secrets: a tenth of a second for a thousand Nodes.
    """
    timeout, server, details = (params[name] for name in ("timeout", "server", "details"))
    state = clusterstate.observe(system, timeout=timeout, server=server, details=details)
    return {"changed": False, "state": json.dumps(state)}


CALL = Call(work, ARGUMENTS, check_mode=True)
