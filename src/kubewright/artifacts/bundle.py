"""Bundles: a directory or tar file with artifacts and a manifest of their digests, for places without a network."""

from __future__ import annotations

import hashlib
import io
import json
import shutil
import tarfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from kubewright.artifacts.progress import TOTAL, Report
from kubewright.artifacts.store import Store, file_sha256
from kubewright.catalog.model import Artifact, ArtifactSet, Kind, Release, ResolvedArtifact
from kubewright.errors import ArtifactError

FORMAT = 1
_MANIFEST = "manifest.json"


def write(artifact_set: ArtifactSet, target: Path, store: Store, report: Report) -> str:
    """Write a bundle of a resolved set; the SHA-256 of its manifest, by which its bytes can be compared.

    A target whose name ends in ``.tar`` becomes a tar file, any other a directory, which must not exist or be empty.

    Raises:
        ArtifactError: the target is in use or the disk is too full.

    """
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise ArtifactError(str(target), "it is there already", "Name a new file or directory")
    manifest = json.dumps(_manifest(artifact_set), indent=2, sort_keys=True).encode()
    files = {artifact.sha256: store.path(artifact.sha256) for artifact in artifact_set.artifacts if artifact.sha256}
    _require_free(target, sum(path.stat().st_size for path in files.values()))
    partial = target.with_name(f".{target.name}.new")
    try:
        if target.suffix == ".tar":
            _write_tar(partial, manifest, files, report)
        else:
            _write_directory(partial, manifest, files, report)
            if target.exists():
                target.rmdir()
        partial.replace(target)
    except BaseException:
        shutil.rmtree(partial, ignore_errors=True) if partial.is_dir() else partial.unlink(missing_ok=True)
        raise
    return _digest(manifest)


def _digest(data: bytes) -> str:
    """Return the SHA-256 of bytes, in hexadecimal."""
    return hashlib.sha256(data).hexdigest()


@dataclass
class Bundle:
    """The source *bundle*: takes artifacts out of a bundle into the store, each verified by the manifest's digest."""

    release: Release
    architecture: str
    store: Store
    report: Report
    path: Path

    name = "bundle"

    def recall(self, artifact: Artifact) -> ResolvedArtifact | None:
        """Return what the bundle's manifest names and the cache has already."""
        if self.unavailable():
            return None
        found = self._entries().get(artifact.name)
        if found is None or (found.sha256 and not self.store.holds(found.sha256)):
            return None
        return found

    def unavailable(self) -> str:
        """Return why the bundle cannot be used, empty if it can."""
        try:
            entries = self._entries()
        except ArtifactError as error:
            return str(error)
        missing = [artifact.name for artifact in self.release.artifacts if artifact.name not in entries]
        return f"{self.path} has no {', '.join(missing)}" if missing else ""

    def provide(self, artifacts: tuple[Artifact, ...]) -> dict[str, ResolvedArtifact]:
        """Copy these artifacts into the store.

        Raises:
            ArtifactError: one is missing or damaged, or the disk is too full.

        """
        reason = self.unavailable()
        if reason:
            raise ArtifactError(str(self.path), reason)
        start, entries = time.monotonic(), self._entries()
        wanted = {entries[artifact.name].sha256: entries[artifact.name] for artifact in artifacts}
        wanted.pop("", None)
        self.store.require_free(sum(artifact.size for artifact in wanted.values()), f"copying from {self.path}")
        with self.store.workspace() as folder:
            for count, (sha256, stream) in enumerate(self._files(set(wanted)), 1):
                self._take(sha256, stream, folder / sha256)
                self.report(TOTAL, "copying", count / len(wanted), time.monotonic() - start)
        lost = [artifact.name for sha256, artifact in wanted.items() if not self.store.holds(sha256)]
        if lost:
            raise ArtifactError(str(self.path), f"its manifest names {', '.join(lost)} but the files are not in it")
        self.report(TOTAL, "done", 1.0, time.monotonic() - start)
        return {artifact.name: entries[artifact.name] for artifact in artifacts}

    def _take(self, sha256: str, stream: IO[bytes], target: Path) -> None:
        with target.open("wb") as output:
            shutil.copyfileobj(stream, output, 1 << 20)
        found = file_sha256(target)
        if found != sha256:
            raise ArtifactError(
                f"{self.path}: {sha256}", f"its SHA-256 is {found}", "The bundle is damaged; make or copy it again"
            )
        self.store.add(target)

    def _entries(self) -> dict[str, ResolvedArtifact]:
        """Read the manifest; its artifacts by name."""
        try:
            with self._open(_MANIFEST) as stream:
                manifest = json.load(stream)
            wanted = (manifest["format"], manifest["kubernetes"], manifest["architecture"])
            if wanted != (FORMAT, self.release.kubernetes, self.architecture):
                raise ArtifactError(
                    str(self.path),
                    f"it holds Kubernetes {wanted[1]} for {wanted[2]} (format {wanted[0]}),"
                    f" not {self.release.kubernetes} for {self.architecture} (format {FORMAT})",
                )
            return {raw["name"]: _artifact(raw) for raw in manifest["artifacts"]}
        except (OSError, tarfile.TarError, ValueError, KeyError, TypeError) as error:
            raise ArtifactError(str(self.path), f"it is no readable bundle ({error!r})") from error

    @contextmanager
    def _open(self, name: str) -> Iterator[IO[bytes]]:
        if self.path.is_dir():
            with (self.path / name).open("rb") as stream:
                yield stream
            return
        with tarfile.open(self.path) as archive:
            extracted = archive.extractfile(name)
            if extracted is None:
                raise KeyError(name)
            yield extracted

    def _files(self, wanted: set[str]) -> Iterator[tuple[str, IO[bytes]]]:
        """Yield those of the wanted files that are there."""
        if self.path.is_dir():
            for sha256 in sorted(wanted):
                path = self.path / "blobs" / sha256
                if path.exists():
                    with path.open("rb") as stream:
                        yield sha256, stream
            return
        with tarfile.open(self.path) as archive:
            for member in archive:
                sha256 = member.name.removeprefix("blobs/")
                extracted = archive.extractfile(member) if sha256 in wanted and member.isreg() else None
                if extracted is not None:
                    yield sha256, extracted


def _manifest(artifact_set: ArtifactSet) -> dict[str, Any]:
    return {
        "format": FORMAT,
        "kubernetes": artifact_set.kubernetes,
        "architecture": artifact_set.architecture,
        "source": artifact_set.source,
        "artifacts": [
            {
                "name": artifact.name,
                "kind": artifact.kind.value,
                "roles": sorted(artifact.roles),
                "destination": artifact.destination,
                "reference": artifact.reference,
                "sha256": artifact.sha256,
                "size": artifact.size,
                "members": artifact.members,
                "packages": list(artifact.packages),
            }
            for artifact in artifact_set.artifacts
        ],
    }


def _artifact(raw: dict[str, Any]) -> ResolvedArtifact:
    return ResolvedArtifact(
        **{**raw, "kind": Kind(raw["kind"]), "roles": frozenset(raw["roles"]), "packages": tuple(raw["packages"])}
    )


def _require_free(target: Path, needed: int) -> None:
    parent = target.absolute().parent
    parent.mkdir(parents=True, exist_ok=True)
    free = shutil.disk_usage(parent).free
    if free < needed:
        raise ArtifactError(
            str(target), f"the bundle needs {needed / 1e6:,.0f} MB but the disk has only {free / 1e6:,.0f} MB free"
        )


def _write_tar(target: Path, manifest: bytes, files: dict[str, Path], report: Report) -> None:
    start = time.monotonic()
    with tarfile.open(target, "w", format=tarfile.PAX_FORMAT) as archive:
        header = tarfile.TarInfo(_MANIFEST)
        header.size, header.mode = len(manifest), 0o644
        archive.addfile(header, io.BytesIO(manifest))
        for count, (sha256, path) in enumerate(sorted(files.items()), 1):
            header = tarfile.TarInfo(f"blobs/{sha256}")
            header.size, header.mode = path.stat().st_size, 0o644
            with path.open("rb") as stream:
                archive.addfile(header, stream)
            report(TOTAL, "writing", count / len(files), time.monotonic() - start)


def _write_directory(target: Path, manifest: bytes, files: dict[str, Path], report: Report) -> None:
    start = time.monotonic()
    shutil.rmtree(target, ignore_errors=True)
    (target / "blobs").mkdir(parents=True)
    for count, (sha256, path) in enumerate(sorted(files.items()), 1):
        shutil.copyfile(path, target / "blobs" / sha256)
        report(TOTAL, "writing", count / len(files), time.monotonic() - start)
    (target / _MANIFEST).write_bytes(manifest)
