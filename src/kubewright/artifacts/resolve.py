"""From a release to files in the cache: the choice of a source, and the work of getting what is missing."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

from kubewright.artifacts.bundle import Bundle
from kubewright.artifacts.gomod.source import GoModules
from kubewright.artifacts.progress import TOTAL, Report, silent
from kubewright.artifacts.store import Store
from kubewright.artifacts.upstream.source import Upstream
from kubewright.catalog.model import Artifact, ArtifactSet, Release, ResolvedArtifact
from kubewright.errors import ArtifactError, BadInputError

SOURCES = ("auto", "upstream", "mirror", "gomod", "bundle")
ARCHITECTURES = ("amd64", "arm64")


class Source(Protocol):
    """A way to get artifacts."""

    @property
    def name(self) -> str:
        """Return the source's name, as ``--source`` takes it."""

    def recall(self, artifact: Artifact) -> ResolvedArtifact | None:
        """Return what is in the cache already, None if it is not."""

    def unavailable(self) -> str:
        """Return why it can give nothing here, empty if it can; quick."""

    def provide(self, artifacts: tuple[Artifact, ...]) -> dict[str, ResolvedArtifact]:
        """Get these artifacts into the cache."""


def resolve(
    release: Release,
    *,
    architecture: str,
    source: str = "auto",
    mirror: str = "",
    bundle: str = "",
    report: Report = silent,
    store: Store | None = None,
) -> ArtifactSet:
    """Make every artifact of a release present in the cache, verified, and say what they are.

    Args:
        release: from the catalogue.
        architecture: ``amd64`` or ``arm64``.
        source: one of :data:`SOURCES`. ``auto`` takes the first that has everything in the cache, else the first that works:
            the bundle if one is given, the mirror if one is given (then never the publishers), the publishers, builds from Go modules.
        mirror: base URL of the mirror.
        bundle: directory or tar file of the bundle.
        report: told what is going on.
        store: the cache, by default the user's.

    Raises:
        BadInputError: an argument is wrong.
        ArtifactError: an artifact cannot be had or is not what it should be, or the disk is too full.

    """
    candidates = _candidates(release, architecture, source, mirror, bundle, report, store or Store())
    for candidate in candidates:
        known = _recall_all(candidate, release)
        if known is not None:
            return _set(release, architecture, candidate, known)
    reasons = []
    for candidate in candidates:
        reason = candidate.unavailable()
        if not reason:
            try:
                return _provide(candidate, release, architecture, report)
            except ArtifactError as error:
                if len(candidates) == 1:
                    raise
                reason = str(error)
        reasons.append(f"{candidate.name}: {reason}")
        report(TOTAL, f"cannot use {candidate.name}: {reason}", None, 0.0)
    raise ArtifactError(
        f"Kubernetes {release.kubernetes} for {architecture}",
        "no source of artifacts works: " + "; ".join(reasons),
        "Make one of them work, or bring a bundle made elsewhere by `kubewright artifacts bundle`",
    )


def cached_file(sha256: str) -> Path:
    """Return the path of a file in the user's cache.

    Raises:
        ArtifactError: it is not there, or is damaged (and was removed, so that it will be fetched again).

    """
    store = Store()
    if not store.holds(sha256):
        raise ArtifactError(sha256, f"it is not in the cache {store.root}", "Run `kubewright artifacts fetch`")
    return store.path(sha256)


def cached(
    release: Release, *, architecture: str, mirror: str = "", bundle: str = "", store: Store | None = None
) -> dict[str, frozenset[str]]:
    """Return the names of the artifacts that are in the cache, by the source that they came from."""
    return {
        candidate.name: frozenset(artifact.name for artifact in release.artifacts if candidate.recall(artifact))
        for candidate in _candidates(release, architecture, "auto", mirror, bundle, silent, store or Store())
    }


def verify_store(store: Store) -> tuple[int, list[str]]:
    """Read every file of a cache again and remove damaged ones; how many were read, and the digests of the damaged."""
    digests = store.digests()
    damaged = [sha256 for sha256 in digests if not store.holds(sha256, again=True)]
    return len(digests), damaged


def _candidates(
    release: Release, architecture: str, source: str, mirror: str, bundle: str, report: Report, store: Store
) -> list[Source]:
    if source not in SOURCES:
        raise BadInputError("source", f"{source!r} is no source of artifacts", f"Choose one of {', '.join(SOURCES)}")
    if architecture not in ARCHITECTURES:
        raise BadInputError(
            "architecture", f"{architecture!r} is not supported", f"Supported are {', '.join(ARCHITECTURES)}"
        )
    if source == "mirror" and not mirror:
        raise BadInputError(
            "mirror",
            "the source is mirror but no mirror is given",
            "Give its base URL by --mirror or kubewright_artifact_mirror",
        )
    if source == "bundle" and not bundle:
        raise BadInputError(
            "bundle",
            "the source is bundle but no bundle is given",
            "Give its path by --bundle or kubewright_artifact_bundle",
        )
    every: dict[str, Source] = {}
    if bundle:
        every["bundle"] = Bundle(release, architecture, store, report, Path(bundle))
    if mirror:
        every["mirror"] = Upstream(release, architecture, store, report, mirror)
    else:
        # Who gives a mirror does not want the publishers asked instead.
        every["upstream"] = Upstream(release, architecture, store, report)
    every["gomod"] = GoModules(release, architecture, store, report)
    if source == "upstream":
        return [Upstream(release, architecture, store, report)]
    return list(every.values()) if source == "auto" else [every[source]]


def _recall_all(candidate: Source, release: Release) -> dict[str, ResolvedArtifact] | None:
    known = {}
    for artifact in release.artifacts:
        found = candidate.recall(artifact)
        if found is None:
            return None
        known[artifact.name] = found
    return known


def _provide(candidate: Source, release: Release, architecture: str, report: Report) -> ArtifactSet:
    """Get what the cache lacks. A second look finds what another process brought meanwhile."""
    known = {artifact.name: found for artifact in release.artifacts if (found := candidate.recall(artifact))}
    for name in known:
        report(name, "cached", 1.0, 0.0)
    missing = tuple(artifact for artifact in release.artifacts if artifact.name not in known)
    known |= candidate.provide(missing)
    return _set(release, architecture, candidate, known)


def _set(release: Release, architecture: str, candidate: Source, known: dict[str, ResolvedArtifact]) -> ArtifactSet:
    artifacts = tuple(known[artifact.name] for artifact in release.artifacts)
    return ArtifactSet(release.kubernetes, architecture, candidate.name, artifacts)
