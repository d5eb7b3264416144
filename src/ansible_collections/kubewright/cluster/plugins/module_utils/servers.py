"""The cluster's API servers, each asked for itself, and the certificates that all servers show."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ansible_collections.kubewright.cluster.plugins.module_utils import membership, serving
from ansible_collections.kubewright.cluster.plugins.module_utils.kubeapi import ApiError, Client
from ansible_collections.kubewright.cluster.plugins.module_utils.late import late

if TYPE_CHECKING:
    from concurrent import futures
else:
    futures = late("concurrent.futures")

TIMEOUT = 0.8
"""Seconds for an API server to tell its version."""
_PODS = "/api/v1/namespaces/kube-system/pods"
ADVERTISED = "kubeadm.kubernetes.io/kube-apiserver.advertise-address.endpoint"


def api_servers(client: Client) -> list[dict[str, str]]:
    """Every API server that kubeadm made: node, address (``host:port``), version, or error where it does not answer.

    Where they listen is told by their static pods' annotation, which stays while a node is down.
    """
    pods = client.get(_PODS, labelSelector="component=kube-apiserver,tier=control-plane").get("items") or []
    known = {}
    for pod in pods:
        address = (pod["metadata"].get("annotations") or {}).get(ADVERTISED, "")
        if address:
            known[address] = (pod.get("spec") or {}).get("nodeName", "")
    if not known:
        return []
    with futures.ThreadPoolExecutor(max_workers=len(known)) as pool:
        return list(pool.map(lambda entry: _api_server(client, entry[1], entry[0]), sorted(known.items())))


def _api_server(client: Client, node: str, address: str) -> dict[str, str]:
    told = {"node": node, "address": address, "version": "", "error": ""}
    try:
        version = client.elsewhere("https://" + address, timeout=TIMEOUT).get("/version")
    except ApiError as error:
        return dict(told, error=str(error))
    return dict(told, version=str(version.get("gitVersion", "")))


def shown(nodes: list[dict[str, Any]], known: list[dict[str, str]], told: membership.Told) -> list[dict[str, Any]]:
    """The certificates of all API servers, etcd members and kubelets, those of control planes first."""
    wanted = [serving.of_url("kube-apiserver", entry["node"], entry["address"], 6443) for entry in known]
    for member in told.survey.members:
        url = told.survey.client_urls.get(member.member_id, "")
        wanted.append(serving.of_url("etcd", member.name, url, 2379))
    wanted += [
        serving.of_url("kubelet", node["name"], node["internal_ip"], serving.KUBELET_PORT)
        for node in sorted(nodes, key=lambda node: not node["control_plane"])
    ]
    return serving.look([server for server in wanted if server is not None], client=told.context)
