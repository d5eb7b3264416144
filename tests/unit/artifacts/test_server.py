"""The server for nodes: what it gives, to whom, and when it ends."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from kubewright.artifacts.server import ArtifactServer, serve, start, wanted_range
from kubewright.artifacts.store import Store
from kubewright.errors import ArtifactError
from kubewright.lifetime import process_start

DATA = bytes(range(256)) * 1000


@dataclass
class Running:
    url: str
    digest: str
    other: str
    server: ArtifactServer


def add(store: Store, data: bytes) -> str:
    with store.workspace() as folder:
        (folder / "file").write_bytes(data)
        return store.add(folder / "file")[0]


@pytest.fixture
def running(store: Store) -> Iterator[Running]:
    digest, other = add(store, DATA), add(store, b"not offered")
    server = ArtifactServer(("127.0.0.1", 0), {digest: store.path(digest)}, 1)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    yield Running(f"http://127.0.0.1:{server.server_address[1]}/{server.token}", digest, other, server)
    server.shutdown()
    server.server_close()
    thread.join()


def wait_until(condition: object, seconds: float = 10.0) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if condition():  # type: ignore[operator]
            return True
        time.sleep(0.02)
    return False


class TestAnswers:
    def test_a_listed_file_is_sent_whole(self, running: Running) -> None:
        answer = httpx.get(f"{running.url}/{running.digest}")
        assert (answer.status_code, answer.content) == (200, DATA)
        assert answer.headers["ETag"] == f'"{running.digest}"'

    def test_head_gives_the_size_only(self, running: Running) -> None:
        answer = httpx.head(f"{running.url}/{running.digest}")
        assert (answer.headers["Content-Length"], answer.content) == (str(len(DATA)), b"")

    @pytest.mark.parametrize(
        ("asked", "first", "last"),
        [("bytes=100-", 100, len(DATA) - 1), ("bytes=0-9", 0, 9), ("bytes=-5", len(DATA) - 5, len(DATA) - 1)],
    )
    def test_a_range_is_sent_alone(self, running: Running, asked: str, first: int, last: int) -> None:
        answer = httpx.get(f"{running.url}/{running.digest}", headers={"Range": asked})
        assert (answer.status_code, answer.content) == (206, DATA[first : last + 1])
        assert answer.headers["Content-Range"] == f"bytes {first}-{last}/{len(DATA)}"

    def test_a_range_beyond_the_end_is_refused(self, running: Running) -> None:
        answer = httpx.get(f"{running.url}/{running.digest}", headers={"Range": f"bytes={len(DATA)}-"})
        assert (answer.status_code, answer.headers["Content-Range"]) == (416, f"bytes */{len(DATA)}")

    def test_what_is_not_listed_is_not_there(self, running: Running) -> None:
        assert httpx.get(f"{running.url}/{running.other}").status_code == 404
        assert httpx.get(f"{running.url}/../../../etc/passwd").status_code == 404

    def test_without_the_token_nothing_is_there(self, running: Running) -> None:
        base = running.url.rpartition("/")[0]
        for path in (running.digest, f"/{running.digest}", f"guess/{running.digest}", ""):
            assert httpx.get(f"{base}/{path}").status_code == 404

    def test_more_transfers_than_allowed_are_told_to_come_again(
        self, running: Running, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("kubewright.artifacts.server._WAIT_FOR_PLACE_SECONDS", 0.05)
        with running.server.places:
            answer = httpx.get(f"{running.url}/{running.digest}")
        assert (answer.status_code, answer.headers["Retry-After"]) == (503, "2")
        assert httpx.get(f"{running.url}/{running.digest}").status_code == 200

    @pytest.mark.parametrize("header", ["", "bytes=-", "lines=1-2", "bytes=1-2,4-5"])
    def test_what_is_no_single_range_is_ignored(self, header: str) -> None:
        assert wanted_range(header, 10) is None


class TestLife:
    def test_its_files_are_private_and_the_ready_file_removed_at_the_end(self, store: Store, tmp_path: Path) -> None:
        digest = add(store, DATA)
        ready_file = tmp_path / "ready.json"
        with subprocess.Popen(["sleep", "60"]) as parent:
            ready = start([digest], parent=parent.pid, ready_file=ready_file)
            assert {path.name: path.stat().st_mode & 0o777 for path in tmp_path.glob("ready.*")} == {
                "ready.json": 0o600,
                "ready.log": 0o600,
            }
            assert json.loads(ready_file.read_text()) == ready
            answer = httpx.get(f"http://127.0.0.1:{ready['port']}{ready['path']}/{digest}")
            assert answer.content == DATA
            parent.kill()
        assert wait_until(lambda: not ready_file.exists())

    def test_a_file_that_is_not_cached_is_an_error(self, store: Store, tmp_path: Path) -> None:
        with pytest.raises(ArtifactError, match="not in the cache: 000"):
            start(["0" * 64], parent=os.getpid(), ready_file=tmp_path / "ready.json")

    def test_it_ends_when_nobody_asks(self, store: Store, tmp_path: Path) -> None:
        server = ArtifactServer(("127.0.0.1", 0), {}, 1)
        began = time.monotonic()
        serve(server, tmp_path / "ready.json", os.getpid(), 0.2, store)
        assert time.monotonic() - began < 5
        assert not (tmp_path / "ready.json").exists()

    def test_a_later_process_with_the_same_id_is_not_the_parent(
        self, store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        starts = iter(["100", "100", "200"])
        monkeypatch.setattr("kubewright.artifacts.server.process_start", lambda pid: next(starts))
        monkeypatch.setattr("kubewright.artifacts.server._WATCH_SECONDS", 0.01)
        serve(ArtifactServer(("127.0.0.1", 0), {}, 1), tmp_path / "ready.json", os.getpid(), 60, store)
        assert next(starts, "none") == "none"

    def test_a_process_is_told_by_its_start(self) -> None:
        with subprocess.Popen([sys.executable, "-c", "pass"]) as process:
            assert process_start(process.pid)
        assert process_start(process.pid) == ""
        assert process_start(os.getpid()) == process_start(os.getpid())

    def test_a_dead_process_that_nobody_awaited_is_gone(self) -> None:
        with subprocess.Popen([sys.executable, "-c", "pass"], stdout=subprocess.PIPE) as process:
            assert process.stdout is not None
            process.stdout.read()
            assert wait_until(lambda: process_start(process.pid) == "")
