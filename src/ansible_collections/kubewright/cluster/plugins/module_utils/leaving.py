"""Take a node out of the cluster, from a living control plane that stays. Each part looks at what is there first."""

from __future__ import annotations

from typing import Any

from ansible_collections.kubewright.cluster.plugins.module_utils import (
    clusterstate,
    drain,
    etcd,
    quorum,
    record,
)
from ansible_collections.kubewright.cluster.plugins.module_utils.errors import REFUSED, NodeError
from ansible_collections.kubewright.cluster.plugins.module_utils.kubeapi import Client, admin_client, wait_until
from ansible_collections.kubewright.cluster.plugins.module_utils.process import System

_MEMBER_SECONDS = 60.0


def look(client: Client, node: str) -> dict[str, Any]:
    """What a drain of the node would meet."""
    pods = [pod for pod in drain.pods_on(client, node) if drain.evictable(pod)]
    return {
        "pods": sorted(drain.label(pod) for pod in pods),
        "lost_pods": sorted(drain.label(pod) for pod in pods if drain.without_controller(pod)),
        "budgets": drain.budgets(client, pods),
    }


def drain_node(system: System, params: dict[str, Any]) -> dict[str, Any]:
    """Cordon the node; drain it unless it is dead.

    Raises:
        NodeError: it did not empty in time.

    """
    client = admin_client(system)
    node = params["node"]
    if client.find(drain.node_path(node)) is None:
        return {"changed": False}
    cordoned = drain.cordon(client, node)
    evicted = [] if params["offline"] else drain.drain(client, node, params["drain_timeout"])
    return {"changed": cordoned or bool(evicted), "evicted": evicted}


def remove_member(system: System, params: dict[str, Any]) -> dict[str, Any]:
    """Remove the node's etcd member, if that is safe now.

    Raises:
        NodeError: it is not, or etcd refused it.

    """
    configuration = clusterstate.cluster_configuration(admin_client(system))
    members = etcd.Etcd(system, clusterstate.certificates_directory(configuration))
    removed = []
    for identity in params["members"]:
        # One at a time, each judged by what is so now.
        now = members.members(linearizable=True)
        if identity not in {member.member_id for member in now}:
            continue
        reason = quorum.leaving_refusal(now, identity)
        if reason:
            raise NodeError(
                "etcd member of %s" % params["node"],
                "may not be removed: %s" % reason,
                "Bring the other members up first, then run the same command again",
                REFUSED,
            )
        members.remove(identity)
        removed.append(identity)
        _wait_for_health(members, identity)
    return {"changed": bool(removed), "removed_members": removed}


def _wait_for_health(members: etcd.Etcd, identity: str) -> None:
    """Wait until those that stay know of it and have a leader again; the one that left may have been it."""

    def settled() -> Any:
        try:
            now = members.members(linearizable=True)
        except NodeError:
            return None
        voters = [member for member in now if not member.learner]
        healthy = sum(1 for member in voters if member.healthy)
        gone = all(member.member_id != identity for member in now)
        return True if gone and healthy >= quorum.majority(len(voters)) else None

    wait_until("etcd without the removed member", settled, _MEMBER_SECONDS, "Look at etcd on the control planes")


def delete_node(system: System, params: dict[str, Any]) -> dict[str, Any]:
    """Note in kubewright's record that the Node leaves, and where it was, then delete it.

    So a killed run can be found again. The record forgets it when the run ends and the removal is complete.
    Names of it that others' certificates have are recorded too: nothing is issued anew for them later.
    """
    client = admin_client(system)
    named = _remember_names(client, params["certificate_names"])
    found = client.find(drain.node_path(params["node"]))
    node = clusterstate.trimmed(found) if found else {}
    place = {"address": node["internal_ip"], "machine_id": node["machine_id"]} if node else {}
    noted = record.note_leaving(client, params["node"], place)
    deleted = client.delete(drain.node_path(params["node"]))
    pods = drain.delete_at_once(client, params["node"]) if params["offline"] else []
    return {"changed": named or noted or deleted or bool(pods), "deleted_pods": pods}


def _remember_names(client: Client, names: list[str]) -> bool:
    before = record.read(client)
    if before is None or not names:
        return False
    former = sorted({*(before.get(record.FORMER_NAMES) or ()), *names})
    return record.write(client, dict(before, **{record.FORMER_NAMES: former}))
