"""etcd of a stacked cluster, asked through its HTTP gateway, so that no etcdctl is needed.

The gateway is on by default in 3.6 and 3.7 (embed.Config.EnableGRPCGateway).

Ids are decimal strings in the gateway's JSON and hexadecimal ones here and in all of etcd's own tools.
"""

from __future__ import annotations

import base64
import functools
import json
import urllib.parse
from typing import TYPE_CHECKING, Any, Iterator, Optional

from ansible_collections.kubewright.cluster.plugins.module_utils import serving
from ansible_collections.kubewright.cluster.plugins.module_utils.errors import NodeError
from ansible_collections.kubewright.cluster.plugins.module_utils.frozen import frozen
from ansible_collections.kubewright.cluster.plugins.module_utils.https import (
    ClientCertificate,
    Transport,
    TransportError,
    client_context,
)
from ansible_collections.kubewright.cluster.plugins.module_utils.kubeapi import Client
from ansible_collections.kubewright.cluster.plugins.module_utils.late import late
from ansible_collections.kubewright.cluster.plugins.module_utils.process import System
from ansible_collections.kubewright.cluster.plugins.module_utils.quorum import Member

if TYPE_CHECKING:
    import ssl
    from concurrent import futures
else:
    futures = late("concurrent.futures")
    ssl = late("ssl")

LOCAL = "https://127.0.0.1:2379"
_PODS = "/api/v1/namespaces/kube-system/pods"
_CLIENT_URLS = "kubeadm.kubernetes.io/etcd.advertise-client-urls"


@frozen
class Survey:
    """What the members tell of themselves.

    ``status`` has, of each member that answered, member_id, version, leader (whether it is the one that it knows of),
    has_leader, db_size and db_size_in_use (bytes), raft_index and raft_term. ``alarms`` have member_id and alarm.
    ``client_urls`` are by member id.
    """

    members: list[Member]
    status: list[dict[str, Any]]
    alarms: list[dict[str, str]]
    client_urls: dict[str, str]


class Etcd:
    """etcd as the health-check client that kubeadm makes on every control plane.

    Args:
        system: the node.
        certificates_directory: kubeadm's certificatesDir.
        endpoint: the member to ask.
        timeout: seconds for each request.

    Raises:
        NodeError: the client's certificate is not there.

    """

    def __init__(
        self, system: System, certificates_directory: str, *, endpoint: str = LOCAL, timeout: float = 3.0
    ) -> None:
        base = system.path(certificates_directory) / "etcd"
        try:
            client = ClientCertificate(
                (base / "healthcheck-client.crt").read_bytes(), (base / "healthcheck-client.key").read_bytes()
            )
            authority = (base / "ca.crt").read_bytes()
            self._context = client_context(system, authority, client)
            self._new_context = functools.partial(client_context, system, authority, client)
        except OSError as error:
            raise NodeError("etcd client certificate", "%s: %s" % (error.filename, error.strerror)) from error
        except TransportError as error:
            raise NodeError("etcd client certificate", str(error)) from error
        self._timeout = timeout
        self._transport = Transport(endpoint, self._context, timeout)

    def members(self, *, linearizable: bool = False) -> list[Member]:
        """All members, each with its health as its own endpoint tells it.

        Args:
            linearizable: only a list that a majority agrees on.

        Raises:
            NodeError: no answer.

        """
        listed = self._listed(linearizable=linearizable)
        with futures.ThreadPoolExecutor(max_workers=max(1, len(listed))) as pool:
            return list(pool.map(self._member, listed))

    def context_for_looking(self) -> ssl.SSLContext:
        """A context with our client certificate that takes any server's: only to see which one a server shows."""
        return serving.unverified(self._new_context())

    def survey(self) -> Survey:
        """All members as this one knows them, with what each tells of itself; needs no majority.

        Alarms are asked for only where a member says that something is wrong: the answer goes through raft, which is a
        write, and hangs without a majority.

        Raises:
            NodeError: no answer.

        """
        listed = self._listed(linearizable=False)
        with futures.ThreadPoolExecutor(max_workers=max(1, 2 * len(listed))) as pool:
            members = pool.map(self._member, listed)
            told = [found for found in pool.map(self._status, listed) if found is not None]
            return Survey(
                members=list(members),
                status=[status for status, _ in told],
                alarms=self._alarms() if any(wrong for _, wrong in told) else [],
                client_urls={"%x" % int(entry["ID"]): (entry.get("clientURLs") or [""])[0] for entry in listed},
            )

    def _listed(self, *, linearizable: bool) -> list[dict[str, Any]]:
        return self._call("/v3/cluster/member/list", {"linearizable": linearizable}).get("members") or []

    def _status(self, entry: dict[str, Any]) -> Optional[tuple[dict[str, Any], bool]]:
        """A member's own status and whether it has a leader and complains; None where it does not answer."""
        url = (entry.get("clientURLs") or [""])[0]
        if not url:
            return None
        transport = Transport(url, self._context, self._timeout)
        try:
            answer = transport.request("POST", "/v3/maintenance/status", b"{}", {"Content-Type": "application/json"})
        except TransportError:
            return None
        finally:
            transport.close()
        value = _object(answer.body)
        if answer.status != 200 or value is None:
            return None
        leader = int(value.get("leader") or 0)
        status = {
            "member_id": "%x" % int(entry["ID"]),
            "version": str(value.get("version", "")),
            "leader": leader == int(entry["ID"]),
            "has_leader": leader != 0,
            "db_size": int(value.get("dbSize") or 0),
            "db_size_in_use": int(value.get("dbSizeInUse") or 0),
            "raft_index": int(value.get("raftIndex") or 0),
            "raft_term": int(value.get("raftTerm") or 0),
        }
        return status, bool(leader and value.get("errors"))

    def _alarms(self) -> list[dict[str, str]]:
        try:
            raised = self._call("/v3/maintenance/alarm", {"action": "GET"}).get("alarms") or []
        except NodeError:
            return [{"member_id": "", "alarm": "not known"}]
        return [
            {"member_id": "%x" % int(entry.get("memberID") or 0), "alarm": str(entry.get("alarm", ""))}
            for entry in raised
        ]

    def remove(self, member_id: str) -> None:
        """Remove the member with this hexadecimal id.

        Raises:
            NodeError: refused, or no answer.

        """
        self._call("/v3/cluster/member/remove", {"ID": str(int(member_id, 16))})

    def snapshot(self) -> Iterator[bytes]:
        """The whole data, in pieces; the last 32 bytes are the SHA-256 of all before them.

        Raises:
            NodeError: no answer, or it broke off.

        """
        try:
            for line in self._transport.lines(
                "POST", "/v3/maintenance/snapshot", b"{}", {"Content-Type": "application/json"}
            ):
                answer = _object(line) or {}
                if "result" not in answer:
                    raise NodeError("etcd", "the snapshot broke off: %s" % answer.get("error", "no JSON"))
                yield base64.b64decode(answer["result"].get("blob") or "")
        except TransportError as error:
            raise NodeError("etcd", str(error)) from error

    def _member(self, entry: dict[str, Any]) -> Member:
        urls = entry.get("peerURLs") or [""]
        learner = bool(entry.get("isLearner"))
        name = entry.get("name") or ""
        return Member(
            member_id="%x" % int(entry["ID"]),
            name=name,
            peer_ip=urllib.parse.urlsplit(urls[0]).hostname or "",
            learner=learner,
            # etcd has no field for it: name and client URLs are empty until a member has started (kubeadm judges in the
            # same way).
            started=bool(name),
            healthy=self._healthy((entry.get("clientURLs") or [""])[0], learner=learner),
        )

    def _healthy(self, client_url: str, *, learner: bool) -> bool:
        """Whether the member takes part: /health is a read that needs the majority.

        A learner can only answer for itself.
        """
        if not client_url:
            return False
        transport = Transport(client_url, self._context, self._timeout)
        try:
            answer = transport.request("GET", "/health?serializable=true" if learner else "/health")
            return answer.status == 200 and str(json.loads(answer.body).get("health")) == "true"
        except (TransportError, ValueError):
            return False
        finally:
            transport.close()

    def _call(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        try:
            answer = self._transport.request(
                "POST", path, json.dumps(body).encode(), {"Content-Type": "application/json"}
            )
        except TransportError as error:
            raise NodeError("etcd", str(error)) from error
        value = _object(answer.body)
        if answer.status != 200 or value is None:
            message = (
                (value or {}).get("message")
                or (value or {}).get("error")
                or answer.body.decode("utf-8", "replace")[:300]
            )
            raise NodeError(
                "etcd", "%s answered %s with status %d: %s" % (self._transport.server, path, answer.status, message)
            )
        return value


def members_of_cluster(system: System, client: Client, certificates_directory: str, *, skip: str) -> list[Member]:
    """All members as the first one that answers knows them, from a host that need not run one itself.

    Where members listen is told by their static pods' annotation, as kubeadm does it (util/etcd/etcd.go).

    Args:
        system: the node.
        client: the API.
        certificates_directory: kubeadm's certificatesDir.
        skip: address of a member that is not to be asked.

    Raises:
        NodeError: no member answers.
        ApiError: the API refused to tell.

    """
    pods = client.get(_PODS, labelSelector="component=etcd,tier=control-plane").get("items") or []
    urls = [(pod["metadata"].get("annotations") or {}).get(_CLIENT_URLS, "") for pod in pods]
    failures = []
    for url in sorted(url for url in urls if url and urllib.parse.urlsplit(url).hostname != skip):
        try:
            return Etcd(system, certificates_directory, endpoint=url).members(linearizable=True)
        except NodeError as error:
            failures.append(error.cause)
    raise NodeError(
        "etcd", "no member answers: %s" % ("; ".join(failures) or "the API knows none"), "Look at etcd there"
    )


def _object(body: bytes) -> Optional[dict[str, Any]]:
    try:
        value = json.loads(body)
    except ValueError:
        return None
    return value if isinstance(value, dict) else None


def to_json(member: Member) -> dict[str, Any]:
    """A member as modules return it."""
    return {
        "name": member.name,
        "member_id": member.member_id,
        "peer_ip": member.peer_ip,
        "learner": member.learner,
        "started": member.started,
        "healthy": member.healthy,
    }
