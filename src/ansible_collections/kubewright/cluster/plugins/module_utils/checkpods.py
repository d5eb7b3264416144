"""Short-lived pods that answer by their own address, so that nodes can check the pod network.

CoreDNS without a Corefile serves its *whoami* plugin, so an image that every cluster has is all that is needed.
"""

from __future__ import annotations

import urllib.parse
from typing import Any, Optional

from ansible_collections.kubewright.cluster.plugins.module_utils.errors import NodeError
from ansible_collections.kubewright.cluster.plugins.module_utils.kubeapi import Client, wait_until

LABEL = "kubewright.io/check"
PORT = 5353
_PODS = "/api/v1/namespaces/kube-system/pods"


def manifest(name: str, node: str, image: str) -> dict[str, Any]:
    """The check pod for one node."""
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": name,
            "namespace": "kube-system",
            "labels": {LABEL: "true", "app.kubernetes.io/managed-by": "kubewright"},
        },
        "spec": {
            "nodeName": node,
            "restartPolicy": "Never",
            "terminationGracePeriodSeconds": 0,
            "automountServiceAccountToken": False,
            "enableServiceLinks": False,
            "tolerations": [{"operator": "Exists"}],
            "securityContext": {
                "runAsNonRoot": True,
                "runAsUser": 65532,
                "runAsGroup": 65532,
                "seccompProfile": {"type": "RuntimeDefault"},
            },
            "containers": [_container(image)],
        },
    }


def _container(image: str) -> dict[str, Any]:
    return {
        "name": "answer",
        "image": image,
        "imagePullPolicy": "Never",
        "args": ["-dns.port=%d" % PORT],
        "resources": {"requests": {"cpu": "1m", "memory": "16Mi"}, "limits": {"memory": "64Mi"}},
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            # The published image's binary carries this capability: without it in the bounding set it could not even be
            # started.
            "capabilities": {"drop": ["ALL"], "add": ["NET_BIND_SERVICE"]},
        },
    }


def count(client: Client) -> int:
    """How many check pods there are; after a run there are none."""
    return len(client.get(_PODS, labelSelector=LABEL).get("items") or [])


def delete_all(client: Client) -> list[str]:
    """Delete every check pod, also those of killed runs; their names."""
    found = client.get(_PODS, labelSelector=LABEL).get("items") or []
    return [item["metadata"]["name"] for item in found if client.delete(_path(item["metadata"]["name"]), grace=0)]


def create_all(client: Client, wanted: list[dict[str, str]], image: str, timeout: float) -> dict[str, Any]:
    """Make the pods ([{name, node}]) and wait until each runs; {pods: {name: ip}, silent: {name: reason}}.

    Pods that are in the way are deleted first. A pod that does not come up in time is told, not raised: the other
    nodes' checks go on.
    """
    delete_all(client)
    wait_until(
        "earlier check pods to be gone",
        lambda: None if client.get(_PODS, labelSelector=LABEL).get("items") else True,
        timeout,
    )
    for entry in wanted:
        client.create(_PODS, manifest(entry["name"], entry["node"], image))
    pods: dict[str, str] = {}

    def all_answered() -> Optional[bool]:
        items = client.get(_PODS, labelSelector=LABEL).get("items") or []
        pods.clear()
        pods.update({item["metadata"]["name"]: item["status"]["podIP"] for item in items if _runs(item)})
        return True if len(pods) >= len(wanted) else None

    try:
        wait_until("check pods", all_answered, timeout)
    except NodeError:
        failed = {entry["name"]: _reason(client, entry["name"]) for entry in wanted if entry["name"] not in pods}
        return {"pods": pods, "silent": failed}
    return {"pods": pods, "silent": {}}


def _runs(item: dict[str, Any]) -> bool:
    status = item.get("status") or {}
    return status.get("phase") == "Running" and bool(status.get("podIP"))


def _reason(client: Client, name: str) -> str:
    item = client.find(_path(name))
    status = (item or {}).get("status") or {}
    for container in status.get("containerStatuses") or []:
        for state in ("waiting", "terminated"):
            told = (container.get("state") or {}).get(state)
            if told:
                return "%s: %s" % (told.get("reason", state), told.get("message", ""))
    return status.get("message") or status.get("reason") or "phase %s" % status.get("phase", "unknown")


def _path(name: str) -> str:
    return "%s/%s" % (_PODS, urllib.parse.quote(name))
