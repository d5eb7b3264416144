"""A local server that behaves as publishers' sites, their registries and a mirror of them do."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import re
import tarfile
import threading
from collections import defaultdict
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from kubewright.artifacts.upstream.urls import parse_reference
from kubewright.catalog.model import Artifact, Kind, Release

INDEX = "application/vnd.oci.image.index.v1+json"
MANIFEST = "application/vnd.oci.image.manifest.v1+json"
TOKEN = "let-me-in"


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def tarball(files: dict[str, bytes], *, compressed: bool = True) -> bytes:
    raw = io.BytesIO()
    with tarfile.open(fileobj=raw, mode="w") as archive:
        for name, data in files.items():
            header = tarfile.TarInfo(name)
            header.size, header.mode = len(data), 0o755
            archive.addfile(header, io.BytesIO(data))
    return gzip.compress(raw.getvalue(), mtime=0) if compressed else raw.getvalue()


class Imitation(ThreadingHTTPServer):
    """Serves ``files`` by path and ``manifests`` of images; does wrong what ``faults`` says of a path, once each.

    Faults: ``break`` (half of the answer, then the connection ends), ``busy`` (503), ``corrupt`` (a byte differs),
    ``no-range`` (the whole file whatever was asked). Paths are those that clients ask for first.
    """

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.files: dict[str, bytes] = {}
        self.manifests: dict[str, tuple[str, bytes]] = {}
        self.faults: dict[str, list[str]] = defaultdict(list)
        self.redirects = True
        self.authentication = True
        self.requests: list[tuple[str, str, str]] = []
        self.lock = threading.Lock()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def publish(self, release: Release, architecture: str) -> None:
        """Serve a small file for everything in a release, at the paths of a mirror."""
        for artifact in release.artifacts:
            if "url" in artifact.upstream:
                self._publish_file(artifact, architecture)
            else:
                reference = str(artifact.upstream.get("image", artifact.reference))
                member = str(artifact.upstream.get("member", "bin/program"))
                self.publish_image(reference, {member: f"{artifact.name} program".encode()}, architecture)

    def publish_image(self, reference: str, files: dict[str, bytes], *architectures: str) -> None:
        image = parse_reference(reference)
        base = f"/v2/{image.host}/{image.repository}"
        entries = []
        for architecture in (*architectures, "s390x"):
            layers = [tarball({"etc/base": architecture.encode()}), tarball(files)]
            config = json.dumps({"architecture": architecture, "os": "linux"}).encode()
            for blob in (config, *layers):
                self.files[f"{base}/blobs/sha256:{sha256(blob)}"] = blob
            manifest = {
                "schemaVersion": 2,
                "mediaType": MANIFEST,
                "config": descriptor(config),
                "layers": [descriptor(layer) for layer in layers],
            }
            body = json.dumps(manifest).encode()
            self.manifests[f"{base}/manifests/sha256:{sha256(body)}"] = (MANIFEST, body)
            entries.append({**descriptor(body), "platform": {"os": "linux", "architecture": architecture}})
        index = json.dumps({"schemaVersion": 2, "mediaType": INDEX, "manifests": entries}).encode()
        self.manifests[f"{base}/manifests/{image.tag}"] = (INDEX, index)

    def _publish_file(self, artifact: Artifact, architecture: str) -> None:
        upstream = {key: str(value).replace("{architecture}", architecture) for key, value in artifact.upstream.items()}
        data = f"{artifact.name} {artifact.version} ".encode() * 4000
        if artifact.kind is Kind.ARCHIVE:
            data = tarball({f"./{name}": f"{artifact.name} {name}".encode() for name in artifact.members})
        elif "member" in upstream:
            data = tarball({upstream["member"]: data, "README": b"read me"})
        path = upstream["url"].removeprefix("https:/")
        self.files[path] = data
        lines = f"{sha256(data)}  {path.rpartition('/')[2]}\n{'0' * 64}  another-file\n"
        alone = upstream["checksum"].endswith(f"{artifact.name}.sha256")
        self.files[upstream["checksum"].removeprefix("https:/")] = (sha256(data) if alone else lines).encode()


def descriptor(data: bytes) -> dict[str, Any]:
    return {"mediaType": "application/octet-stream", "digest": f"sha256:{sha256(data)}", "size": len(data)}


class _Handler(BaseHTTPRequestHandler):
    server: Imitation
    protocol_version = "HTTP/1.1"

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Keep test output clean."""

    def do_HEAD(self) -> None:
        self._send(200, b"")

    def do_GET(self) -> None:
        path, server = self.path.partition("?")[0], self.server
        with server.lock:
            server.requests.append((path, self.headers.get("Range", ""), self.headers.get("Authorization", "")))
        if path == "/token":
            self._send(200, json.dumps({"token": TOKEN}).encode())
        elif path.startswith("/cdn/"):
            self._file(path.removeprefix("/cdn"))
        elif (
            path.startswith("/v2/") and server.authentication and self.headers.get("Authorization") != f"Bearer {TOKEN}"
        ):
            challenge = f'Bearer realm="{server.url}/token",service="test",scope="repository:pull"'
            self._send(401, b"", {"WWW-Authenticate": challenge})
        elif path in server.manifests:
            self._manifest(path)
        elif server.redirects and path in server.files:
            self._send(302, b"", {"Location": f"/cdn{path}"})
        else:
            self._file(path)

    def _manifest(self, path: str) -> None:
        media_type, body = self.server.manifests[path]
        headers = {"Content-Type": media_type, "Docker-Content-Digest": f"sha256:{sha256(body)}"}
        self._send(200, self._spoilt(body) if self._fault(path) == "corrupt" else body, headers)

    def _file(self, path: str) -> None:
        data = self.server.files.get(path)
        if data is None:
            self._send(404, b"")
            return
        fault = self._fault(path)
        match = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", ""))
        first = int(match.group(1)) if match and fault != "no-range" else 0
        if fault == "busy":
            self._send(503, b"")
        elif first >= len(data) > 0 and first:
            self._send(416, b"")
        elif fault == "break":
            self.send_response(206 if first else 200)
            self.send_header("Content-Length", str(len(data) - first))
            self.end_headers()
            self.wfile.write(data[first : first + (len(data) - first) // 2])
            self.close_connection = True
        else:
            body = self._spoilt(data) if fault == "corrupt" else data
            headers = {"Content-Range": f"bytes {first}-{len(data) - 1}/{len(data)}"} if first else {}
            self._send(206 if first else 200, body[first:], headers)

    def _fault(self, path: str) -> str:
        with self.server.lock:
            faults = self.server.faults[path]
            return faults.pop(0) if faults else ""

    def _spoilt(self, data: bytes) -> bytes:
        return bytes([data[0] ^ 1]) + data[1:]

    def _send(self, status: int, body: bytes, headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
