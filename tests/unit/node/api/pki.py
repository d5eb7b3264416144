"""A throw-away CA with a server's and a client's certificate, and an HTTPS server that asks for the latter."""

from __future__ import annotations

import http.server
import json
import shutil
import ssl
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

NOT_AFTER = "20310203040506Z"


@dataclass(frozen=True)
class Pki:
    """Paths of PEM files."""

    directory: Path

    def pem(self, name: str) -> bytes:
        return (self.directory / name).read_bytes()

    @classmethod
    def make(cls, directory: Path) -> Pki:
        """Needs the ``openssl`` command."""
        assert shutil.which("openssl"), "install openssl to run these tests"
        pki = cls(directory)
        pki._sign("ca", "/CN=test-ca", "basicConstraints=critical,CA:TRUE", ca=None)
        pki._sign("server", "/CN=server", "subjectAltName=IP:127.0.0.1,DNS:localhost", ca="ca")
        pki._sign("client", "/O=kubeadm:cluster-admins/CN=kubernetes-admin", "extendedKeyUsage=clientAuth", ca="ca")
        return pki

    def _sign(self, name: str, subject: str, extension: str, ca: str | None) -> None:
        argv = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
        argv += ["-keyout", f"{name}.key", "-out", f"{name}.crt", "-subj", subject, "-addext", extension, "-days", "30"]
        if ca:
            argv += ["-CA", f"{ca}.crt", "-CAkey", f"{ca}.key"]
        subprocess.run(argv, cwd=self.directory, check=True, capture_output=True)


@dataclass
class Request:
    method: str
    path: str
    body: Any
    headers: dict[str, str]


Handler = Callable[[Request], "tuple[int, Any]"]


@dataclass
class Server:
    """What was asked, and where."""

    url: str = ""
    requests: list[Request] = field(default_factory=list)
    handler: Handler = lambda request: (404, {"reason": "NotFound", "message": "not found"})
    connections: int = 0
    closes: bool = False
    """Whether each connection ends with its first answer, without a word of that."""


@contextmanager
def serve(pki: Pki, handler: Handler) -> Iterator[Server]:
    """Serve ``handler``'s answers (bytes as they are, all else as JSON) to whoever shows the client certificate."""
    state = Server(handler=handler)

    class Answering(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        wbufsize = -1  # Header and body in one segment: else each answer waits for an acknowledgement.

        def setup(self) -> None:
            super().setup()
            state.connections += 1

        def handle_any(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            body = self.rfile.read(length)
            # JSON is YAML, and an apply may come as either.
            parse = yaml.safe_load if "yaml" in self.headers.get("Content-Type", "") else json.loads
            request = Request(self.command, self.path, parse(body) if body else None, dict(self.headers))
            state.requests.append(request)
            status, answer = state.handler(request)
            content = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)
            self.wfile.flush()
            self.close_connection = self.close_connection or state.closes

        do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = handle_any  # noqa: N815

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            pass

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pki.directory / "server.crt", pki.directory / "server.key")
    context.load_verify_locations(pki.directory / "ca.crt")
    context.verify_mode = ssl.CERT_REQUIRED
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Answering)
    server.daemon_threads = True
    server.socket = context.wrap_socket(server.socket, server_side=True)
    state.url = f"https://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield state
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
