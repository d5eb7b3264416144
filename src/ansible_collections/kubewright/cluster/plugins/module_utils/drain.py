"""Empty a node as ``kubectl drain --ignore-daemonsets --delete-emptydir-data`` does, by the Eviction API.

Pod disruption budgets are the API server's to judge: it answers 429 while a budget forbids an eviction, which is then
asked for again (https://kubernetes.io/docs/concepts/scheduling-eviction/api-eviction/).
"""

from __future__ import annotations

import time
from typing import Any, Iterator, Optional

from ansible_collections.kubewright.cluster.plugins.module_utils.errors import REFUSED, NodeError
from ansible_collections.kubewright.cluster.plugins.module_utils.kubeapi import ApiError, Client

PODS = "/api/v1/pods"
BUDGETS = "/apis/policy/v1/poddisruptionbudgets"
ATTACHMENTS = "/apis/storage.k8s.io/v1/volumeattachments"
_MIRROR = "kubernetes.io/config.mirror"
_INTERVAL_SECONDS = 1.0
_FIRST_SECONDS = 0.2
_SHARE = 0.05
"""Pods are looked at again after this share of what they have taken so far: a drain takes hardly longer than they."""
_SEVERAL_BUDGETS = "more than one PodDisruptionBudget"
"""In the answer 500 of the Eviction API (Kubernetes, pkg/registry/core/pod/storage/eviction.go); it never passes."""

_UNGUARDED = frozenset({"Succeeded", "Failed", "Pending"})
"""Phases of pods that are evicted whatever budgets say (the same file, canIgnorePDB)."""


Object = dict[str, Any]


def node_path(node: str) -> str:
    """The Node's path in the API."""
    return "/api/v1/nodes/%s" % node


def pods_on(client: Client, node: str) -> list[Object]:
    """All pods on the node."""
    return list(client.get(PODS, fieldSelector="spec.nodeName=%s" % node).get("items") or [])


def evictable(pod: Object) -> bool:
    """Whether a drain evicts the pod: not those of daemon sets, nor the mirrors of static pods."""
    metadata = pod["metadata"]
    return _MIRROR not in (metadata.get("annotations") or {}) and _controller(pod) != "DaemonSet"


def without_controller(pod: Object) -> bool:
    """Whether nothing will put the pod up again elsewhere."""
    return not _controller(pod)


def label(pod: Object) -> str:
    """The pod as ``namespace/name``."""
    return "%s/%s" % (pod["metadata"]["namespace"], pod["metadata"]["name"])


def cordon(client: Client, node: str) -> bool:
    """Let no new pods come to the node; whether that changed anything."""
    found = client.find(node_path(node))
    if found is None or (found.get("spec") or {}).get("unschedulable"):
        return False
    client.merge(node_path(node), {"spec": {"unschedulable": True}})
    return True


def drain(client: Client, node: str, timeout: float) -> list[str]:
    """Evict the node's pods and wait until they, and the volumes attached for them, are gone; the pods evicted.

    Volumes of pods that stay (daemon sets, static ones) stay attached and are not waited for.

    Args:
        client: the API.
        node: the Node's name; it is cordoned already.
        timeout: seconds for all of it.

    Raises:
        NodeError: not within ``timeout``, or never; the node stays cordoned and a later call goes on.
        ApiError: the API refused something that does not pass by itself.

    """
    begun = time.monotonic()
    evicted: list[str] = []
    while True:
        waiting, refused = _turn(client, node, evicted)
        if not waiting:
            return evicted
        taken = time.monotonic() - begun
        if taken >= timeout:
            raise NodeError(
                "drain of %s" % node,
                "not within %d s: %s%s" % (timeout, ", ".join(waiting), "; %s" % refused if refused else ""),
                "Make room for these pods elsewhere or delete them, then run the same command again",
            )
        time.sleep(_pause(taken, refused=bool(refused)))


def _pause(taken: float, *, refused: bool) -> float:
    """Seconds until the next turn of a drain that has taken so many; what was refused is not asked for more often."""
    return _INTERVAL_SECONDS if refused else min(_INTERVAL_SECONDS, max(_FIRST_SECONDS, taken * _SHARE))


def _turn(client: Client, node: str, evicted: list[str]) -> tuple[list[str], str]:
    """Ask once for every eviction; what is waited for, and the last refusal."""
    refused = ""
    waiting = []
    try:
        pods = pods_on(client, node)
        for pod in filter(evictable, pods):
            waiting.append("pod %s" % label(pod))
            if not pod["metadata"].get("deletionTimestamp"):
                refused = _evict(client, pod, evicted) or refused
        if not waiting:
            waiting = ["volume %s" % name for name in attached(client, node, pods)]
    except ApiError as error:
        if not error.passing:
            raise
        return waiting or ["the API"], str(error)
    return waiting, refused


def _evict(client: Client, pod: Object, evicted: list[str]) -> str:
    """Ask for the pod's eviction; why a budget forbids it now, else empty.

    Raises:
        NodeError: it will never be evicted.
        ApiError: the API refused it otherwise.

    """
    metadata = pod["metadata"]
    path = "/api/v1/namespaces/%s/pods/%s/eviction" % (metadata["namespace"], metadata["name"])
    body = {
        "apiVersion": "policy/v1",
        "kind": "Eviction",
        "metadata": {"name": metadata["name"], "namespace": metadata["namespace"]},
        # A pod of the same name that came since is not the one that was looked at.
        "deleteOptions": {"preconditions": {"uid": metadata["uid"]}},
    }
    try:
        client.create(path, body)
    except ApiError as error:
        if error.status in (404, 409):
            return ""
        if error.status == 429:
            return error.message
        if error.status == 500 and _SEVERAL_BUDGETS in error.message:
            raise NodeError(
                "pod %s" % label(pod),
                "it is never evicted: several disruption budgets select it",
                "Change their selectors so that one of them is left, or delete the pod yourself, then run again",
                REFUSED,
            ) from error
        raise
    evicted.append(label(pod))
    return ""


def attached(client: Client, node: str, staying: list[Object]) -> list[str]:
    """Names of the volumes' attachments to the node, without those of volumes that pods use which stay there."""
    items = client.get(ATTACHMENTS).get("items") or []
    here = [item for item in items if (item.get("spec") or {}).get("nodeName") == node]
    used = {volume for pod in staying for volume in _volumes(client, pod)} if here else set()
    return sorted(item["metadata"]["name"] for item in here if _volume(item) not in used)


def _volume(attachment: Object) -> str:
    """The PersistentVolume's name; empty for a volume that a pod has of its own (inlineVolumeSpec)."""
    return str((attachment["spec"].get("source") or {}).get("persistentVolumeName") or "")


def _volumes(client: Client, pod: Object) -> Iterator[str]:
    """Names of the PersistentVolumes that the pod uses, by its claims.

    An ephemeral volume's claim is named after the pod and the volume
    (https://kubernetes.io/docs/concepts/storage/ephemeral-volumes/#persistentvolumeclaim-naming).
    """
    metadata = pod["metadata"]
    for volume in (pod.get("spec") or {}).get("volumes") or []:
        claim = (volume.get("persistentVolumeClaim") or {}).get("claimName")
        if volume.get("ephemeral"):
            claim = "%s-%s" % (metadata["name"], volume["name"])
        if claim:
            found = client.find("/api/v1/namespaces/%s/persistentvolumeclaims/%s" % (metadata["namespace"], claim))
            name = ((found or {}).get("spec") or {}).get("volumeName")
            if name:
                yield str(name)


def delete_at_once(client: Client, node: str) -> list[str]:
    """Delete all pods of a node that is gone without waiting for its kubelet; their names."""
    gone = []
    for pod in pods_on(client, node):
        metadata = pod["metadata"]
        if client.delete("/api/v1/namespaces/%s/pods/%s" % (metadata["namespace"], metadata["name"]), grace=0):
            gone.append(label(pod))
    return gone


def budgets(client: Client, pods: list[Object]) -> list[Object]:
    """The disruption budgets that concern some of these pods, with what decides whether they can ever pass."""
    found = []
    guarded = [pod for pod in pods if (pod.get("status") or {}).get("phase") not in _UNGUARDED]
    for item in client.get(BUDGETS).get("items") or []:
        namespace = item["metadata"]["namespace"]
        spec, status = item.get("spec") or {}, item.get("status") or {}
        concerned = [label(pod) for pod in guarded if pod["metadata"]["namespace"] == namespace and _selects(spec, pod)]
        if concerned:
            found.append(
                {
                    "name": "%s/%s" % (namespace, item["metadata"]["name"]),
                    "pods": sorted(concerned),
                    "disruptions_allowed": status.get("disruptionsAllowed", 0),
                    "expected_pods": status.get("expectedPods", 0),
                    "max_unavailable": _text(spec.get("maxUnavailable")),
                    "min_available": _text(spec.get("minAvailable")),
                }
            )
    return found


def _text(value: Optional[Any]) -> str:
    return "" if value is None else str(value)


def _controller(pod: Object) -> str:
    owners = pod["metadata"].get("ownerReferences") or []
    return next((str(owner["kind"]) for owner in owners if owner.get("controller")), "")


def _selects(spec: Object, pod: Object) -> bool:
    """Whether a budget's selector matches: a missing one matches nothing, an empty one everything."""
    selector = spec.get("selector")
    labels = pod["metadata"].get("labels") or {}
    if selector is None:
        return False
    if any(labels.get(key) != value for key, value in (selector.get("matchLabels") or {}).items()):
        return False
    return all(_holds(expression, labels) for expression in selector.get("matchExpressions") or [])


def _holds(expression: Object, labels: dict[str, str]) -> bool:
    key, values = expression["key"], expression.get("values") or []
    return {
        "In": labels.get(key) in values,
        "NotIn": labels.get(key) not in values,
        "Exists": key in labels,
        "DoesNotExist": key not in labels,
    }[expression["operator"]]
