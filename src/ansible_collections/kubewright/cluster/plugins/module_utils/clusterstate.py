"""The whole cluster as one control plane tells it, asked for in parallel."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Optional

from ansible_collections.kubewright.cluster.plugins.module_utils import (
    certificates,
    checkpods,
    kubeconfig,
    lease,
    markers,
    membership,
    objectrefs,
    record,
    servers,
    tokens,
)
from ansible_collections.kubewright.cluster.plugins.module_utils.errors import NodeError
from ansible_collections.kubewright.cluster.plugins.module_utils.kubeapi import ApiError, Client, admin_client
from ansible_collections.kubewright.cluster.plugins.module_utils.late import late
from ansible_collections.kubewright.cluster.plugins.module_utils.process import System

if TYPE_CHECKING:
    from concurrent import futures
else:
    futures = late("concurrent.futures")

DEFAULT_CERTIFICATES = "/etc/kubernetes/pki"
DIGEST = "kubewright.io/digest"
FIRST_SECONDS = 5.0
"""For the first answers of an API server, two small objects: one that has not given them by then is silent."""
LOCAL_SECONDS = 3.0
"""For each answer of etcd where the API server is silent: whoever asks has waited for that one already."""
DAMAGED = "damaged"
"""Stands for the phase of a kubeadm run whose marker cannot be read."""
_ROLE = "node-role.kubernetes.io/control-plane"

_AT_ONCE = 4
"""Questions at a time: each thread has a connection of its own, and opening one takes longer than most answers."""


def observe(system: System, *, timeout: float, server: str = "", details: bool = True) -> dict[str, Any]:
    """What ``cluster_state`` returns; never fails because a cluster is absent, silent, half made or damaged.

    Args:
        system: the node.
        timeout: seconds for each request.
        server: another API server than the node's own.
        details: whether to tell the conditions of Nodes and the certificates that servers show.

    """
    head = {"changed": False, **_begun(system), "run_lock": _file_lock(system)}
    if not system.path(kubeconfig.ADMIN_CONF).exists():
        return dict(head, present=False, answers=False, reason="no %s" % kubeconfig.ADMIN_CONF)
    try:
        first = admin_client(system, server=server, timeout=min(timeout, FIRST_SECONDS))
        version = first.get("/version").get("gitVersion", "")
        # An API server tells its version without etcd; this it does not.
        configuration = cluster_configuration(first)
        client = first.elsewhere(first.server, timeout=timeout)
        state = _state(system, client, configuration, timeout, details=details)
    except record.DamagedError as error:
        local = _local(system, timeout)
        return dict(head, present=True, answers=False, reason=str(error), record_error=error.to_json(), **local)
    except (ApiError, NodeError) as error:
        local = _local(system, min(timeout, LOCAL_SECONDS))
        return dict(head, present=True, answers=False, reason=str(error), **local)
    return dict(head, present=True, answers=True, reason="", version=version, server=client.server, **state)


def _begun(system: System) -> dict[str, Any]:
    """What kubeadm runs of ours began here and did not finish, and which of their markers cannot be read.

    A marker that is damaged says all the same that something was begun.
    """
    unfinished, damaged = {}, []
    for action in ("init", "join"):
        try:
            marker = markers.read(system, action)
        except NodeError as error:
            unfinished[action] = DAMAGED
            damaged.append(error.to_json())
        else:
            if marker:
                unfinished[action] = marker.phase
    return {"unfinished": unfinished, "damaged": damaged}


def _state(system: System, client: Client, configuration: str, timeout: float, *, details: bool) -> dict[str, Any]:
    directory = certificates_directory(configuration)
    with futures.ThreadPoolExecutor(max_workers=_AT_ONCE) as pool:
        asked: dict[str, futures.Future[Any]] = {
            # Those come first that may wait for dead servers: what the API answers takes the other threads no time.
            "etcd": pool.submit(membership.survey, system, directory, timeout),
            "api_servers": pool.submit(servers.api_servers, client),
            "nodes": pool.submit(_nodes, client, details=details),
            "found_record": pool.submit(record.read, client),
            "kubelet_configuration": pool.submit(_config_map, client, "kubelet-config", "kubelet"),
            "kube_proxy_configuration": pool.submit(_config_map, client, "kube-proxy", "config.conf"),
            "lease": pool.submit(client.find, lease.LEASE),
            "bootstrap_tokens": pool.submit(tokens.listed, client),
            "kubeadm_certs_secret": pool.submit(tokens.certificates_uploaded, client),
            "workloads": pool.submit(_workloads, client),
            "check_pods": pool.submit(checkpods.count, client),
            "certificates": pool.submit(certificates.expiries, system, directory),
        }
        answers = {name: future.result() for name, future in asked.items()}
        found = answers.pop("found_record")
        answers["record"] = found
        answers["objects"] = _digests(pool, client, found)
    held = answers.pop("lease")
    answers["lock"] = _lock(held)
    # A run takes the lock on what it has seen: the place must still be at this version then.
    answers["lock_version"] = (held or {}).get("metadata", {}).get("resourceVersion", "")
    told = answers.pop("etcd")
    answers["serving"] = servers.shown(answers["nodes"], answers["api_servers"], told) if details else []
    answers.update(told.to_json())
    answers["cluster_configuration"] = configuration
    return answers


def _local(system: System, timeout: float) -> dict[str, Any]:
    """What a control plane whose API is silent tells: etcd as its own member sees it, and its certificates."""
    directory = membership.certificates_directory(system) or DEFAULT_CERTIFICATES
    told = membership.survey(system, directory, timeout)
    return dict(told.to_json(), certificates=certificates.expiries(system, directory))


def certificates_directory(cluster_configuration: str) -> str:
    """The certificatesDir in a ClusterConfiguration's text."""
    return _setting(cluster_configuration, "certificatesDir") or DEFAULT_CERTIFICATES


def etcd_data_directory(cluster_configuration: str) -> str:
    """Local etcd's dataDir in a ClusterConfiguration's text."""
    return _setting(cluster_configuration, "dataDir") or "/var/lib/etcd"


def _setting(text: str, key: str) -> str:
    match = re.search(r"^\s*\"?%s\"?:\s*[\"']?([^\"'\s,]+)" % key, text, re.MULTILINE)
    return match.group(1) if match else ""


def cluster_configuration(client: Client) -> str:
    """The ClusterConfiguration that kubeadm keeps in the cluster, YAML; empty where there is none."""
    return _config_map(client, "kubeadm-config", "ClusterConfiguration")


def set_cluster_configuration(client: Client, text: str) -> None:
    """Replace the ClusterConfiguration that kubeadm keeps in the cluster, and nothing else of that ConfigMap.

    Raises:
        ApiError: the API refused it.

    """
    client.merge("%s/kubeadm-config" % record.CONFIG_MAPS, {"data": {"ClusterConfiguration": text}})


def _config_map(client: Client, name: str, key: str) -> str:
    found = client.find("%s/%s" % (record.CONFIG_MAPS, name))
    return str(((found or {}).get("data") or {}).get(key, ""))


def _file_lock(system: System) -> Optional[dict[str, str]]:
    """Who holds the cluster's lock by the file of a cluster that is being made; None for nobody."""
    try:
        return lease.FilePlace(system).read().holder
    except (NodeError, OSError):
        return None


def _lock(found: Optional[dict[str, Any]]) -> Optional[dict[str, Any]]:
    """The cluster's lock as its Lease has it; None where nobody ever took it."""
    if found is None:
        return None
    spec = found.get("spec") or {}
    return {
        "holder": spec.get("holderIdentity") or "",
        "renewed": spec.get("renewTime") or "",
        "duration_seconds": spec.get("leaseDurationSeconds") or 0,
        "annotations": (found.get("metadata") or {}).get("annotations") or {},
    }


def _nodes(client: Client, *, details: bool) -> list[dict[str, Any]]:
    return [trimmed(item, details=details) for item in client.get("/api/v1/nodes").get("items") or []]


def trimmed(node: dict[str, Any], *, details: bool = True) -> dict[str, Any]:
    """What matters of a Node object; its conditions only with ``details``."""
    metadata, spec, status = node["metadata"], node.get("spec") or {}, node.get("status") or {}
    labels = metadata.get("labels") or {}
    addresses = {entry["type"]: entry["address"] for entry in reversed(status.get("addresses") or [])}
    info = status.get("nodeInfo") or {}
    return {
        "name": metadata["name"],
        "uid": metadata.get("uid", ""),
        "internal_ip": addresses.get("InternalIP", ""),
        "ready": ready(node),
        "addresses": [[entry["type"], entry["address"]] for entry in status.get("addresses") or []],
        "conditions": [_condition(entry) for entry in status.get("conditions") or []] if details else [],
        "pod_cidrs": spec.get("podCIDRs") or [],
        "architecture": info.get("architecture", ""),
        "machine_id": info.get("machineID", ""),
        "kubelet_version": info.get("kubeletVersion", ""),
        "os_image": info.get("osImage", ""),
        "labels": labels,
        "taints": [taint_text(taint) for taint in spec.get("taints") or []],
        "unschedulable": bool(spec.get("unschedulable")),
        "control_plane": _ROLE in labels,
    }


def _condition(entry: dict[str, Any]) -> dict[str, str]:
    """A condition without its heartbeat, which differs each time."""
    return {
        "kind": entry["type"],
        "status": entry["status"],
        "reason": entry.get("reason", ""),
        "message": entry.get("message", ""),
        "since": entry.get("lastTransitionTime", ""),
    }


def ready(node: dict[str, Any]) -> bool:
    """Whether the Node's Ready condition is True."""
    conditions = (node.get("status") or {}).get("conditions") or []
    return any(entry["type"] == "Ready" and entry["status"] == "True" for entry in conditions)


def taint_text(taint: dict[str, Any]) -> str:
    """A taint as ``key=value:Effect``, or ``key:Effect`` without a value, as kubectl writes it."""
    value = taint.get("value")
    return "%s%s:%s" % (taint["key"], "=" + value if value else "", taint["effect"])


def _workloads(client: Client) -> list[dict[str, Any]]:
    """The workloads of kube-system with how many of their pods there should be and are available."""
    found = []
    for kind, path in (("DaemonSet", "daemonsets"), ("Deployment", "deployments")):
        for item in client.get("/apis/apps/v1/namespaces/kube-system/%s" % path).get("items") or []:
            status = item.get("status") or {}
            wanted = (
                status.get("desiredNumberScheduled", 0)
                if kind == "DaemonSet"
                else (item.get("spec") or {}).get("replicas", 1)
            )
            available = status.get("numberAvailable" if kind == "DaemonSet" else "availableReplicas", 0)
            found.append(
                {
                    "kind": kind,
                    "name": item["metadata"]["name"],
                    "desired": wanted,
                    "available": available,
                    "images": _images(item),
                }
            )
    return found


def _images(workload: dict[str, Any]) -> list[str]:
    pod = ((workload.get("spec") or {}).get("template") or {}).get("spec") or {}
    return [container.get("image", "") for container in pod.get("containers") or []]


def _digests(pool: futures.ThreadPoolExecutor, client: Client, found: Optional[dict[str, Any]]) -> dict[str, str]:
    """The digest annotation of every object that the record names and that is still there."""
    references = (found or {}).get(record.OBJECTS) or []
    paths = objectrefs.Paths(client)
    answers = pool.map(lambda reference: objectrefs.find(client, paths, reference), references)
    live = {name: item for name, item in zip(references, answers) if item is not None}  # noqa: B905 - Python 3.9 has no strict
    return {name: (item["metadata"].get("annotations") or {}).get(DIGEST, "") for name, item in live.items()}
