"""What a living control plane does for nodes that are to join, and what it clears away afterwards."""

from __future__ import annotations

import datetime as dt
import secrets
import urllib.parse
from typing import Any

from ansible_collections.kubewright.cluster.plugins.module_utils import (
    clusterstate,
    etcd,
    kubeadm,
    kubeconfig,
    quorum,
    tokens,
)
from ansible_collections.kubewright.cluster.plugins.module_utils.errors import REFUSED, NodeError
from ansible_collections.kubewright.cluster.plugins.module_utils.kubeapi import Client, admin_client, local_server
from ansible_collections.kubewright.cluster.plugins.module_utils.process import System

_KUBEADM_TIMEOUT = 120.0


def prepare(system: System, params: dict[str, Any]) -> dict[str, Any]:
    """Do what ``join_prepare`` does: a short-lived token, uploaded certificates, no members in the way.

    Raises:
        NodeError: a member must not be removed, or kubeadm failed.
        ApiError: the API refused something.

    """
    client = admin_client(system)
    configuration = clusterstate.cluster_configuration(client)
    wanted = params["cluster_configuration"]
    if wanted:
        clusterstate.set_cluster_configuration(client, wanted)
        configuration = wanted
    certificates = clusterstate.certificates_directory(configuration)
    # The run holds the cluster's lock: whatever tokens of ours there are, a killed run left them.
    stale = tokens.remove(client)
    # Its uploaded keys go now: the garbage collector, which removes them with their token, must not meet the new ones.
    tokens.remove_certificates(client)
    removed = replace_members(system, certificates, params["replace_members"])
    minutes = params["keys_ttl_minutes"]
    key = _upload_certificates(system, client, configuration, minutes) if params["control_planes"] else None
    token_id, token_secret = tokens.new_token()
    tokens.create(client, token_id, token_secret, minutes=params["ttl_minutes"])
    server = params["server"] or local_server(system) or client.server
    return {
        "changed": True,
        "token_id": token_id,
        "server": server,
        "discovery": kubeconfig.with_token(server, client.ca_pem, "%s.%s" % (token_id, token_secret)),
        "certificate_key": key,
        "removed_tokens": stale,
        "removed_members": removed,
    }


def cleanup(system: System, params: dict[str, Any]) -> dict[str, Any]:
    """Remove tokens and uploaded certificates.

    Raises:
        ApiError: the API refused something.

    """
    client = admin_client(system)
    removed = tokens.remove(client, params["token_ids"] or None)
    certificates = tokens.remove_certificates(client) if params["certificates"] else False
    return {"changed": bool(removed) or certificates, "removed_tokens": removed, "removed_certificates": certificates}


def replace_members(system: System, certificates: str, hosts: list[dict[str, Any]]) -> list[str]:
    """Remove the members of hosts that will join anew; their names or addresses.

    Args:
        system: the node, a living control plane.
        certificates: kubeadm's certificatesDir.
        hosts: [{name, peer_ip, empty}]; ``empty``: the host is known to have no etcd data.

    Raises:
        NodeError: a removal is not safe now, or etcd refused it.

    """
    if not hosts:
        return []
    members = etcd.Etcd(system, certificates)
    removed = []
    for host in hosts:
        # One at a time, each judged by what is so now.
        now = members.members(linearizable=True)
        for member in now:
            if member.peer_ip != host["peer_ip"]:
                continue
            reason = quorum.refusal(now, [member.member_id], [host["peer_ip"]] if host.get("empty") else [])
            if reason:
                raise NodeError(
                    "etcd member of %s" % host["name"],
                    "may not be removed: %s" % reason,
                    "Bring the members up first",
                    REFUSED,
                )
            members.remove(member.member_id)
            removed.append(member.name or member.peer_ip)
    return removed


def _upload_certificates(system: System, client: Client, configuration: str, minutes: int) -> str:
    """Upload the control plane's keys, encrypted; the key to decrypt them."""
    if not configuration:
        raise NodeError("ConfigMap kube-system/kubeadm-config", "has no ClusterConfiguration", "Restore it")
    key = secrets.token_hex(32)
    address = urllib.parse.urlsplit(local_server(system) or client.server)
    # The key goes by the file, never by the command line, which everybody can read. ClusterConfiguration names the
    # version, without which kubeadm would ask the internet for it.
    init = [
        "apiVersion: kubeadm.k8s.io/v1beta4",
        "kind: InitConfiguration",
        "certificateKey: %s" % key,
        "localAPIEndpoint:",
        '  advertiseAddress: "%s"' % address.hostname,
        "  bindPort: %d" % (address.port or 6443),
    ]
    kubeadm.run(
        system,
        ("init", "phase", "upload-certs", "--upload-certs", "--skip-certificate-key-print"),
        "\n".join(init) + "\n---\n" + configuration,
        timeout=_KUBEADM_TIMEOUT,
    )
    _shorten(client, minutes)
    return key


def _shorten(client: Client, minutes: int) -> None:
    """Let the uploaded certificates expire as soon as their joins are over: kubeadm gives them two hours."""
    end = dt.datetime.now(dt.timezone.utc) + dt.timedelta(minutes=minutes)
    for token in tokens.listed(client):
        if token["description"] == tokens.CERTIFICATES:
            patch = {"stringData": {"expiration": end.strftime("%Y-%m-%dT%H:%M:%SZ")}}
            client.merge("%s/bootstrap-token-%s" % (tokens.SECRETS, token["id"]), patch)
