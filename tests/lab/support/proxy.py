"""An HTTP proxy on this machine that nodes go through, and what they asked it for."""

from __future__ import annotations

import contextlib
import http.client
import http.server
import shutil
import socket
import threading
import urllib.parse
from collections.abc import Iterator
from typing import cast

HOP_BY_HOP = frozenset({"connection", "keep-alive", "proxy-connection", "proxy-authorization", "te", "upgrade"})
SECONDS = 60.0


class Proxy(http.server.ThreadingHTTPServer):
    """Forwards HTTP and carries tunnels; ``asked`` has each client's address and its URL, or HOST:PORT of a tunnel."""

    daemon_threads = True

    def __init__(self, address: str) -> None:
        super().__init__((address, 0), _Forward)
        self.asked: list[tuple[str, str]] = []

    @property
    def url(self) -> str:
        """The address that nodes are told."""
        host, port = self.server_address[:2]
        return f"http://{host!s}:{port}"

    def clients(self) -> set[str]:
        """Addresses of the nodes that asked for something."""
        return {client for client, _ in self.asked}


class _Forward(http.server.BaseHTTPRequestHandler):
    """One request, answered by the server that it is for."""

    def do_GET(self) -> None:
        """Ask the server and hand its answer on."""
        self._note()
        target = urllib.parse.urlsplit(self.path)
        path = urllib.parse.urlunsplit(("", "", target.path, target.query, ""))
        headers = {name: value for name, value in self.headers.items() if name.lower() not in HOP_BY_HOP}
        upstream = http.client.HTTPConnection(target.hostname or "", target.port or 80, timeout=SECONDS)
        with contextlib.closing(upstream):
            upstream.request("GET", path, headers=headers)
            answer = upstream.getresponse()
            self.send_response(answer.status, answer.reason)
            for name, value in answer.getheaders():
                if name.lower() not in HOP_BY_HOP | {"transfer-encoding", "date", "server"}:
                    self.send_header(name, value)
            self.end_headers()
            with contextlib.suppress(ConnectionError):
                shutil.copyfileobj(answer, self.wfile)

    def do_CONNECT(self) -> None:
        """Open a tunnel."""
        self._note()
        host, _, port = self.path.rpartition(":")
        try:
            upstream = socket.create_connection((host, int(port)), timeout=SECONDS)
        except OSError as error:
            self.send_error(http.HTTPStatus.BAD_GATEWAY, explain=str(error))
            return
        with upstream:
            upstream.settimeout(None)
            self.send_response(http.HTTPStatus.OK)
            self.end_headers()
            carry(self.connection, upstream)

    def _note(self) -> None:
        cast("Proxy", self.server).asked.append((str(self.client_address[0]), self.path))

    def log_message(self, *_arguments: object) -> None:
        """What was asked is kept, not printed."""


def carry(client: socket.socket, server: socket.socket) -> None:
    """Copy both ways until both sides have ended."""
    back = threading.Thread(target=_copy, args=(server, client), daemon=True)
    back.start()
    _copy(client, server)
    back.join()


def _copy(source: socket.socket, sink: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(65536):
            sink.sendall(data)
        sink.shutdown(socket.SHUT_WR)


@contextlib.contextmanager
def proxy(address: str) -> Iterator[Proxy]:
    """Have a proxy listen at an address of this machine."""
    with Proxy(address) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield server
        finally:
            server.shutdown()
