"""The sources *upstream* and *mirror*: release files with their published checksums, images from their registries."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from kubewright.artifacts import recipe
from kubewright.artifacts.progress import Report
from kubewright.artifacts.store import Store
from kubewright.artifacts.upstream.urls import Places
from kubewright.catalog.model import Artifact, Release, ResolvedArtifact


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
        # The HTTP client takes long to import, and where everything is in the cache nobody needs it.
        from kubewright.artifacts.upstream.fetching import problem_of  # noqa: PLC0415

        url = next(
            str(artifact.upstream["checksum"]) for artifact in self.release.artifacts if "checksum" in artifact.upstream
        )
        return problem_of(self.places().file(self.filled(url)))

    def provide(self, artifacts: tuple[Artifact, ...]) -> dict[str, ResolvedArtifact]:
        """Download these artifacts, several at once.

        Raises:
            ArtifactError: one cannot be had or is not what it should be, or the disk is too full.

        """
        from kubewright.artifacts.upstream.fetching import fetch  # noqa: PLC0415

        return fetch(self, artifacts)

    def places(self) -> Places:
        """Return where publishers' URLs lead to."""
        return Places(self.mirror, tuple(self.release.registries.items()))

    def filled(self, value: str) -> str:
        """Return a recipe's URL for this architecture."""
        return value.replace("{architecture}", self.architecture)
