"""From a release to files in the cache: the choice of a source, and the work of getting what is missing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
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
        source: one of :data:`SOURCES`. ``auto`` takes the first that has everything in the cache, else the first that
            works: the bundle if one is given, the mirror if one is given (then never the publishers), the publishers,
            builds from Go modules.
        mirror: base URL of the mirror.
        bundle: directory or tar file of the bundle.
        report: told what is going on.
        store: the cache, by default the user's.

    Raises:
        BadInputError: an argument is wrong.
        ArtifactError: an artifact cannot be had or is not what it should be, or the disk is too full.

    """
    choice = _Choice(architecture, source, mirror, bundle)
    candidates = choice.candidates(release, report, store or Store())
    if known := _known(release, architecture, candidates):
        return known
    reasons = []
    for candidate in candidates:
        try:
            return _provide(candidate, release, architecture, report)
        except ArtifactError as error:
            if len(candidates) == 1:
                raise
            reasons.append(str(error))
            report(TOTAL, f"cannot use {candidate.name}: {error}", None, 0.0)
    raise ArtifactError(
        f"Kubernetes {release.kubernetes} for {architecture}",
        "no source of artifacts works: " + "; ".join(reasons),
        "Make one of them work, or bring a bundle made elsewhere by `kubewright artifacts bundle`",
    )


def recalled(
    release: Release,
    *,
    architecture: str,
    source: str = "auto",
    mirror: str = "",
    bundle: str = "",
    store: Store | None = None,
) -> ArtifactSet | None:
    """What :func:`resolve` says without getting anything; None where the cache lacks something.

    Raises:
        BadInputError: an argument is wrong.

    """
    choice = _Choice(architecture, source, mirror, bundle)
    return _known(release, architecture, choice.candidates(release, silent, store or Store()))


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
    choice = _Choice(architecture, mirror=mirror, bundle=bundle)
    return {
        candidate.name: frozenset(
            artifact.name
            for artifact in release.artifacts
            if (found := candidate.recall(artifact)) is not None and found.sha256
        )
        for candidate in choice.candidates(release, silent, store or Store())
    }


def verify_store(store: Store) -> tuple[int, list[str]]:
    """Read every file of a cache again and remove damaged ones; how many were read, and the digests of the damaged."""
    digests = store.digests()
    damaged = [sha256 for sha256 in digests if not store.holds(sha256, again=True)]
    return len(digests), damaged


@dataclass(frozen=True)
class _Choice:
    """Where artifacts may come from, as the user asked for."""

    architecture: str
    source: str = "auto"
    mirror: str = ""
    bundle: str = ""

    def check(self) -> None:
        """Raise BadInputError for what cannot be meant."""
        if self.source not in SOURCES:
            known = ", ".join(SOURCES)
            raise BadInputError("source", f"{self.source!r} is no source of artifacts", f"Choose one of {known}")
        if self.architecture not in ARCHITECTURES:
            known = ", ".join(ARCHITECTURES)
            raise BadInputError("architecture", f"{self.architecture!r} is not supported", f"Supported are {known}")
        if self.source in ("mirror", "bundle") and not getattr(self, self.source):
            name, what = self.source, "its base URL" if self.source == "mirror" else "its path"
            remedy = f"Give {what} by --{name} or kubewright_artifact_{name}"
            raise BadInputError(name, f"the source is {name} but no {name} is given", remedy)

    def candidates(self, release: Release, report: Report, store: Store) -> list[Source]:
        """Return the sources to try, in order."""
        self.check()
        names = [self.source]
        if self.source == "auto":
            # Who gives a mirror does not want the publishers asked instead.
            names = ["bundle"] * bool(self.bundle) + ["mirror" if self.mirror else "upstream", "gomod"]
        makers: dict[str, Callable[[], Source]] = {
            "bundle": lambda: Bundle(release, self.architecture, store, report, Path(self.bundle)),
            "mirror": lambda: Upstream(release, self.architecture, store, report, self.mirror),
            "upstream": lambda: Upstream(release, self.architecture, store, report),
            "gomod": lambda: GoModules(release, self.architecture, store, report),
        }
        return [makers[name]() for name in names]


def _known(release: Release, architecture: str, candidates: list[Source]) -> ArtifactSet | None:
    """What the first source says that has everything in the cache."""
    for candidate in candidates:
        known = _recall_all(candidate, release)
        if known is not None:
            return _set(release, architecture, candidate, known)
    return None


def _recall_all(candidate: Source, release: Release) -> dict[str, ResolvedArtifact] | None:
    known = {}
    for artifact in release.artifacts:
        found = candidate.recall(artifact)
        if found is None:
            return None
        known[artifact.name] = found
    return known


def _provide(candidate: Source, release: Release, architecture: str, report: Report) -> ArtifactSet:
    """Get what the cache lacks."""
    if reason := candidate.unavailable():
        raise ArtifactError(candidate.name, reason)
    known = {artifact.name: found for artifact in release.artifacts if (found := candidate.recall(artifact))}
    for name in known:
        report(name, "cached", 1.0, 0.0)
    missing = tuple(artifact for artifact in release.artifacts if artifact.name not in known)
    known |= candidate.provide(missing)
    return _set(release, architecture, candidate, known)


def _set(release: Release, architecture: str, candidate: Source, known: dict[str, ResolvedArtifact]) -> ArtifactSet:
    artifacts = tuple(known[artifact.name] for artifact in release.artifacts)
    return ArtifactSet(release.kubernetes, architecture, candidate.name, artifacts)
