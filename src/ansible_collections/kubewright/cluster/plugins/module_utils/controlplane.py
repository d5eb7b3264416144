"""Whether this node is a finished control plane, which API server speaks for the cluster, what a restart may cost."""

from __future__ import annotations

from typing import Any, Optional, Sequence

from ansible_collections.kubewright.cluster.plugins.module_utils import (
    clusterstate,
    etcd,
    kubeapi,
    kubeconfig,
    markers,
    quorum,
    servers,
    staticpods,
)
from ansible_collections.kubewright.cluster.plugins.module_utils.errors import NodeError
from ansible_collections.kubewright.cluster.plugins.module_utils.frozen import frozen
from ansible_collections.kubewright.cluster.plugins.module_utils.process import System

_HEALTH_WAIT = 60.0
_REQUEST_TIMEOUT = 5.0


def is_member(system: System) -> bool:
    """Whether this node has joined a cluster and no ``kubeadm`` run of ours on it is unfinished."""
    if not system.path(kubeconfig.KUBELET_CONF).exists():
        return False
    return not any(markers.read(system, action) for action in ("init", "join"))


def is_control_plane(system: System) -> bool:
    """Whether this node is a member of a cluster and a control plane of it."""
    return system.path(kubeconfig.ADMIN_CONF).exists() and is_member(system)


def speaking(system: System, others: Sequence[str]) -> kubeapi.Client:
    """The administrator at this node's API server, else at the first of ``others`` (URLs) that is ready.

    Raises:
        ApiError: none is.
        NodeError: there is no usable admin.conf.

    """
    failure: Optional[kubeapi.ApiError] = None
    for server in (kubeapi.local_server(system) or "", *others):
        try:
            client = kubeapi.admin_client(system, server=server, timeout=_REQUEST_TIMEOUT)
            # It answers so where its etcd member does as well.
            client.text("/readyz")
        except kubeapi.ApiError as error:
            failure = failure or error
        else:
            return client
    raise failure or kubeapi.ApiError(0, "Unreachable", "no API server is known")


@frozen
class Place:
    """A control plane: its Node's name, its address, kubeadm's certificatesDir, and the other API servers' URLs."""

    node: str
    address: str
    certificates: str
    others: tuple[str, ...]


def require_room(system: System, name: str, place: Place) -> None:
    """Make sure, now, that the cluster can do without this node's component while it is restarted.

    Args:
        system: this control plane.
        name: the static pod that is to be restarted.
        place: what is known of this control plane.

    Raises:
        NodeError: it cannot; what is wrong elsewhere has to be mended first.
        ApiError: no API server answers.

    """
    refusal = {staticpods.ETCD: _etcd_refusal, staticpods.API_SERVER: _api_refusal}.get(name)
    if refusal is None:
        return
    kubeapi.wait_until(
        "%s on %s, before its restart" % (name, place.node),
        lambda: kubeapi.calm(refusal(system, place)),
        _HEALTH_WAIT,
        "Bring the others up first, then run again",
    )


def _etcd_refusal(system: System, place: Place) -> Optional[str]:
    member = etcd.Etcd(system, place.certificates)
    try:
        members = member.members(linearizable=True)
    except NodeError:
        # This member takes no part; whoever does knows whether the others can do without it.
        client = speaking(system, place.others)
        members = etcd.members_of_cluster(system, client, place.certificates, skip=place.address)
    return quorum.restart_refusal(members, [place.address])


def _api_refusal(system: System, place: Place) -> Optional[str]:
    client = speaking(system, place.others)
    asked = servers.api_servers(client)
    own = [entry for entry in asked if entry["node"] == place.node]
    if own and all(entry["error"] for entry in own):
        return None
    nodes: list[dict[str, Any]] = client.get("/api/v1/nodes").get("items") or []
    alive = {item["metadata"]["name"] for item in nodes if clusterstate.ready(item)}
    elsewhere = [entry for entry in asked if entry["node"] != place.node]
    silent = [entry for entry in elsewhere if entry["error"] and entry["node"] in alive]
    if silent:
        return "the API server of %s does not answer: %s" % (silent[0]["node"], silent[0]["error"])
    if elsewhere and all(entry["error"] for entry in elsewhere):
        return "no other API server answers than this one"
    return None
