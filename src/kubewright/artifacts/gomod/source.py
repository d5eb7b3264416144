"""The source *gomod*: everything of a release built here, once per recipe."""

from __future__ import annotations

import contextlib
import dataclasses
import importlib.resources
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

from kubewright.artifacts import oci, recipe
from kubewright.artifacts.gomod import base as bases
from kubewright.artifacts.gomod import build as builds
from kubewright.artifacts.gomod.toolchain import Toolchain, problem, toolchain
from kubewright.artifacts.progress import TOTAL, Report
from kubewright.artifacts.store import Store
from kubewright.catalog.model import Artifact, BaseLayer, BuildUnit, Kind, Release, ResolvedArtifact
from kubewright.errors import ArtifactError

_MEGABYTE = 1_000_000
_RESULTS_BYTES = 1_500 * _MEGABYTE
"""Room for the finished artifacts of a release, next to what the build cache needs."""


@dataclass
class GoModules:
    """Builds what is missing; ``keys`` are the recipe digests of a release's artifacts."""

    release: Release
    architecture: str
    store: Store
    report: Report
    _started: float = field(default_factory=time.monotonic)
    _stop: threading.Event = field(default_factory=threading.Event)

    name = "gomod"

    def recall(self, artifact: Artifact) -> ResolvedArtifact | None:
        """What is in the cache already, None if it must be built."""
        packages = tuple(cast("list[str]", artifact.gomod.get("packages", [])))
        if packages:
            return ResolvedArtifact(
                artifact.name, artifact.kind, artifact.roles, artifact.destination, packages=packages
            )
        return recipe.recall(self.store, self.key(artifact), artifact)

    def unavailable(self) -> str:
        """Why this source cannot build anything here; empty if it can."""
        return problem(self.release.go) or bases.problem()

    def provide(self, artifacts: tuple[Artifact, ...]) -> dict[str, ResolvedArtifact]:
        """Build these artifacts: one unit after another (``go build`` uses all processors), base layers beside.

        Raises:
            ArtifactError: a tool is missing, the disk is too full, or a build failed.

        """
        units = self._units(artifacts)
        self.store.require_free(_needed_bytes(units), f"building {', '.join(unit.name for unit in units)}")
        with toolchain(self.store, self.release.go, self.architecture) as tools, ThreadPoolExecutor(1) as pool:
            layers = {name: pool.submit(self._base, self.release.bases[name]) for name in sorted(_bases(artifacts))}
            try:
                results = self._build(units, artifacts, tools, layers)
            except BaseException:
                # The other thread looks at this while it waits for its command.
                self._stop.set()
                pool.shutdown(cancel_futures=True)
                raise
        self.report(TOTAL, "done", 1.0, time.monotonic() - self._started)
        return results

    def _build(
        self,
        units: list[BuildUnit],
        artifacts: tuple[Artifact, ...],
        tools: Toolchain,
        layers: dict[str, Future[Path]],
    ) -> dict[str, ResolvedArtifact]:
        results: dict[str, ResolvedArtifact] = {}
        total = sum(unit.seconds for unit in units) or 1
        done = 0
        for unit in units:
            wanted = tuple(artifact for artifact in artifacts if artifact.gomod.get("unit") == unit.name)
            results |= self._unit(unit, wanted, tools, layers, (done / total, unit.seconds / total))
            done += unit.seconds
        return results | self._without_unit(artifacts, layers)

    def key(self, artifact: Artifact) -> str:
        """The digest of the artifact's recipe."""
        parts: dict[str, Any] = {"name": artifact.name, "reference": artifact.reference, "gomod": artifact.gomod}
        if "unit" in artifact.gomod:
            parts["unit"] = _unit_recipe(self.release.units[str(artifact.gomod["unit"])])
        if base := _image(artifact).get("base"):
            parts["base"] = _base_recipe(self.release.bases[base])
        return recipe.digest(self.name, self.architecture, parts)

    def _units(self, artifacts: tuple[Artifact, ...]) -> list[BuildUnit]:
        names = {str(artifact.gomod["unit"]) for artifact in artifacts if "unit" in artifact.gomod}
        return [unit for unit in self.release.units.values() if unit.name in names]

    def _unit(
        self,
        unit: BuildUnit,
        artifacts: tuple[Artifact, ...],
        tools: Toolchain,
        layers: dict[str, Future[Path]],
        share: tuple[float, float],
    ) -> dict[str, ResolvedArtifact]:
        """Build a unit unless another process did meanwhile, and make its artifacts."""
        lock = recipe.digest(self.name, self.architecture, _unit_recipe(unit))
        with self.store.lock(lock, unit.name, self.report), self.store.workspace() as folder:
            known = {artifact.name: found for artifact in artifacts if (found := self.recall(artifact))}
            if len(known) == len(artifacts):
                return known
            start = time.monotonic()
            self.report(unit.name, "building", 0.0, 0.0)
            files = builds.build(unit, tools, self.release.go, folder, lambda: self._tick(unit, start, share))
            for artifact in artifacts:
                known[artifact.name] = self._finish(artifact, files, layers, folder)
            self.report(unit.name, "done", 1.0, time.monotonic() - start)
            return known

    def _without_unit(
        self, artifacts: tuple[Artifact, ...], layers: dict[str, Future[Path]]
    ) -> dict[str, ResolvedArtifact]:
        """Images that are made of packages alone."""
        results = {}
        for artifact in artifacts:
            if "unit" not in artifact.gomod:
                with self.store.workspace() as folder:
                    results[artifact.name] = self._finish(artifact, {}, layers, folder)
        return results

    def _finish(
        self, artifact: Artifact, files: dict[str, Path], layers: dict[str, Future[Path]], folder: Path
    ) -> ResolvedArtifact:
        """Make the artifact's file of the unit's files, and take it into the store."""
        target = folder / f"artifact-{artifact.name}"
        members: dict[str, str] = {}
        reference = str(artifact.gomod.get("reference", artifact.reference))
        if artifact.kind is Kind.BINARY:
            target.write_bytes(files[str(artifact.gomod["file"])].read_bytes())
        elif artifact.kind is Kind.ARCHIVE:
            members = self._archive(artifact, files, target)
        else:
            self._image_archive(artifact, reference, files, layers, target)
        sha256, size = self.store.add(target)
        entry = {"sha256": sha256, "size": size, "members": members, "reference": reference}
        result = recipe.resolved(artifact, entry)
        recipe.remember(self.store, self.key(artifact), result)
        return result

    def _archive(self, artifact: Artifact, files: dict[str, Path], target: Path) -> dict[str, str]:
        placed = {name: files[file] for name, file in cast("dict[str, str]", artifact.gomod["files"]).items()}
        oci.write_tar(target, placed)
        return {name: oci.file_content(path).digest.removeprefix("sha256:") for name, path in placed.items()}

    def _image_archive(
        self, artifact: Artifact, reference: str, files: dict[str, Path], layers: dict[str, Future[Path]], target: Path
    ) -> None:
        image = _image(artifact)
        parts = [layers[image["base"]].result()] if "base" in image else []
        if image["files"]:
            layer = target.with_name(f"{target.name}-layer")
            oci.write_layer(layer, {name: files[file] for name, file in image["files"].items()})
            parts.append(layer)
        settings = oci.ImageSettings(reference, self.architecture, tuple(image["entrypoint"]), image.get("user", ""))
        oci.write_built_image(target, settings, parts)

    def _base(self, layer: BaseLayer) -> Path:
        """A base layer from the store, made if it is not there; the path of its tar."""
        key = recipe.digest(self.name, self.architecture, _base_recipe(layer))
        with self.store.lock(key, layer.name, self.report):
            entry = self.store.recall(key)
            if entry is None or not self.store.holds(entry["sha256"]):
                start = time.monotonic()
                with self._building_base(layer, start) as tick, self.store.workspace() as folder:
                    sha256, size = self.store.add(bases.build(layer, self.architecture, folder, tick))
                entry = {"sha256": sha256, "size": size}
                self.store.remember(key, entry)
            return self.store.path(entry["sha256"])

    @contextlib.contextmanager
    def _building_base(self, layer: BaseLayer, start: float) -> Iterator[Callable[[], None]]:
        name = f"base-{layer.name}"
        self.report(name, "building", 0.0, 0.0)

        def tick() -> None:
            if self._stop.is_set():
                raise ArtifactError(name, "given up because another build failed or was interrupted")
            self.report(name, "building", _guess(start, layer.seconds), time.monotonic() - start)

        yield tick
        self.report(name, "done", 1.0, time.monotonic() - start)

    def _tick(self, unit: BuildUnit, start: float, share: tuple[float, float]) -> None:
        fraction = _guess(start, unit.seconds)
        self.report(unit.name, "building", fraction, time.monotonic() - start)
        self.report(TOTAL, "building", share[0] + fraction * share[1], time.monotonic() - self._started)


def _guess(start: float, seconds: int) -> float:
    """How far something is that takes about that long; never quite all."""
    return min(0.98, (time.monotonic() - start) / seconds)


def _needed_bytes(units: list[BuildUnit]) -> int:
    return sum(unit.megabytes for unit in units) * _MEGABYTE + _RESULTS_BYTES


def _image(artifact: Artifact) -> dict[str, Any]:
    return cast("dict[str, Any]", artifact.gomod.get("image", {}))


def _bases(artifacts: tuple[Artifact, ...]) -> set[str]:
    return {image["base"] for artifact in artifacts if "base" in (image := _image(artifact))}


def _unit_recipe(unit: BuildUnit) -> dict[str, Any]:
    """All of a unit that decides what it makes."""
    parts = dataclasses.asdict(unit)
    del parts["seconds"], parts["megabytes"]
    if unit.program:
        source = importlib.resources.files("kubewright.artifacts") / "go" / unit.program / "main.go"
        parts["program"] = source.read_text(encoding="utf-8")
    return parts


def _base_recipe(layer: BaseLayer) -> dict[str, Any]:
    return {
        "suite": layer.suite,
        "packages": layer.packages,
        "links": layer.links,
        "dropped": [bases.DROPPED, bases.DROPPED_PARTS],
    }
