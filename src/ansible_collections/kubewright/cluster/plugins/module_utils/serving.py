"""The certificates that servers of the cluster show, by TLS handshakes in parallel; nothing is asked or verified.

What a server shows is what counts, not what lies on its disk: an API server goes on with an old certificate until it is
restarted. A certificate that has expired must be told, too, so nothing is verified; no secret is sent.
"""

from __future__ import annotations

import socket
import time
import urllib.parse
from typing import TYPE_CHECKING, Any, Optional, Sequence

from ansible_collections.kubewright.cluster.plugins.module_utils import certificates
from ansible_collections.kubewright.cluster.plugins.module_utils.frozen import frozen
from ansible_collections.kubewright.cluster.plugins.module_utils.late import late

if TYPE_CHECKING:
    import ssl
    from concurrent import futures
else:
    futures = late("concurrent.futures")
    ssl = late("ssl")

HANDSHAKE_SECONDS = 0.5
DEADLINE_SECONDS = 0.8
"""For all servers together, so that a thousand nodes do not make the call slow; the rest are told as not asked."""
_WORKERS = 48
KUBELET_PORT = 10250


@frozen
class Server:
    """A server: ``component`` is kube-apiserver, etcd or kubelet, ``name`` its Node's or member's."""

    component: str
    name: str
    host: str
    port: int


def look(
    servers: Sequence[Server], *, deadline: float = DEADLINE_SECONDS, client: Optional[ssl.SSLContext] = None
) -> list[dict[str, Any]]:
    """What each server shows: component, name, address, and not_after (ISO 8601) with names, or error.

    Args:
        servers: whom to ask, in order of importance.
        deadline: seconds for all of them.
        client: a context with the client certificate that etcd wants to see, else it complains in its log.

    """
    if not servers:
        return []
    until = time.monotonic() + deadline
    anonymous = unverified(ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT))

    def one(server: Server) -> dict[str, Any]:
        context = client if server.component == "etcd" and client is not None else anonymous
        return _shown(server, context, until)

    with futures.ThreadPoolExecutor(max_workers=min(_WORKERS, len(servers))) as pool:
        return list(pool.map(one, servers))


def unverified(context: ssl.SSLContext) -> ssl.SSLContext:
    """The context, made to take any server certificate: only ever for :func:`look`."""
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def certificate(server: Server, context: Optional[ssl.SSLContext] = None, timeout: float = HANDSHAKE_SECONDS) -> bytes:
    """The certificate (DER) that a server shows now; ``context`` as in :func:`look`.

    Raises:
        OSError: it does not answer, or not with TLS.

    """
    context = context if context is not None else unverified(ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT))
    connection = socket.create_connection((server.host, server.port), timeout=timeout)
    with context.wrap_socket(connection, server_hostname=server.host) as secured:
        return secured.getpeercert(binary_form=True) or b""


def _shown(server: Server, context: ssl.SSLContext, until: float) -> dict[str, Any]:
    entry = {"component": server.component, "name": server.name, "address": _address(server)}
    left = until - time.monotonic()
    if left <= 0:
        return dict(entry, error="not asked: the time for all servers together was over")
    try:
        der = certificate(server, context, min(HANDSHAKE_SECONDS, left))
        end, names = certificates.of_der(der)
    except (OSError, ValueError) as error:
        return dict(entry, error=str(error) or type(error).__name__)
    return dict(entry, not_after=end.strftime("%Y-%m-%dT%H:%M:%SZ"), names=sorted(names))


def _address(server: Server) -> str:
    return "%s:%d" % ("[%s]" % server.host if ":" in server.host else server.host, server.port)


def of_url(component: str, name: str, url: str, port: int) -> Optional[Server]:
    """The server at a URL, at ``host:port`` or at an address; None where there is none."""
    if url.count(":") > 1 and "//" not in url and "[" not in url:
        url = "[%s]" % url
    parts = urllib.parse.urlsplit(url if "//" in url else "//" + url)
    return Server(component, name, parts.hostname, parts.port or port) if parts.hostname else None
