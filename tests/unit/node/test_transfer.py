"""Artifacts arrive whole and right, or not at all, and what was received is not received again."""

from __future__ import annotations

import errno
import hashlib
import http.server
import os
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from ansible_collections.kubewright.cluster.plugins.module_utils import download
from ansible_collections.kubewright.cluster.plugins.module_utils.errors import NodeError
from ansible_collections.kubewright.cluster.plugins.module_utils.process import System
from ansible_collections.kubewright.cluster.plugins.module_utils.transfer import (
    STAGING,
    ArtifactsMissingError,
    Missing,
    Store,
    Wanted,
)

CONTENT = bytes(range(256)) * 4096
SHA256 = hashlib.sha256(CONTENT).hexdigest()


@dataclass
class Server:
    """Serves ``content`` for every path; ``cut`` ends the first answer, ``busy`` puts off so many."""

    url: str = ""
    content: bytes = CONTENT
    ranges: bool = True
    cut: int = 0
    busy: int = 0
    head: int = 200
    requests: list[str] = field(default_factory=list)
    sent: int = 0


@pytest.fixture
def server() -> Iterator[Server]:
    state = Server()

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_HEAD(self) -> None:
            self.send_response(state.head)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def do_GET(self) -> None:
            wanted = self.headers.get("Range", "")
            state.requests.append(wanted)
            if state.busy:
                state.busy -= 1
                self.send_response(503)
                self.send_header("Retry-After", "0")
                self.end_headers()
                return
            start = int(wanted[len("bytes=") : -1]) if wanted and state.ranges else 0
            if start and start >= len(state.content):
                self.send_error(416)
                return
            self.send_response(206 if start else 200)
            self.send_header("Content-Length", str(len(state.content) - start))
            self.end_headers()
            body = state.content[start:]
            if state.cut:
                body, state.cut = body[: state.cut], 0
            state.sent += len(body)
            self.wfile.write(body)

        def log_message(self, *arguments: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as listener:
        state.url = f"http://127.0.0.1:{listener.server_address[1]}"
        thread = threading.Thread(target=listener.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield state
        listener.shutdown()
        thread.join()


def wanted(size: int = len(CONTENT)) -> Wanted:
    return Wanted(SHA256, size, "kubelet", "/usr/local/bin/kubelet")


def store(root: Path, *urls: str) -> Store:
    return Store(System(root), urls)


def fetch(source: Store, *items: Wanted) -> list[Missing]:
    """Require, transfer and wait for all."""
    missing = source.require(items)
    if missing:
        return missing
    try:
        with source.transfers():
            for item in items:
                source.claim(item.sha256)
    except ArtifactsMissingError as error:
        return error.missing
    return []


def staged(root: Path) -> Path:
    return System(root).path(STAGING) / SHA256


class TestFetch:
    def test_whole(self, tmp_path: Path, server: Server) -> None:
        fetched = store(tmp_path, server.url + "/")
        assert fetch(fetched, wanted()) == []
        path = staged(tmp_path)
        assert path.read_bytes() == CONTENT
        assert path.parent.stat().st_mode & 0o777 == 0o700

    def test_what_is_staged_is_not_fetched(self, tmp_path: Path, server: Server) -> None:
        fetch(store(tmp_path, server.url), wanted())
        assert fetch(store(tmp_path, server.url), wanted(), wanted()) == []
        assert len(server.requests) == 1

    def test_a_cut_connection_is_resumed(self, tmp_path: Path, server: Server) -> None:
        server.cut = 1000
        assert fetch(store(tmp_path, server.url), wanted()) == []
        assert server.requests == ["", "bytes=1000-"]
        assert server.sent == len(CONTENT)

    def test_a_killed_runs_part_is_resumed(self, tmp_path: Path, server: Server) -> None:
        part = System(tmp_path).path(f"{STAGING}/{SHA256}.part")
        part.parent.mkdir(parents=True)
        part.write_bytes(CONTENT[:5000])
        assert fetch(store(tmp_path, server.url), wanted()) == []
        assert server.sent == len(CONTENT) - 5000

    @pytest.mark.parametrize("part", [b"damaged", CONTENT + b"more"])
    def test_a_damaged_part_is_fetched_from_the_start(self, tmp_path: Path, server: Server, part: bytes) -> None:
        path = System(tmp_path).path(f"{STAGING}/{SHA256}.part")
        path.parent.mkdir(parents=True)
        path.write_bytes(part)
        assert fetch(store(tmp_path, server.url), wanted()) == []

    def test_a_server_without_ranges(self, tmp_path: Path, server: Server) -> None:
        server.ranges, server.cut = False, 1000
        assert fetch(store(tmp_path, server.url), wanted()) == []

    def test_the_next_server_when_one_fails(self, tmp_path: Path, server: Server) -> None:
        assert fetch(store(tmp_path, "http://127.0.0.1:9", server.url), wanted()) == []

    def test_a_busy_server_is_asked_again(self, tmp_path: Path, server: Server) -> None:
        """However often: nodes wait for their turn."""
        server.busy = 10
        assert fetch(store(tmp_path, server.url), wanted()) == []
        assert len(server.requests) == 11

    def test_a_server_that_knows_get_only(self, tmp_path: Path, server: Server) -> None:
        server.head = 501
        assert fetch(store(tmp_path, server.url), wanted()) == []


class TestBackground:
    def test_a_failing_run_stops_its_transfers(self, tmp_path: Path, server: Server) -> None:
        fetched = store(tmp_path, server.url)
        server.busy = 1 << 30
        assert fetched.require([wanted()]) == []
        with pytest.raises(RuntimeError, match="elsewhere"), fetched.transfers():
            raise RuntimeError("elsewhere")
        assert not staged(tmp_path).exists()

    def test_nothing_is_asked_of_a_server_that_has_it_not(self, tmp_path: Path, server: Server) -> None:
        server.head = 404
        (missing,) = fetch(store(tmp_path, server.url), wanted())
        assert "404" in missing.reason
        assert server.requests == []


class TestUploads:
    def test_one_in_the_login_users_directory_is_copied(self, tmp_path: Path) -> None:
        """Whoever owns it cannot change it after it was verified."""
        upload = tmp_path / "home" / SHA256
        upload.parent.mkdir()
        upload.write_bytes(CONTENT)
        fetched = Store(System(tmp_path), uploads="/home")
        assert fetch(fetched, wanted()) == []
        upload.write_bytes(b"evil")
        assert staged(tmp_path).read_bytes() == CONTENT

    def test_a_damaged_one_is_missing(self, tmp_path: Path) -> None:
        upload = tmp_path / "home" / SHA256
        upload.parent.mkdir()
        upload.write_bytes(b"evil" * len(CONTENT))
        (missing,) = fetch(Store(System(tmp_path), uploads="/home"), wanted())
        assert "its SHA-256 is" in missing.reason
        assert upload.exists()


class TestMissing:
    def test_wrong_bytes(self, tmp_path: Path, server: Server) -> None:
        server.content = b"x" * len(CONTENT)
        (missing,) = fetch(store(tmp_path, server.url), wanted())
        assert "its SHA-256 is " in missing.reason
        assert server.url in missing.reason
        assert list(System(tmp_path).path(STAGING).iterdir()) == []

    def test_the_token_in_a_url_is_not_shown(self, tmp_path: Path) -> None:
        (missing,) = fetch(store(tmp_path, "http://127.0.0.1:9/token"), wanted())
        assert "token" not in missing.reason

    def test_too_few_bytes(self, tmp_path: Path, server: Server) -> None:
        """What there is of it stays for the next run."""
        server.content = CONTENT[:100]
        (missing,) = fetch(store(tmp_path, server.url), wanted())
        assert "the connection ended after 100 of 1048576 bytes" in missing.reason
        assert System(tmp_path).path(f"{STAGING}/{SHA256}.part").stat().st_size == 100

    @pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EROFS])
    def test_a_disk_that_takes_no_more(
        self, tmp_path: Path, server: Server, monkeypatch: pytest.MonkeyPatch, number: int
    ) -> None:
        """No other source is tried: it would end in the same way, after as long."""
        asked = []

        def receive(url: str, part: Path, stopped: threading.Event) -> str:
            asked.append(url)
            raise OSError(number, os.strerror(number))

        monkeypatch.setattr(download, "receive", receive)
        with pytest.raises(NodeError) as told:
            fetch(store(tmp_path, server.url, server.url), wanted())
        assert told.value.subject == f"disk of {staged(tmp_path).parent}"
        assert told.value.cause == f"{os.strerror(number)} while artifact kubelet arrived"
        assert len(asked) == 1

    def test_no_server(self, tmp_path: Path) -> None:
        (missing,) = fetch(store(tmp_path, "http://127.0.0.1:9"), wanted())
        assert "Connection refused" in missing.reason
        assert missing.to_json()["sha256"] == SHA256

    def test_something_that_is_no_digest(self, tmp_path: Path) -> None:
        with pytest.raises(NodeError, match="is no SHA-256"):
            fetch(store(tmp_path), Wanted("../../etc/passwd", 1, "evil", "/x"))


class TestTidy:
    def test_what_is_left_goes_and_foreign_files_stay(self, tmp_path: Path, server: Server) -> None:
        fetched = store(tmp_path, server.url)
        fetch(fetched, wanted())
        fetched.directory.joinpath("f" * 64 + ".part").touch()
        fetched.directory.joinpath("foreign").touch()
        fetched.tidy()
        assert [path.name for path in fetched.directory.iterdir()] == ["foreign"]
