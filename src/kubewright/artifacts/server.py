"""Serves listed files of the cache to nodes, for as long as the run that started it lives.

``python -m kubewright.artifacts.server --ready-file F --parent-pid P --blobs SHA256[,SHA256…]`` writes ``{"port": …,
"path": "/TOKEN"}`` to F once it listens, and answers GET and HEAD of ``/TOKEN/SHA256``, with ranges. The token is
random, so only who was told the URL can read; what is served is public software, and nodes verify digests whatever
they get.
"""

from __future__ import annotations

import argparse
import contextlib
import hmac
import json
import os
import re
import secrets
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import FrameType
from typing import Any

from kubewright.artifacts.store import Store
from kubewright.errors import ArtifactError
from kubewright.lifetime import process_start

_RANGE = re.compile(r"bytes=(\d*)-(\d*)")
_WAIT_FOR_PLACE_SECONDS = 20.0
_STALLED_SECONDS = 60.0
_WATCH_SECONDS = 0.5
_START_SECONDS = 60.0
_START_POLL_SECONDS = 0.02
_IDLE_SECONDS = 3600
"""A run may work long between two transfers; it ends its server by ending itself."""


class ArtifactServer(ThreadingHTTPServer):
    """The listener with what its requests share.

    Args:
        address: to listen on; port 0 takes a free one. files: the files served, by SHA-256. max_transfers: how many
        files are sent at once; further requests wait a while and are then told to come again (503).

    """

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, address: tuple[str, int], files: dict[str, Path], max_transfers: int) -> None:
        super().__init__(address, _Handler)
        self.files = files
        self.token = secrets.token_urlsafe(32)
        self.places = threading.BoundedSemaphore(max_transfers)
        self._lock = threading.Lock()
        self._active = 0
        self._quiet_since = time.monotonic()

    @contextlib.contextmanager
    def transfer(self) -> Iterator[None]:
        """Count a transfer while it runs."""
        with self._lock:
            self._active += 1
        try:
            yield
        finally:
            with self._lock:
                self._active -= 1
                self._quiet_since = time.monotonic()

    def quiet_seconds(self) -> float:
        """For how long nothing was asked; 0 during a transfer."""
        with self._lock:
            return 0.0 if self._active else time.monotonic() - self._quiet_since


class _Handler(BaseHTTPRequestHandler):
    server: ArtifactServer
    protocol_version = "HTTP/1.1"
    timeout = _STALLED_SECONDS

    def do_HEAD(self) -> None:
        self._answer(body=False)

    def do_GET(self) -> None:
        self._answer(body=True)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
        """Write nothing: request lines hold the token."""

    def _answer(self, *, body: bool) -> None:
        _, _, rest = self.path.partition("/")
        token, _, sha256 = rest.partition("/")
        path = self.server.files.get(sha256)
        if path is None or not hmac.compare_digest(token.encode(), self.server.token.encode()):
            self._refuse(HTTPStatus.NOT_FOUND)
            return
        with self.server.transfer():
            if not self.server.places.acquire(timeout=_WAIT_FOR_PLACE_SECONDS):
                self._refuse(HTTPStatus.SERVICE_UNAVAILABLE, {"Retry-After": "2"})
                return
            try:
                self._send(path, sha256, body=body)
            except (ConnectionError, TimeoutError):
                # The node went away or stalls; it comes again with a range.
                self.close_connection = True
            finally:
                self.server.places.release()

    def _send(self, path: Path, sha256: str, *, body: bool) -> None:
        with path.open("rb") as stream:
            size = os.fstat(stream.fileno()).st_size
            try:
                part = wanted_range(self.headers.get("Range", ""), size)
            except ValueError:
                self._refuse(HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE, {"Content-Range": f"bytes */{size}"})
                return
            first, last = part or (0, size - 1)
            self.send_response(HTTPStatus.PARTIAL_CONTENT if part else HTTPStatus.OK)
            self.send_header("Content-Type", "application/octet-stream")
            self.send_header("Content-Length", str(last - first + 1))
            self.send_header("Accept-Ranges", "bytes")
            self.send_header("ETag", f'"{sha256}"')
            if part:
                self.send_header("Content-Range", f"bytes {first}-{last}/{size}")
            self.end_headers()
            if body and last >= first:
                self.connection.sendfile(stream, first, last - first + 1)

    def _refuse(self, status: HTTPStatus, headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.send_header("Content-Length", "0")
        self.end_headers()


def wanted_range(header: str, size: int) -> tuple[int, int] | None:
    """First and last byte that a ``Range`` header asks for; None where all of it is to be sent.

    What is no single byte range is ignored, as RFC 9110 section 14.2 allows.

    Raises:
        ValueError: the range lies outside the file.

    """
    match = _RANGE.fullmatch(header.strip())
    if match is None or match.groups() == ("", ""):
        return None
    first, last = match.groups()
    if not first:
        begin, end = max(0, size - int(last)), size - 1
    else:
        begin, end = int(first), min(int(last), size - 1) if last else size - 1
    if begin > end:
        raise ValueError(header)
    return begin, end


def serve(server: ArtifactServer, ready_file: Path, parent: int, idle_seconds: float, store: Store) -> None:
    """Serve until the parent process is gone or nothing was asked for ``idle_seconds``."""
    started = process_start(parent)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.2}, daemon=True)
    thread.start()
    ready = {"port": server.server_address[1], "path": f"/{server.token}"}
    # The store's writer makes the file 0600 and whole from the start.
    store.write(ready_file, json.dumps(ready).encode())
    try:
        while started and process_start(parent) == started and server.quiet_seconds() < idle_seconds:
            time.sleep(_WATCH_SECONDS)
    finally:
        ready_file.unlink(missing_ok=True)
        server.shutdown()
        server.server_close()


def start(blobs: Sequence[str], *, parent: int, ready_file: Path) -> dict[str, Any]:
    """Start a server process that ends with another process; its ``port`` and ``path``.

    Args:
        blobs: SHA-256 digests of the files to serve, all of them in the cache.
        parent: id of the process with which the server ends.
        ready_file: where it says that it listens; removed when it ends.

    Raises:
        ArtifactError: it does not start; the message has what it wrote.

    """
    ready_file.unlink(missing_ok=True)
    complaints = ready_file.with_suffix(".log")
    command = [sys.executable, "-m", "kubewright.artifacts.server", "--ready-file", str(ready_file)]
    command += ["--parent-pid", str(parent), "--blobs", ",".join(blobs), "--idle", str(_IDLE_SECONDS)]
    with os.fdopen(os.open(complaints, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as stream:
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=stream, start_new_session=True
        )
    deadline = time.monotonic() + _START_SECONDS
    while not ready_file.exists():
        if process.poll() is not None or time.monotonic() > deadline:
            process.kill()
            process.wait()
            raise ArtifactError("artifact server", f"it did not start: {complaints.read_text().strip() or 'no answer'}")
        time.sleep(_START_POLL_SECONDS)
    # Somebody has to take note of the process's end.
    threading.Thread(target=process.wait, daemon=True).start()
    return dict(json.loads(ready_file.read_text()))


def main(arguments: list[str] | None = None) -> None:
    """Serve the listed files, as the command line says."""
    parser = argparse.ArgumentParser(
        prog="kubewright.artifacts.server", description="Serve files of the artifact cache to nodes."
    )
    parser.add_argument(
        "--ready-file", type=Path, required=True, help="where port and path are written once it listens"
    )
    parser.add_argument("--parent-pid", type=int, required=True, help="the process with which it ends")
    parser.add_argument("--blobs", required=True, help="SHA-256 digests to serve, separated by commas")
    parser.add_argument("--bind", default="0.0.0.0", help="address to listen on")
    parser.add_argument("--port", type=int, default=0, help="port to listen on; 0 takes a free one")
    parser.add_argument("--max-transfers", type=int, default=8, help="transfers at once")
    parser.add_argument(
        "--idle", type=float, default=float(_IDLE_SECONDS), help="seconds without a request after which it ends"
    )
    given = parser.parse_args(arguments)
    store = Store()
    wanted = [sha256 for sha256 in given.blobs.split(",") if sha256]
    missing = [sha256 for sha256 in wanted if not store.holds(sha256)]
    if missing:
        parser.error(f"not in the cache: {', '.join(missing)}")
    files = {sha256: store.path(sha256) for sha256 in wanted}
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, _end)
    serve(
        ArtifactServer((given.bind, given.port), files, given.max_transfers),
        given.ready_file,
        given.parent_pid,
        given.idle,
        store,
    )


def _end(number: int, frame: FrameType | None) -> None:
    del frame
    raise SystemExit(128 + number)


if __name__ == "__main__":
    main()
