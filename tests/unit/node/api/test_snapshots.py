"""etcd's data is kept whole or not at all."""

from __future__ import annotations

import base64
import hashlib
import itertools
import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.kubewright.cluster.plugins.module_utils import snapshots
from ansible_collections.kubewright.cluster.plugins.module_utils.errors import NodeError
from ansible_collections.kubewright.cluster.plugins.module_utils.process import System
from tests.unit.node.api.made import write
from tests.unit.node.api.pki import Pki, Request, serve

CERTIFICATES = "/etc/kubernetes/ssl"
DATA = b"bolt" * 10_000


def stream(data: bytes, size: int = 7001) -> bytes:
    """As etcd's gateway sends a snapshot: an object a line, each with a piece."""
    whole = data + hashlib.sha256(data).digest()
    pieces = [whole[start : start + size] for start in range(0, len(whole), size)]
    return b"".join(
        json.dumps({"result": {"blob": base64.b64encode(piece).decode()}}).encode() + b"\n" for piece in pieces
    )


@pytest.fixture
def node(system: System, pki: Pki) -> System:
    write(system, f"{CERTIFICATES}/etcd/ca.crt", pki.pem("ca.crt"))
    for kind in ("crt", "key"):
        write(system, f"{CERTIFICATES}/etcd/healthcheck-client.{kind}", pki.pem(f"client.{kind}"))
    return system


class Gateway:
    """etcd, answering with what a test says."""

    def __init__(self) -> None:
        self.body = stream(DATA)
        self.url = ""

    def answer(self, request: Request) -> tuple[int, bytes]:
        assert request.path == "/v3/maintenance/snapshot"
        return 200, self.body


@pytest.fixture
def gateway(pki: Pki) -> Iterator[Gateway]:
    made = Gateway()
    with serve(pki, made.answer) as server:
        made.url = server.url
        yield made


def kept(node: System) -> list[Path]:
    return sorted(node.path(snapshots.DIRECTORY).iterdir())


class TestKeep:
    def test_what_is_kept_is_what_etcd_has_and_roots_alone(self, node: System, gateway: Gateway) -> None:
        answer = snapshots.keep(node, CERTIFICATES, "/var/lib/etcd", endpoint=gateway.url)
        (path,) = kept(node)
        assert answer == {"path": f"{snapshots.DIRECTORY}/{path.name}", "bytes": len(DATA) + 32}
        assert path.read_bytes() == DATA + hashlib.sha256(DATA).digest()
        assert path.stat().st_mode & 0o777 == 0o600
        assert path.parent.stat().st_mode & 0o777 == 0o700

    def test_only_the_newest_stay(self, node: System, gateway: Gateway) -> None:
        for number in range(snapshots.KEPT + 2):
            write(node, f"{snapshots.DIRECTORY}/etcd-2020010{number}T000000.000Z.db", "old")
        snapshots.keep(node, CERTIFICATES, "/var/lib/etcd", endpoint=gateway.url)
        assert len(kept(node)) == snapshots.KEPT
        assert kept(node)[-1].read_bytes() != b"old"

    def test_what_a_killed_run_left_is_removed(self, node: System, gateway: Gateway) -> None:
        write(node, f"{snapshots.DIRECTORY}/.kubewright-x.tmp", "half")
        snapshots.keep(node, CERTIFICATES, "/var/lib/etcd", endpoint=gateway.url)
        assert [path.suffix for path in kept(node)] == [".db"]

    @pytest.mark.parametrize(
        "body",
        [
            stream(DATA)[: len(stream(DATA)) // 2],
            b"".join(stream(DATA).splitlines(keepends=True)[:-1]),
            b"",
            b'{"error": {"message": "etcdserver: no leader"}}\n',
            b"<html>",
        ],
        ids=["in the middle of a line", "a line too few", "nothing", "an error", "something else"],
    )
    def test_half_a_snapshot_is_none(self, node: System, gateway: Gateway, body: bytes) -> None:
        gateway.body = body
        with pytest.raises(NodeError):
            snapshots.keep(node, CERTIFICATES, "/var/lib/etcd", endpoint=gateway.url)
        assert kept(node) == []

    def test_a_full_disk_is_told_before_anything_is_written(
        self, node: System, gateway: Gateway, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(shutil, "disk_usage", lambda path: SimpleNamespace(free=2**20))
        with pytest.raises(NodeError, match="1 MB are free, and 256 MB are needed"):
            snapshots.keep(node, CERTIFICATES, "/var/lib/etcd", endpoint=gateway.url)
        assert kept(node) == []


class TestReceived:
    @given(data=st.binary(max_size=200), cuts=st.lists(st.integers(0, 232), max_size=6), flip=st.integers(0, 231))
    def test_any_cut_is_whole_and_any_flipped_byte_is_not(self, data: bytes, cuts: list[int], flip: int) -> None:
        whole = data + hashlib.sha256(data).digest()
        edges = [0, *sorted(min(cut, len(whole)) for cut in cuts), len(whole)]
        received = snapshots._Received()
        for start, end in itertools.pairwise(edges):
            received.add(whole[start:end])
        received.verify()
        damaged = bytearray(whole)
        damaged[flip % len(whole)] ^= 1
        other = snapshots._Received()
        other.add(bytes(damaged))
        with pytest.raises(NodeError):
            other.verify()
