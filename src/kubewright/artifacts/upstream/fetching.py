"""Fetch what the cache lacks from publishers or a mirror; the only part of this source that uses the network."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx

from kubewright.artifacts import oci, recipe
from kubewright.artifacts.progress import TOTAL
from kubewright.artifacts.upstream import checksums, members
from kubewright.artifacts.upstream.download import Downloader, Wanted, new_client, text
from kubewright.artifacts.upstream.registry import Registry
from kubewright.artifacts.upstream.source import Upstream
from kubewright.artifacts.upstream.urls import parse_reference
from kubewright.catalog.model import Artifact, Kind, ResolvedArtifact

_PARALLEL = 4
_PROBE_SECONDS = 5.0
_ARTIFACT_BYTES = 150_000_000
"""Room per missing artifact that is asked for before anything begins; each download then asks for its own size."""


def problem_of(url: str) -> str:
    """Say why a URL cannot be reached, empty if it can; takes at most a few seconds."""
    problems: list[str] = []

    def probe() -> None:
        try:
            httpx.head(url, timeout=_PROBE_SECONDS, follow_redirects=True)
        except httpx.HTTPError as error:
            problems.append(f"{url} cannot be reached ({error})")
        else:
            problems.append("")

    # Looking up a name has no time limit of its own, so the probe runs beside and may be left behind.
    thread = threading.Thread(target=probe, daemon=True)
    thread.start()
    thread.join(_PROBE_SECONDS)
    return problems[0] if problems else f"{url} does not answer within {_PROBE_SECONDS:.0f} s"


def fetch(source: Upstream, artifacts: tuple[Artifact, ...]) -> dict[str, ResolvedArtifact]:
    """Download these artifacts into the source's cache, several at once.

    Raises:
        ArtifactError: one cannot be had or is not what it should be, or the disk is too full.

    """
    start = time.monotonic()
    source.store.require_free(_ARTIFACT_BYTES * len(artifacts), f"downloading {len(artifacts)} artifacts")
    results: dict[str, ResolvedArtifact] = {}
    with new_client() as client, ThreadPoolExecutor(_PARALLEL) as pool:
        fetching = _Fetching(source, Downloader(client, source.store, source.report))
        try:
            for result in pool.map(fetching.one, artifacts):
                results[result.name] = result
                source.report(TOTAL, "downloading", len(results) / len(artifacts), time.monotonic() - start)
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise
    source.report(TOTAL, "done", 1.0, time.monotonic() - start)
    return results


class _Fetching:
    """Fetches one artifact after another; threads may share it."""

    def __init__(self, source: Upstream, downloads: Downloader) -> None:
        self._source = source
        self._store = source.store
        self._downloads = downloads
        self._registry = Registry(source.places(), downloads, source.architecture)

    def one(self, artifact: Artifact) -> ResolvedArtifact:
        """Return the artifact, downloaded unless another process has done it meanwhile."""
        start, key = time.monotonic(), self._source.key(artifact)
        with self._store.lock(key, artifact.name, self._source.report):
            if known := self._source.recall(artifact):
                return known
            entry = self._file(artifact) if "url" in artifact.upstream else self._image(artifact)
            result = recipe.resolved(artifact, entry)
            recipe.remember(self._store, key, result)
        self._source.report(artifact.name, "done", 1.0, time.monotonic() - start)
        return result

    def _file(self, artifact: Artifact) -> dict[str, Any]:
        """Download a release file, and take the wanted member out of it where the recipe says so."""
        upstream = {name: self._source.filled(str(value)) for name, value in artifact.upstream.items()}
        places = self._source.places()
        url, checksum = places.file(upstream["url"]), places.file(upstream["checksum"])
        sha256 = checksums.parse(text(self._downloads.client, checksum), url.rpartition("/")[2], checksum)
        part = self._downloads.fetch(Wanted(url, sha256, artifact.name))
        if "member" in upstream:
            return self._member(artifact, [part], upstream["member"])
        listed = members.digests(part, artifact.members, url) if artifact.kind is Kind.ARCHIVE else {}
        sha256, size = self._store.add(part)
        return {"sha256": sha256, "size": size, "members": listed}

    def _image(self, artifact: Artifact) -> dict[str, Any]:
        """Pull an image and keep it as an archive, or one file of it where the recipe says so."""
        reference = str(artifact.upstream.get("image", artifact.reference))
        pulled = self._registry.pull(parse_reference(reference), artifact.name)
        parts = [blob.data for blob in pulled.blobs if isinstance(blob.data, Path)]
        if "member" in artifact.upstream:
            # The configuration comes first and is no archive; a file of an upper layer hides one below.
            entry = self._member(artifact, parts[:0:-1], str(artifact.upstream["member"]))
            parts[0].unlink()
            return entry
        with self._store.workspace() as folder:
            target = folder / "image"
            oci.write_image(target, artifact.reference, pulled.media_type, pulled.manifest, pulled.blobs)
            sha256, size = self._store.add(target)
        for part in set(parts):
            part.unlink(missing_ok=True)
        return {"sha256": sha256, "size": size}

    def _member(self, artifact: Artifact, archives: list[Path], member: str) -> dict[str, Any]:
        with self._store.workspace() as folder:
            target = folder / artifact.name
            members.extract(archives, member, target, artifact.name)
            sha256, size = self._store.add(target)
        for archive in archives:
            archive.unlink(missing_ok=True)
        return {"sha256": sha256, "size": size}
