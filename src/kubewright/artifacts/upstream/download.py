"""Downloads over HTTP that resume, into files that are taken only with the right digest."""

from __future__ import annotations

import hashlib
import time
from dataclasses import dataclass, field
from http import HTTPStatus
from pathlib import Path

import httpx

from kubewright.artifacts.progress import Report
from kubewright.artifacts.store import Store, file_sha256
from kubewright.errors import ArtifactError

_TELL_BYTES = 1 << 20
_TEXT_LIMIT = 4 << 20
_MARGIN_BYTES = 100_000_000
_FRUITLESS_TRIES = 4
"""Tries in a row that brought no further byte, after which a download is given up."""
_RETRY_SECONDS = 1.0
_TIMEOUT = httpx.Timeout(30.0, connect=5.0)
_PASSING = {
    HTTPStatus.REQUEST_TIMEOUT,
    HTTPStatus.TOO_MANY_REQUESTS,
    HTTPStatus.INTERNAL_SERVER_ERROR,
    HTTPStatus.BAD_GATEWAY,
    HTTPStatus.SERVICE_UNAVAILABLE,
    HTTPStatus.GATEWAY_TIMEOUT,
}


@dataclass(frozen=True)
class Wanted:
    """A file to download: where, what it must be, and for which component.

    ``size`` in bytes where known, else 0. ``headers`` go with each request.
    """

    url: str
    sha256: str
    component: str
    size: int = 0
    headers: dict[str, str] = field(default_factory=dict, hash=False)


def new_client() -> httpx.Client:
    """Return a client that follows redirects and waits a bounded time; threads may share it."""
    return httpx.Client(follow_redirects=True, timeout=_TIMEOUT, headers={"User-Agent": "kubewright"})


def text(client: httpx.Client, url: str) -> str:
    """Return a small text file, for example one of checksums.

    Raises:
        ArtifactError: it cannot be had or is too large.

    """
    for attempt in range(_FRUITLESS_TRIES):
        try:
            response = client.get(url)
        except httpx.HTTPError as error:
            problem = f"{type(error).__name__}: {error}"
        else:
            if response.status_code not in _PASSING:
                require_success(response, url)
                if len(response.content) > _TEXT_LIMIT:
                    raise ArtifactError(url, f"{len(response.content)} bytes are too many for a file of checksums")
                return response.text
            problem = f"HTTP status {response.status_code}"
        if attempt + 1 < _FRUITLESS_TRIES:
            time.sleep(_RETRY_SECONDS)
    raise ArtifactError(url, f"it cannot be downloaded ({problem})")


class LoginNeededError(ArtifactError):
    """The server wants a token, or does not take the one that it gave."""


def require_success(response: httpx.Response, url: str) -> None:
    """Raise ArtifactError unless the answer is a success, LoginNeededError where the server wants a token."""
    if response.status_code == HTTPStatus.UNAUTHORIZED:
        raise LoginNeededError(url, "the server refuses the login")
    if not response.is_success:
        raise ArtifactError(url, f"the server answers {response.status_code} {response.reason_phrase}")


class Downloader:
    """Downloads files into the store's folder of partial files, each once at a time on this machine."""

    def __init__(self, client: httpx.Client, store: Store, report: Report) -> None:
        self.client = client
        self._store = store
        self._report = report

    def fetch(self, wanted: Wanted) -> Path:
        """Download a file, going on where an earlier try was interrupted; the path of the verified file.

        The caller moves the file into the store or removes it.

        Raises:
            ArtifactError: it cannot be had, has another digest, or does not fit on the disk.

        """
        key = hashlib.sha256(f"{wanted.url} {wanted.sha256}".encode()).hexdigest()
        part = self._store.root / "partial" / key
        with self._store.lock(key, wanted.component, self._report):
            resumed = part.exists()
            self._receive(wanted, part)
            found = file_sha256(part)
            if found != wanted.sha256 and resumed:
                # The beginning may be from another file, or damaged: once more from the start.
                part.unlink()
                self._receive(wanted, part)
                found = file_sha256(part)
            if found != wanted.sha256:
                part.unlink()
                raise ArtifactError(
                    wanted.url,
                    f"its SHA-256 is {found} but {wanted.sha256} is expected",
                    "The file was changed on its way or at its source; it was thrown away",
                )
        return part

    def _receive(self, wanted: Wanted, part: Path) -> None:
        """Append what is missing, over as many connections as it takes while each brings something."""
        start, fruitless, problem = time.monotonic(), 0, ""
        while fruitless < _FRUITLESS_TRIES:
            before = _size(part)
            try:
                self._attempt(wanted, part, start)
            except (httpx.HTTPError, _PassingError) as error:
                problem = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
            else:
                return
            fruitless = fruitless + 1 if _size(part) <= before else 0
            self._report(wanted.component, "retrying", None, time.monotonic() - start)
            time.sleep(_RETRY_SECONDS if fruitless else 0)
        raise ArtifactError(wanted.url, f"the download failed ({problem})", "What was received is kept; try again")

    def _attempt(self, wanted: Wanted, part: Path, start: float) -> None:
        have = _size(part)
        if have and have == wanted.size:
            return
        headers = {**wanted.headers, "Accept-Encoding": "identity"}
        if have:
            headers["Range"] = f"bytes={have}-"
        with self.client.stream("GET", wanted.url, headers=headers) as response:
            if have and response.status_code == HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE:
                return  # Nothing beyond what is here: the digest tells whether that is all.
            if response.status_code in _PASSING:
                raise _PassingError(f"HTTP status {response.status_code}")
            require_success(response, wanted.url)
            goes_on = response.status_code == HTTPStatus.PARTIAL_CONTENT
            done = have if goes_on else 0
            left = int(response.headers.get("Content-Length", "0"))
            self._store.require_free(left + _MARGIN_BYTES, f"downloading {wanted.url}")
            with part.open("ab" if goes_on else "wb") as stream:
                # Without a chunk size, so that what arrived before a broken connection is kept.
                for chunk in response.iter_raw():
                    stream.write(chunk)
                    done += len(chunk)
                    if done % _TELL_BYTES < len(chunk):
                        self._tell(wanted, done, have + left if goes_on else left, start)

    def _tell(self, wanted: Wanted, done: int, total: int, start: float) -> None:
        fraction = done / total if total else None
        self._report(wanted.component, "downloading", fraction, time.monotonic() - start)


class _PassingError(Exception):
    """The server says that it might answer later."""


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0
