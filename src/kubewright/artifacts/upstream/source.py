"""The sources *upstream* and *mirror*: release files with their published checksums, images from their registries."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from kubewright.artifacts import oci, recipe
from kubewright.artifacts.progress import TOTAL, Report
from kubewright.artifacts.store import Store
from kubewright.artifacts.upstream import checksums, members
from kubewright.artifacts.upstream.download import Downloader, Wanted, new_client, text
from kubewright.artifacts.upstream.registry import Registry
from kubewright.artifacts.upstream.urls import Places, parse_reference
from kubewright.catalog.model import Artifact, Kind, Release, ResolvedArtifact

_PARALLEL = 4
_PROBE_SECONDS = 5.0
_ARTIFACT_BYTES = 150_000_000
"""Room per missing artifact that is asked for before anything begins; each download then asks for its own size."""


@dataclass
class Upstream:
    """Downloads what is missing; with ``mirror`` (a base URL) from there."""

    release: Release
    architecture: str
    store: Store
    report: Report
    mirror: str = ""

    @property
    def name(self) -> str:
        """The source's name."""
        return "mirror" if self.mirror else "upstream"

    def recall(self, artifact: Artifact) -> ResolvedArtifact | None:
        """Return what is in the cache already, None if it must be downloaded."""
        return recipe.recall(self.store, self.key(artifact), artifact)

    def key(self, artifact: Artifact) -> str:
        """Return the digest of the artifact's recipe. A mirror's files are not taken for the publisher's."""
        upstream = {name: value for name, value in artifact.upstream.items() if name != "source"}
        parts: dict[str, Any] = {"name": artifact.name, "reference": artifact.reference, "upstream": upstream}
        return recipe.digest(
            self.name, self.architecture, {**parts, "members": artifact.members, "mirror": self.mirror}
        )

    def unavailable(self) -> str:
        """Return why this source cannot be reached, empty if it can; takes at most a few seconds."""
        url = next(
            str(artifact.upstream["checksum"]) for artifact in self.release.artifacts if "checksum" in artifact.upstream
        )
        url = self._places().file(self._filled(url))
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

    def provide(self, artifacts: tuple[Artifact, ...]) -> dict[str, ResolvedArtifact]:
        """Download these artifacts, several at once.

        Raises:
            ArtifactError: one cannot be had or is not what it should be, or the disk is too full.

        """
        start = time.monotonic()
        self.store.require_free(_ARTIFACT_BYTES * len(artifacts), f"downloading {len(artifacts)} artifacts")
        results: dict[str, ResolvedArtifact] = {}
        with new_client() as client, ThreadPoolExecutor(_PARALLEL) as pool:
            downloads = Downloader(client, self.store, self.report)
            registry = Registry(self._places(), downloads, self.architecture)
            try:
                for result in pool.map(lambda artifact: self._one(artifact, downloads, registry), artifacts):
                    results[result.name] = result
                    self.report(TOTAL, "downloading", len(results) / len(artifacts), time.monotonic() - start)
            except BaseException:
                pool.shutdown(wait=False, cancel_futures=True)
                raise
        self.report(TOTAL, "done", 1.0, time.monotonic() - start)
        return results

    def _one(self, artifact: Artifact, downloads: Downloader, registry: Registry) -> ResolvedArtifact:
        start, key = time.monotonic(), self.key(artifact)
        with self.store.lock(key, artifact.name, self.report):
            if known := self.recall(artifact):
                return known
            entry = self._file(artifact, downloads) if "url" in artifact.upstream else self._image(artifact, registry)
            result = recipe.resolved(artifact, entry)
            recipe.remember(self.store, key, result)
        self.report(artifact.name, "done", 1.0, time.monotonic() - start)
        return result

    def _file(self, artifact: Artifact, downloads: Downloader) -> dict[str, Any]:
        """Download a release file, and take the wanted member out of it where the recipe says so."""
        upstream = {name: self._filled(str(value)) for name, value in artifact.upstream.items()}
        url, checksum = self._places().file(upstream["url"]), self._places().file(upstream["checksum"])
        sha256 = checksums.parse(text(downloads.client, checksum), url.rpartition("/")[2], checksum)
        part = downloads.fetch(Wanted(url, sha256, artifact.name))
        if "member" in upstream:
            return self._member(artifact, [part], upstream["member"])
        listed = members.digests(part, artifact.members, url) if artifact.kind is Kind.ARCHIVE else {}
        sha256, size = self.store.add(part)
        return {"sha256": sha256, "size": size, "members": listed}

    def _image(self, artifact: Artifact, registry: Registry) -> dict[str, Any]:
        """Pull an image and keep it as an archive, or one file of it where the recipe says so."""
        reference = str(artifact.upstream.get("image", artifact.reference))
        pulled = registry.pull(parse_reference(reference), artifact.name)
        parts = [blob.data for blob in pulled.blobs if isinstance(blob.data, Path)]
        if "member" in artifact.upstream:
            # The configuration comes first and is no archive; a file of an upper layer hides one below.
            entry = self._member(artifact, parts[:0:-1], str(artifact.upstream["member"]))
            parts[0].unlink()
            return entry
        with self.store.workspace() as folder:
            target = folder / "image"
            oci.write_image(target, artifact.reference, pulled.media_type, pulled.manifest, pulled.blobs)
            sha256, size = self.store.add(target)
        for part in set(parts):
            part.unlink(missing_ok=True)
        return {"sha256": sha256, "size": size}

    def _member(self, artifact: Artifact, archives: list[Path], member: str) -> dict[str, Any]:
        with self.store.workspace() as folder:
            target = folder / artifact.name
            members.extract(archives, member, target, artifact.name)
            sha256, size = self.store.add(target)
        for archive in archives:
            archive.unlink(missing_ok=True)
        return {"sha256": sha256, "size": size}

    def _places(self) -> Places:
        return Places(self.mirror, tuple(self.release.registries.items()))

    def _filled(self, value: str) -> str:
        return value.replace("{architecture}", self.architecture)
