"""Wait until workloads run."""

from __future__ import annotations

from typing import Any, Optional

from ansible_collections.kubewright.cluster.plugins.module_utils.errors import NodeError
from ansible_collections.kubewright.cluster.plugins.module_utils.kubeapi import Client, wait_until
from ansible_collections.kubewright.cluster.plugins.module_utils.process import System

_PLURALS = {"DaemonSet": "daemonsets", "Deployment": "deployments"}


def wait(client: Client, workloads: list[dict[str, Any]], timeout: float) -> None:
    """Wait for DaemonSets and Deployments ({kind, namespace, name}), one after the other, ``timeout`` seconds each.

    Raises:
        NodeError: one is not available in time.

    """
    for entry in workloads:
        path = "/apis/apps/v1/namespaces/%s/%s/%s" % (entry["namespace"], _PLURALS[entry["kind"]], entry["name"])
        wait_until(
            "%s %s/%s" % (entry["kind"], entry["namespace"], entry["name"]),
            lambda path=path, kind=entry["kind"]: _available(client, path, kind),  # type: ignore[misc]
            timeout,
            "Look at its pods: kubectl -n %s get pods -o wide" % entry["namespace"],
        )


def wait_for_file(system: System, path: str, timeout: float) -> bool:
    """Wait until a file is there; whether it came in time.

    That it did not is no error here: what needs it is checked on its own, and tells more.
    """
    try:
        wait_until("file %s" % path, lambda: True if system.path(path).exists() else None, timeout)
    except NodeError:
        return False
    return True


def _available(client: Client, path: str, kind: str) -> Optional[bool]:
    item = client.get(path)
    status = item.get("status") or {}
    if status.get("observedGeneration", 0) < item["metadata"]["generation"]:
        return None
    if kind == "Deployment":
        return deployment_available(item) or None
    return daemon_set_available(item, _silent_nodes(client)) or None


def deployment_available(item: dict[str, Any]) -> bool:
    """Whether all replicas are of the newest template and enough of them run; pure.

    The Available condition allows for the Deployment's maxUnavailable.
    """
    status = item.get("status") or {}
    replicas = (item.get("spec") or {}).get("replicas", 1)
    conditions = status.get("conditions") or []
    available = any(entry["type"] == "Available" and entry["status"] == "True" for entry in conditions)
    return available and status.get("updatedReplicas", 0) >= replicas


def daemon_set_available(item: dict[str, Any], silent_nodes: int) -> bool:
    """Whether it runs wherever it should; a pod may be missing for each node whose kubelet has gone silent; pure."""
    status = item.get("status") or {}
    wanted = status.get("desiredNumberScheduled", 0)
    current = min(status.get("numberAvailable", 0), status.get("updatedNumberScheduled", 0))
    return bool(wanted) and current >= wanted - silent_nodes


def _silent_nodes(client: Client) -> int:
    nodes = client.get("/api/v1/nodes").get("items") or []
    return sum(1 for node in nodes if _unknown(node))


def _unknown(node: dict[str, Any]) -> bool:
    conditions = (node.get("status") or {}).get("conditions") or []
    return any(entry["type"] == "Ready" and entry["status"] == "Unknown" for entry in conditions)
