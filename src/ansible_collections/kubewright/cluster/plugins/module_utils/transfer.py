"""Bring artifacts to a node: by HTTP from ``BASE/<sha256>`` into the staging directory, resumed, verified.

Files that the controller uploaded as ``<uploads>/<sha256>`` are taken as well. They may lie in a directory of the login
user's, so they are copied into staging, which is root's, and verified there: nobody else can change them afterwards.
"""

from __future__ import annotations

import contextlib
import errno
import os
import re
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Iterable, Iterator, Optional, Sequence

from ansible_collections.kubewright.cluster.plugins.module_utils import files
from ansible_collections.kubewright.cluster.plugins.module_utils.errors import ARTIFACTS, BAD_INPUT, NodeError
from ansible_collections.kubewright.cluster.plugins.module_utils.frozen import frozen
from ansible_collections.kubewright.cluster.plugins.module_utils.late import late
from ansible_collections.kubewright.cluster.plugins.module_utils.process import System

if TYPE_CHECKING:
    from concurrent import futures
else:
    futures = late("concurrent.futures")

STAGING = "/var/lib/kubewright/staging"
"""Where artifacts wait until they are installed."""

PARALLEL = 3
"""Downloads at a time: enough to fill a link, few enough for a controller that serves many nodes."""

_OF_THE_DISK = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EROFS})
_ATTEMPTS = 3
_NOWHERE = "there is no URL to fetch it from, and it was not uploaded"
_BUSY_SECONDS = 1800.0
"""How long a server may put a node off that waits for its turn."""

_SHA256 = re.compile(r"[0-9a-f]{64}\Z")
_RESERVE = 64 << 20
"""Bytes that stay free beside the artifacts, for logs and the manifest."""


@frozen
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


@frozen
class Missing:
    """An artifact that could not be had, and why."""

    sha256: str
    name: str
    reason: str

    def to_json(self) -> dict[str, Any]:
        """Return it as the module reports it."""
        return {"sha256": self.sha256, "name": self.name, "reason": self.reason}


class ArtifactsMissingError(NodeError):
    """Artifacts could not be had: all of them, in ``missing``."""

    def __init__(self, missing: Sequence[Missing]) -> None:
        reasons = "; ".join("%s: %s" % (item.name, item.reason) for item in missing)
        super().__init__("artifacts", reasons, "Make them available or upload them", ARTIFACTS)
        self.missing = list(missing)


class Store:
    """The staging directory with what is fetched into it. Only a holder of the node lock may use it.

    :meth:`require` says what is needed, :meth:`transfers` fetches it in the background, :meth:`claim` waits for one.
    """

    def __init__(self, system: System, urls: Sequence[str] = (), uploads: str = STAGING) -> None:
        self._system = system
        self._urls = [url.rstrip("/") for url in urls]
        self.directory = system.path(STAGING)
        self._uploads = system.path(uploads)
        self._users: dict[str, int] = {}
        self._verified: set[str] = set()
        self._absent: list[Wanted] = []
        self._transfers: dict[str, futures.Future[Optional[Missing]]] = {}
        self._stopped = threading.Event()

    def require(self, wanted: Iterable[Wanted]) -> list[Missing]:
        """Note what will be claimed, in that order; what no source has.

        Raises:
            NodeError: a file system is too small for it (exit code 3).

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
        self._absent = [item for item in unique if not self._staged(item.sha256)]
        self._require_space(self._absent, everything)
        with futures.ThreadPoolExecutor(PARALLEL) as pool:
            return [missing for missing in pool.map(self._look_for, self._absent) if missing is not None]

    @contextlib.contextmanager
    def transfers(self) -> Iterator[None]:
        """Fetch what is required in the background while the block runs; when the block fails, so do they."""
        with futures.ThreadPoolExecutor(PARALLEL) as pool:
            self._transfers = {item.sha256: pool.submit(self._obtain, item) for item in self._absent}
            try:
                yield
            except BaseException:
                self._stopped.set()
                pool.shutdown(wait=False, cancel_futures=True)
                raise

    def claim(self, sha256: str) -> tuple[Path, bool]:
        """Return the verified file of an artifact, and whether this is its last use (then it may be moved away).

        Waits for its transfer.

        Raises:
            ArtifactsMissingError: it could not be had; names all that could not.
            NodeError: nobody required it (exit code 8).

        """
        transfer = self._transfers.get(sha256)
        if transfer is not None and transfer.result() is not None:
            results = [other.result() for other in self._transfers.values()]
            raise ArtifactsMissingError([result for result in results if result is not None])
        if sha256 not in self._verified and not self._staged(sha256):
            raise NodeError("artifact %s" % sha256[:12], "is not in %s" % self.directory, "Run again", ARTIFACTS)
        self._users[sha256] = self._users.get(sha256, 1) - 1
        return self.directory / sha256, self._users[sha256] <= 0

    def release(self, sha256: str) -> None:
        """Remove a file from staging that was used for the last time and not moved."""
        if self._users.get(sha256, 0) <= 0:
            (self.directory / sha256).unlink()

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

    def _look_for(self, item: Wanted) -> Optional[Missing]:
        """Ask every source whether it has the artifact, without transferring it."""
        from ansible_collections.kubewright.cluster.plugins.module_utils import download  # noqa: PLC0415

        if (self._uploads / item.sha256).is_file():
            return None
        reasons = []
        for url in self._urls:
            reason = download.refusal("%s/%s" % (url, item.sha256))
            if not reason:
                return None
            reasons.append("%s: %s" % (_server(url), reason))
        return Missing(item.sha256, item.name, "; ".join(reasons) or _NOWHERE)

    def _obtain(self, item: Wanted) -> Optional[Missing]:
        reasons = []
        upload = self._uploads / item.sha256
        if upload.is_file() and upload.parent != self.directory:
            files.copy_into(upload, self._part(item.sha256), 0o600, files.own_ids())
            reason = self._accept(item, files.sha256_of(self._part(item.sha256)))
            if not reason:
                return None
            reasons.append("%s: %s" % (upload, reason))
        for url in self._urls:
            reason = self._download(url, item)
            if not reason:
                return None
            reasons.append("%s: %s" % (_server(url), reason))
        return Missing(item.sha256, item.name, "; ".join(reasons) or _NOWHERE)

    def _download(self, url: str, item: Wanted) -> str:
        """Fetch from one base URL; the reason why not, empty when it is there."""
        from ansible_collections.kubewright.cluster.plugins.module_utils import download  # noqa: PLC0415

        reason = ""
        attempts = 0
        patience = time.monotonic() + _BUSY_SECONDS
        while attempts < _ATTEMPTS:
            before = self._left(item)
            resumed = self._part(item.sha256).exists()
            try:
                reason = self._attempt("%s/%s" % (url, item.sha256), item)
            except download.BusyError as busy:
                if time.monotonic() > patience:
                    return "the server was busy for %d s" % _BUSY_SECONDS
                # The server said when to come again: it bounds the transfers of all nodes together.
                if self._stopped.wait(busy.seconds):
                    return "given up, as the run failed"
                continue
            except download.StoppedError:
                return "given up, as the run failed"
            attempts += 1
            if not reason:
                return ""
            if not resumed and self._left(item) >= before:
                # From the start and no byte gained: the next attempt would end in the same way. (One that went on with
                # an earlier run's damaged part is worth another from the start.)
                break
        return reason

    def _attempt(self, url: str, item: Wanted) -> str:
        from ansible_collections.kubewright.cluster.plugins.module_utils import download  # noqa: PLC0415

        part = self._part(item.sha256)
        try:
            found = download.receive(url, part, self._stopped)
        except download.FAILURES as error:
            number = getattr(error, "errno", None)
            if number in _OF_THE_DISK:
                # Another source could not put it there either.
                cause = "%s while artifact %s arrived" % (os.strerror(number), item.name)
                remedy = "Free space there or mount a larger file system"
                raise NodeError("disk of %s" % self.directory, cause, remedy) from error
            return download.failure_text(error)
        return self._accept(item, found)

    def _accept(self, item: Wanted, found: str) -> str:
        """Take a part whose digest is ``found`` for whole, or say what is wrong with it."""
        part = self._part(item.sha256)
        size = part.stat().st_size
        if item.size and size < item.size:
            return "the connection ended after %d of %d bytes" % (size, item.size)
        if found != item.sha256:
            part.unlink()
            return "its SHA-256 is %s" % found
        os.replace(str(part), str(self.directory / item.sha256))
        self._verified.add(item.sha256)
        return ""


def _server(url: str) -> str:
    """Return what messages say of a base URL: its path may hold the token that lets the node in."""
    return "/".join(url.split("/")[:3])


def _require_digest(item: Wanted) -> None:
    if not _SHA256.match(item.sha256):
        raise NodeError("artifact %s" % item.name, "%r is no SHA-256" % item.sha256, "", BAD_INPUT)


def _existing(path: Path) -> Path:
    """Return the path or the nearest parent that exists: where its file system can be asked."""
    while not path.exists():
        path = path.parent
    return path
