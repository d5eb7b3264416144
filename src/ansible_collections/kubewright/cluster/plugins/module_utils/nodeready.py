"""Wait until this node is Ready in the cluster after its kubelet or container engine was restarted."""

from __future__ import annotations

import datetime as dt
import time
import urllib.parse
from typing import Any, Optional, Sequence

from ansible_collections.kubewright.cluster.plugins.module_utils import clusterstate, kubeconfig
from ansible_collections.kubewright.cluster.plugins.module_utils.errors import NodeError
from ansible_collections.kubewright.cluster.plugins.module_utils.kubeapi import ApiError, Client
from ansible_collections.kubewright.cluster.plugins.module_utils.process import System

KUBELET = "kubelet"
DISRUPTING = frozenset({KUBELET, "containerd"})
"""Units whose restart a node may not survive."""

_REQUEST_TIMEOUT = 5.0
_INTERVAL = 0.5


def wait(system: System, name: str, restarted: Sequence[str], *, since: float, timeout: float) -> None:
    """Wait until the Node is Ready by what a restarted kubelet itself has reported since.

    A kubelet reports when it has started; one that went on does so only every few minutes, so that after a restart of
    the engine alone the condition is taken as it is.

    Args:
        system: the node.
        name: of its Node.
        restarted: units that were restarted.
        since: when the last restart began, in seconds since the epoch by this node's clock, which the kubelet's is.
        timeout: seconds.

    Raises:
        NodeError: not within ``timeout``.

    """
    if not DISRUPTING.intersection(restarted):
        return
    reported = since if KUBELET in restarted else 0.0
    deadline = time.monotonic() + timeout
    while True:
        reason = _complaint(system, name, reported)
        if not reason:
            return
        if time.monotonic() >= deadline:
            units = " and ".join(sorted(DISRUPTING.intersection(restarted)))
            raise NodeError(
                "Node %s" % name,
                "not Ready within %d s after the restart of %s: %s" % (timeout, units, reason),
                "Look at: journalctl -u kubelet -u containerd; correct the setting, then run again",
            )
        time.sleep(_INTERVAL)


def _complaint(system: System, name: str, reported: float) -> str:
    """Why it is not Ready yet; empty where it is."""
    try:
        # By its own credentials, as read now: the kubelet renews them.
        config = kubeconfig.load(system, kubeconfig.KUBELET_CONF)
        node = Client(system, config, timeout=_REQUEST_TIMEOUT).get("/api/v1/nodes/" + urllib.parse.quote(name))
    except ApiError as error:
        return "the API does not answer: %s" % error
    condition = _condition(node)
    if condition is None or _seconds(condition.get("lastHeartbeatTime")) < int(reported):
        return "the kubelet has not reported since"
    if not clusterstate.ready(node):
        return str(condition.get("message") or condition.get("reason") or "it is not Ready")
    return ""


def _condition(node: dict[str, Any]) -> Optional[dict[str, Any]]:
    conditions = (node.get("status") or {}).get("conditions") or []
    return next((entry for entry in conditions if entry["type"] == "Ready"), None)


def _seconds(stamp: Any) -> float:
    """A time of the API's in seconds since the epoch; 0 where there is none."""
    if not stamp:
        return 0.0
    return dt.datetime.strptime(str(stamp), "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=dt.timezone.utc).timestamp()
