"""A cache of its own for each test, and the imitation of publishers."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from kubewright.artifacts.store import Store
from kubewright.catalog import load
from kubewright.catalog.model import Release
from tests.unit.artifacts.imitation import Imitation


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Retry at once."""
    monkeypatch.setattr("kubewright.artifacts.upstream.download._RETRY_SECONDS", 0.0)


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Store:
    monkeypatch.setenv("KUBEWRIGHT_CACHE", str(tmp_path / "cache"))
    return Store()


@pytest.fixture(scope="session")
def release() -> Release:
    return load().release("1.37.2")


@pytest.fixture
def publisher(release: Release) -> Iterator[Imitation]:
    """Everything of a release for amd64."""
    server = Imitation()
    server.publish(release, "amd64")
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()
