"""Bring artifacts to a node: by HTTP from ``BASE/<sha256>`` into the staging directory, resumed, verified.

Files that the controller uploaded as ``<uploads>/<sha256>`` are taken as well. They may lie in a directory of the login
user's, so they are copied into staging, which is root's, and verified there: nobody else can change them afterwards.
"""

from __future__ import annotations

import concurrent.futures
import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Iterable, Optional, Sequence

from ansible_collections.kubewright.cluster.plugins.module_utils import files
from ansible_collections.kubewright.cluster.plugins.module_utils.errors import ARTIFACTS, BAD_INPUT, NodeError
from ansible_collections.kubewright.cluster.plugins.module_utils.process import System

STAGING = "/var/lib/kubewright/staging"
"""Where artifacts wait until they are installed."""

PARALLEL = 3
"""Downloads at a time: enough to fill a link, few enough for a controller that serves many nodes."""

STALLED_AFTER = 30.0
"""Seconds without a byte after which a download counts as failed."""

_ATTEMPTS = 3
_CHUNK = 1 << 20
_SHA256 = re.compile(r"[0-9a-f]{64}\Z")
_RESERVE = 64 << 20
"""Bytes that stay free beside the artifacts, for logs and the manifest."""


@dataclass(frozen=True)
class Wanted:
    """An artifact that a resource needs.

    ``size`` is in bytes, ``name`` is for messages, ``destination`` is the path that it will be installed at, and
    ``installed`` the bytes that it will take there (0 where it is moved there from staging).
    """

    sha256: str
    size: int
    name: str
    destination: str
    installed: int = 0


@dataclass(frozen=True)
class Missing:
    """An artifact that could not be had, and why."""

    sha256: str
    name: str
    reason: str

    def to_json(self) -> dict[str, Any]:
        """Return it as the module reports it."""
        return {"sha256": self.sha256, "name": self.name, "reason": self.reason}


class Store:
    """The staging directory with what was fetched into it. Only a holder of the node lock may fetch or claim."""

    def __init__(self, system: System, urls: Sequence[str] = (), uploads: str = STAGING) -> None:
        self._system = system
        self._urls = [url.rstrip("/") for url in urls]
        self.directory = system.path(STAGING)
        self._uploads = system.path(uploads)
        self._users: dict[str, int] = {}
        self._verified: set[str] = set()

    def fetch(self, wanted: Iterable[Wanted]) -> list[Missing]:
        """Bring everything that is wanted into staging; what could not be had.

        Raises:
            NodeError: a file system is too small for it (exit code 3), before anything is transferred.

        """
        everything = list(wanted)
        for item in everything:
            _require_digest(item)
            self._users[item.sha256] = self._users.get(item.sha256, 0) + 1
        if not everything:
            return []
        self.directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.directory.chmod(0o700)
        unique = list({item.sha256: item for item in everything}.values())
        absent = [item for item in unique if not self._staged(item.sha256)]
        self._require_space(absent, everything)
        with concurrent.futures.ThreadPoolExecutor(PARALLEL) as pool:
            results = list(pool.map(self._obtain, absent))
        return [result for result in results if result is not None]

    def claim(self, sha256: str) -> tuple[Path, bool]:
        """Return the verified file of an artifact, and whether this is its last use (then it may be moved away).

        Raises:
            NodeError: it is not in staging (exit code 8).

        """
        path = self.directory / sha256
        if sha256 not in self._verified and not self._staged(sha256):
            raise NodeError("artifact %s" % sha256[:12], "is not in %s" % self.directory, "Run again", ARTIFACTS)
        self._users[sha256] = self._users.get(sha256, 1) - 1
        return path, self._users[sha256] <= 0

    def release(self, sha256: str) -> None:
        """Remove a file from staging that was used for the last time and not moved."""
        if self._users.get(sha256, 0) <= 0:
            files.remove(self.directory / sha256)

    def tidy(self) -> None:
        """Remove the staging directory with all that is left in it; the run that needed it is complete."""
        if not self.directory.is_dir():
            return
        for leftover in self.directory.iterdir():
            if _SHA256.match(leftover.name.split(".")[0]) and leftover.is_file():
                leftover.unlink()
        if not any(self.directory.iterdir()):
            self.directory.rmdir()

    def _staged(self, sha256: str) -> bool:
        """Tell whether the whole file is there; one with another digest is removed."""
        path = self.directory / sha256
        if not path.is_file():
            return False
        if files.sha256_of(path) != sha256:
            path.unlink()
            return False
        self._verified.add(sha256)
        return True

    def _require_space(self, absent: Sequence[Wanted], everything: Sequence[Wanted]) -> None:
        """Fail before the first byte where a file system cannot hold what it is to get."""
        needs: dict[int, int] = {}
        places: dict[int, Path] = {}
        staging = _existing(self.directory)
        for path, size in [(staging, self._left(item)) for item in absent] + [
            (_existing(self._system.path(item.destination)), item.installed) for item in everything
        ]:
            device = path.stat().st_dev
            places.setdefault(device, path)
            needs[device] = needs.get(device, 0) + size
        for device, needed in needs.items():
            path = places[device]
            status = os.statvfs(str(path))
            free = status.f_bavail * status.f_frsize
            if free < needed + _RESERVE:
                raise NodeError(
                    "disk of %s" % path,
                    "%d bytes are free, the artifacts need %d" % (free, needed + _RESERVE),
                    "Free space there or mount a larger file system",
                    BAD_INPUT,
                )

    def _left(self, item: Wanted) -> int:
        part = self._part(item.sha256)
        return max(0, item.size - (part.stat().st_size if part.exists() else 0))

    def _part(self, sha256: str) -> Path:
        return self.directory / (sha256 + ".part")

    def _obtain(self, item: Wanted) -> Optional[Missing]:
        reasons = []
        upload = self._uploads / item.sha256
        if upload.is_file() and upload.parent != self.directory:
            files.copy_into(upload, self._part(item.sha256), 0o600, files.own_ids())
            reason = self._accept(item)
            if not reason:
                return None
            reasons.append("%s: %s" % (upload, reason))
        for url in self._urls:
            reason = self._download(url, item)
            if not reason:
                return None
            reasons.append("%s: %s" % (url, reason))
        return Missing(item.sha256, item.name, "; ".join(reasons) or "no URL to fetch it from and not uploaded")

    def _download(self, url: str, item: Wanted) -> str:
        """Fetch from one base URL; the reason why not, empty when it is there."""
        reason = ""
        for _ in range(_ATTEMPTS):
            before = self._left(item)
            resumed = self._part(item.sha256).exists()
            reason = self._attempt("%s/%s" % (url, item.sha256), item)
            if not reason:
                return ""
            if not resumed and self._left(item) >= before:
                # From the start and no byte gained: the next attempt would end in the same way. (One that went on with
                # an earlier run's damaged part is worth another from the start.)
                break
        return reason

    def _attempt(self, url: str, item: Wanted) -> str:
        # Imported here: most runs fetch nothing, and the HTTP client takes a third of the module's start.
        import http.client  # noqa: PLC0415
        import urllib.error  # noqa: PLC0415

        try:
            _receive(url, self._part(item.sha256))
        except (urllib.error.URLError, http.client.HTTPException, OSError) as error:
            return str(getattr(error, "reason", "") or error or type(error).__name__)
        return self._accept(item)

    def _accept(self, item: Wanted) -> str:
        part = self._part(item.sha256)
        size = part.stat().st_size
        if item.size and size < item.size:
            return "the connection ended after %d of %d bytes" % (size, item.size)
        found = files.sha256_of(part)
        if found != item.sha256:
            part.unlink()
            return "its SHA-256 is %s" % found
        os.replace(str(part), str(self.directory / item.sha256))
        self._verified.add(item.sha256)
        return ""


def _receive(url: str, part: Path) -> None:
    """Append what is left of the file at ``url`` to ``part``, from its start where the server knows no ranges."""
    import urllib.request  # noqa: PLC0415

    have = part.stat().st_size if part.exists() else 0
    request = urllib.request.Request(url, headers={"Range": "bytes=%d-" % have} if have else {})
    try:
        response = urllib.request.urlopen(request, timeout=STALLED_AFTER)
    except urllib.error.HTTPError as error:
        if error.code != 416:
            raise
        # The server has no byte beyond what is here: whole, or not that file. The digest tells.
        error.close()
        return
    with response, part.open("ab" if response.status == 206 else "wb") as stream:
        os.fchmod(stream.fileno(), 0o600)
        for chunk in iter(lambda: response.read(_CHUNK), b""):
            stream.write(chunk)


def _require_digest(item: Wanted) -> None:
    if not _SHA256.match(item.sha256):
        raise NodeError("artifact %s" % item.name, "%r is no SHA-256" % item.sha256, "", BAD_INPUT)


def _existing(path: Path) -> Path:
    """Return the path or the nearest parent that exists: where its file system can be asked."""
    while not path.exists():
        path = path.parent
    return path
