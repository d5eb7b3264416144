"""Get one file by HTTP: resumed, with its digest computed as it comes.

Imported only where something is fetched: the HTTP client takes a third of the time that a module needs to start.
"""

from __future__ import annotations

import hashlib
import http.client
import os
import threading
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any, Iterator

from ansible_collections.kubewright.cluster.plugins.module_utils import files

STALLED_AFTER = 30.0
"""Seconds without a byte after which a transfer counts as failed."""

FAILURES = (urllib.error.URLError, http.client.HTTPException, OSError)
"""What :func:`receive` raises when the server or the network fails."""

_CHUNK = 1 << 20
# The controller is reached directly, whatever proxy the node's environment has for the world outside.
_DIRECT = urllib.request.build_opener(urllib.request.ProxyHandler({}))
_GET_ONLY = frozenset({405, 501})


def failure_text(error: Exception) -> str:
    """Return why a transfer failed, as briefly as the error has it."""
    return str(getattr(error, "reason", "") or error or type(error).__name__)


class StoppedError(Exception):
    """The run failed elsewhere, so that nobody waits for the transfer any more."""


class BusyError(Exception):
    """The server has no place for another transfer; ``seconds`` is when it wants to be asked again."""

    def __init__(self, seconds: float) -> None:
        super().__init__(seconds)
        self.seconds = seconds


def refusal(url: str) -> str:
    """Return why the server will not give the file, as its answer to HEAD tells; empty when it will, or may."""
    try:
        with _DIRECT.open(urllib.request.Request(url, method="HEAD"), timeout=STALLED_AFTER):
            return ""
    except urllib.error.HTTPError as error:
        with error:
            # 503: it has no place just now.
            return "" if error.code == 503 or error.code in _GET_ONLY else str(error)
    except FAILURES as error:
        return failure_text(error)


def receive(url: str, part: Path, stopped: threading.Event) -> str:
    """Append what is left of the file at ``url`` to ``part``, from its start where the server knows no ranges.

    Returns the SHA-256 of all of ``part``, computed as the bytes come: reading large artifacts again costs.
    """
    have = part.stat().st_size if part.exists() else 0
    request = urllib.request.Request(url, headers={"Range": "bytes=%d-" % have} if have else {})
    try:
        response = _DIRECT.open(request, timeout=STALLED_AFTER)
    except urllib.error.HTTPError as error:
        with error:
            if error.code == 416:
                # The server has no byte beyond what is here: whole, or not that file. The digest tells.
                return files.sha256_of(part)
            if error.code == 503 and error.headers.get("Retry-After", "").isdigit():
                raise BusyError(min(float(error.headers["Retry-After"]), STALLED_AFTER)) from error
            raise
    with response:
        resumed = response.status == 206
        digest = _digest_of(part) if resumed else hashlib.sha256()
        for chunk in _written(response, part, "ab" if resumed else "wb"):
            if stopped.is_set():
                raise StoppedError
            digest.update(chunk)
    return str(digest.hexdigest())


def _digest_of(part: Path) -> Any:
    digest = hashlib.sha256()
    with part.open("rb") as stream:
        for chunk in iter(lambda: stream.read(_CHUNK), b""):
            digest.update(chunk)
    return digest


def _written(response: Any, part: Path, mode: str) -> Iterator[memoryview]:
    """Write the answer to the file and yield what was written."""
    # One buffer for all: a new one for each chunk doubles the time.
    buffer = memoryview(bytearray(_CHUNK))
    with open(part, mode, buffering=0) as stream:
        os.fchmod(stream.fileno(), 0o600)
        for size in iter(lambda: response.readinto(buffer), 0):
            stream.write(buffer[:size])
            yield buffer[:size]
