"""HTTPS with client certificates for the API server and etcd, on the standard library alone."""

from __future__ import annotations

import os
import tempfile
import threading
import urllib.parse
import weakref
from typing import TYPE_CHECKING, Iterator, Optional

from ansible_collections.kubewright.cluster.plugins.module_utils import files
from ansible_collections.kubewright.cluster.plugins.module_utils.frozen import frozen
from ansible_collections.kubewright.cluster.plugins.module_utils.late import late
from ansible_collections.kubewright.cluster.plugins.module_utils.process import System

if TYPE_CHECKING:
    import ssl
    from http import client as http_client
else:
    http_client = late("http.client")
    ssl = late("ssl")


class TransportError(Exception):
    """No answer came: connection refused, lost or timed out, or the other side's certificate is not trusted."""


@frozen
class ClientCertificate:
    """A client certificate and its key, PEM."""

    certificate: bytes
    key: bytes


@frozen
class Answer:
    """An HTTP answer."""

    status: int
    body: bytes


def client_context(system: System, ca_pem: bytes, client: Optional[ClientCertificate] = None) -> ssl.SSLContext:
    """A TLS context that trusts ``ca_pem`` only and shows ``client``.

    ``ssl`` loads a client certificate from a file only: it is written 0600 to memory and removed at once.

    Raises:
        TransportError: certificates or key cannot be read.

    """
    # Not create_default_context: its strict mode (Python 3.13) refuses the certificates of older kubeadm releases.
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        context.load_verify_locations(cadata=ca_pem.decode("ascii"))
        if client is not None:
            _load_client(system, context, client)
    except (ssl.SSLError, ValueError) as error:
        raise TransportError("certificates cannot be read: %s" % error) from error
    return context


def _load_client(system: System, context: ssl.SSLContext, client: ClientCertificate) -> None:
    directory = system.path(files.SECRETS_DIRECTORY)
    directory.mkdir(mode=0o755, parents=True, exist_ok=True)
    descriptor, path = tempfile.mkstemp(prefix="client-", suffix=".pem", dir=str(directory))
    try:
        with os.fdopen(descriptor, "wb") as stream:
            stream.write(client.certificate + b"\n" + client.key)
        context.load_cert_chain(path)
    finally:
        os.unlink(path)


class Transport:
    """Keeps one connection per thread to one server; they are closed with it, at the latest when it is forgotten.

    Args:
        server: ``https://host:port``.
        context: see :func:`client_context`.
        timeout: seconds to wait for a connection and for each answer.

    """

    def __init__(self, server: str, context: ssl.SSLContext, timeout: float) -> None:
        parts = urllib.parse.urlsplit(server)
        if parts.scheme != "https" or not parts.hostname:
            raise TransportError("%r is no https URL" % server)
        self.server = server
        self.timeout = timeout
        self._host = parts.hostname
        self._port = parts.port or 443
        self._context = context
        self._local = threading.local()
        self._connections: set[http_client.HTTPSConnection] = set()
        self.close = weakref.finalize(self, _close_all, self._connections)

    def request(
        self, method: str, path: str, body: Optional[bytes] = None, headers: Optional[dict[str, str]] = None
    ) -> Answer:
        """One request.

        A reused connection that the server had closed meanwhile is opened again for requests that change nothing twice.

        Raises:
            TransportError: no answer.

        """
        reused = getattr(self._local, "connection", None) is not None
        try:
            return self._attempt(method, path, body, headers)
        except (http_client.RemoteDisconnected, ConnectionResetError, BrokenPipeError, ssl.SSLEOFError) as error:
            if not reused or method == "POST":
                raise TransportError("%s: connection lost: %s" % (self.server, error)) from error
        except (OSError, http_client.HTTPException) as error:
            raise TransportError("%s: %s" % (self.server, error)) from error
        try:
            return self._attempt(method, path, body, headers)
        except (OSError, http_client.HTTPException) as error:
            raise TransportError("%s: %s" % (self.server, error)) from error

    def lines(self, method: str, path: str, body: bytes, headers: dict[str, str]) -> Iterator[bytes]:
        """The lines of an answer that is too long to be held whole, on a connection of its own.

        Raises:
            TransportError: no answer, another status than 200, or the answer broke off.

        """
        connection = http_client.HTTPSConnection(self._host, self._port, timeout=self.timeout, context=self._context)
        try:
            connection.request(method, path, body=body, headers=headers)
            response = connection.getresponse()
            if response.status != 200:
                said = response.read(300).decode("utf-8", "replace")
                raise TransportError("%s answered %s with status %d: %s" % (self.server, path, response.status, said))
            yield from iter(response.readline, b"")
        except (OSError, http_client.HTTPException) as error:
            raise TransportError("%s: %s" % (self.server, error)) from error
        finally:
            connection.close()

    def _attempt(self, method: str, path: str, body: Optional[bytes], headers: Optional[dict[str, str]]) -> Answer:
        connection = getattr(self._local, "connection", None)
        if connection is None:
            connection = http_client.HTTPSConnection(
                self._host, self._port, timeout=self.timeout, context=self._context
            )
            self._local.connection = connection
            self._connections.add(connection)
        try:
            connection.request(method, path, body=body, headers=headers or {})
            response = connection.getresponse()
            return Answer(response.status, response.read())
        except BaseException:
            connection.close()
            self._connections.discard(connection)
            self._local.connection = None
            raise


def _close_all(connections: set[http_client.HTTPSConnection]) -> None:
    for connection in connections:
        connection.close()
