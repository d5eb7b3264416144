"""Copies of etcd's data, kept on a control plane before a step that could cost it.

They are what ``etcdutl snapshot restore`` takes. They hold every secret of the cluster, so they are root's alone.
"""

from __future__ import annotations

import hashlib
import shutil
import time
from pathlib import Path
from typing import Any, BinaryIO

from ansible_collections.kubewright.cluster.plugins.module_utils import etcd, files
from ansible_collections.kubewright.cluster.plugins.module_utils.errors import NodeError
from ansible_collections.kubewright.cluster.plugins.module_utils.process import System

DIRECTORY = "/var/lib/kubewright/snapshots"
KEPT = 5
_RESERVE = 256 * 2**20
"""Bytes that a snapshot must leave free: a full disk stops etcd itself."""

_TIMEOUT = 60.0
_DIGEST_SIZE = 32


def keep(system: System, certificates: str, data_directory: str, *, endpoint: str = etcd.LOCAL) -> dict[str, Any]:
    """Take a snapshot and keep it, with the newest ones before it; ``{path, bytes}``.

    Args:
        system: the node, a living control plane.
        certificates: kubeadm's certificatesDir.
        data_directory: etcd's, for the room that a copy needs.
        endpoint: the member that is asked.

    Raises:
        NodeError: there is no room, no answer, or what came is damaged. Nothing is kept then.

    """
    directory = system.path(DIRECTORY)
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    files.sweep([directory])
    _require_room(directory, system.path(data_directory) / "member" / "snap" / "db")
    now = time.time()
    name = "etcd-%s.%03dZ.db" % (time.strftime("%Y%m%dT%H%M%S", time.gmtime(now)), int(now * 1000) % 1000)
    member = etcd.Etcd(system, certificates, endpoint=endpoint, timeout=_TIMEOUT)
    received = _Received()

    def fill(stream: BinaryIO) -> None:
        for piece in member.snapshot():
            stream.write(piece)
            received.add(piece)
        received.verify()

    files.replace_by(directory / name, fill, 0o600, files.own_ids())
    for old in sorted(directory.glob("etcd-*.db"))[:-KEPT]:
        files.remove(old)
    return {"path": "%s/%s" % (DIRECTORY, name), "bytes": received.size}


class _Received:
    """What came so far: its size, and the digest of all but the last bytes, which are the digest as etcd sent it."""

    def __init__(self) -> None:
        self.size = 0
        self._digest = hashlib.sha256()
        self._end = b""

    def add(self, piece: bytes) -> None:
        """Take a piece into account."""
        self.size += len(piece)
        known = self._end + piece
        self._digest.update(known[:-_DIGEST_SIZE])
        self._end = known[-_DIGEST_SIZE:]

    def verify(self) -> None:
        """Refuse what is not whole.

        Raises:
            NodeError: the digest is another one.

        """
        if self._digest.digest() != self._end:
            raise NodeError(
                "etcd snapshot", "it arrived damaged (%d bytes)" % self.size, "Run again; look at etcd's log"
            )


def _require_room(directory: Path, database: Path) -> None:
    size = database.stat().st_size if database.exists() else 0
    free = shutil.disk_usage(str(directory)).free
    if free < size + _RESERVE:
        raise NodeError(
            "%s (etcd snapshot before a risky step)" % DIRECTORY,
            "%d MB are free, and %d MB are needed" % (free >> 20, (size + _RESERVE) >> 20),
            "Make room on that file system, then run again",
        )
