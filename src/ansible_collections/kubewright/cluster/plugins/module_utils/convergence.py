"""Make a node what its document says, or tell what that would change: one walk through the resources for both."""

from __future__ import annotations

import os.path
from typing import TYPE_CHECKING, Any, Optional

from ansible_collections.kubewright.cluster.plugins.module_utils import files, rendering
from ansible_collections.kubewright.cluster.plugins.module_utils.frozen import field, mutable, replace
from ansible_collections.kubewright.cluster.plugins.module_utils.late import late
from ansible_collections.kubewright.cluster.plugins.module_utils.resources.base import Change, Context, Resource
from ansible_collections.kubewright.cluster.plugins.module_utils.resources.image import Image, list_images
from ansible_collections.kubewright.cluster.plugins.module_utils.resources.registry import resources_of
from ansible_collections.kubewright.cluster.plugins.module_utils.resources.removal import (
    forget_others,
    removals,
    remove,
)
from ansible_collections.kubewright.cluster.plugins.module_utils.resources.static_pod import StaticPod, apply_together
from ansible_collections.kubewright.cluster.plugins.module_utils.resources.unit import Unit
from ansible_collections.kubewright.cluster.plugins.module_utils.transfer import ArtifactsMissingError, Missing, Wanted
from ansible_collections.kubewright.cluster.plugins.module_utils.units import Units

if TYPE_CHECKING:
    from concurrent import futures
else:
    futures = late("concurrent.futures")

ENGINE = "containerd"

_PARALLEL_IMPORTS = 2
"""Imports at a time: unpacking is bound by one processor core and the disk."""

PATCHES = "/etc/kubernetes/patches"
"""Where kubeadm looks for patches of this host's configuration."""

_UNIT_DIRECTORIES = ("/etc/systemd/", "/usr/lib/systemd/", "/lib/systemd/", "/usr/local/lib/systemd/")


@mutable
class Outcome:
    """What was (or would be) changed, in order; the units restarted; the artifacts that could not be had.

    ``restarted_at`` is when the last restart began, in seconds since the epoch.
    """

    changes: list[Change] = field(default_factory=list)
    restarted: list[str] = field(default_factory=list)
    missing: list[Missing] = field(default_factory=list)
    restarted_at: float = field(default=0.0, compare=False)

    @property
    def changed(self) -> bool:
        """Whether anything changed."""
        return bool(self.changes or self.restarted)


def converge(
    document: dict[str, Any],
    context: Context,
    *,
    partial: bool = False,
    record: Optional[dict[str, Any]] = None,
    check: bool = False,
) -> Outcome:
    """Bring the node to its document; in check mode tell what that would change.

    Nothing is changed when no source has an artifact: ``missing`` then names it. Artifacts are fetched while what needs
    none of them is done; where a source that said it had one fails to deliver it, what was done until then stays.

    Args:
        document: the node document.
        context: the node.
        partial: the document is a part of the node's (a fan-out): what it does not have is left alone.
        record: the node's record to keep in the manifest; None leaves what is there.
        check: change nothing.

    Raises:
        NodeError: something could not be looked at or changed. What was done stays and is found by the next run.

    """
    context.kubeadm = str(document.get("kubeadm", ""))
    context.patches = _patches(document, context)
    preview = _Walk(document, context, partial=partial, record=record, dry=True)
    preview.run()
    if check:
        return preview.outcome
    missing = context.store.require(preview.artifacts)
    if missing:
        return Outcome(missing=missing)
    context.images = None
    walk = _Walk(document, context, partial=partial, record=record, dry=False)
    walk.sweep()
    try:
        with context.store.transfers():
            walk.run()
    except ArtifactsMissingError as error:
        return replace(walk.outcome, missing=error.missing)
    if not partial:
        context.store.tidy()
    return walk.outcome


def _patches(document: dict[str, Any], context: Context) -> dict[str, Optional[str]]:
    """Kubeadm's patch files as they are when the document is done; None for one that it no longer has."""
    remembered = [path for entry in context.manifest.entries.values() for path in entry.get("paths", {})]
    found: dict[str, Optional[str]] = {os.path.basename(path): None for path in remembered if _is_patch(path)}
    for spec in document.get("resources", []):
        if spec.get("type") == "file" and _is_patch(str(spec.get("path"))):
            found[os.path.basename(spec["path"])] = str(spec.get("content", ""))
    return found


def _is_patch(path: str) -> bool:
    return os.path.dirname(path) == PATCHES


class _Walk:
    """One walk through a document's resources. A dry one finds and compares only."""

    def __init__(
        self, document: dict[str, Any], context: Context, *, partial: bool, record: Optional[dict[str, Any]], dry: bool
    ) -> None:
        self._context = context
        self._resources = resources_of(document, context)
        # Where binaries are installed to is a setting, and ctr is among them.
        installed = {os.path.dirname(path) for item in self._resources for path in item.programs()}
        context.system.search = sorted(installed)
        self._partial = partial
        self._record = record
        self._dry = dry
        self._units = Units(context.system, context.manifest, dry=dry)
        self._imports: list[tuple[Image, Change]] = []
        self._pods: list[tuple[StaticPod, Change]] = []
        self._changes: list[Change] = []
        self.artifacts: list[Wanted] = []

    @property
    def outcome(self) -> Outcome:
        """What was (or would be) changed so far."""
        return Outcome(self._changes, self._units.restarted, restarted_at=self._units.restarted_at)

    def run(self) -> None:
        """Walk through all resources and what follows from them."""
        for resource in self._resources:
            if isinstance(resource, Image):
                self._engine_ready()
            else:
                self._import()
            if not isinstance(resource, StaticPod):
                self._restart_pods()
            found = resource.find()
            change = resource.diff(found)
            if change is not None:
                self._change(resource, change)
            elif not self._dry:
                resource.adopt(found)
        self._import()
        self._restart_pods()
        if not self._partial:
            self._remove()
        self._keep_record()
        self._units.flush()
        self._save(sync=True)

    def sweep(self) -> None:
        """Remove the temporary files that killed runs left beside what they wrote."""
        paths = {path for resource in self._resources for path in resource.paths()}
        paths.update(path for entry in self._context.manifest.entries.values() for path in entry.get("paths", {}))
        paths.add("/etc/kubewright/manifest.json")
        files.sweep(self._context.system.path(os.path.dirname(path)) for path in paths)
        rendering.sweep(self._context.system)

    def _change(self, resource: Resource, change: Change) -> None:
        self.artifacts.extend(resource.wanted())
        self._context.replaced.update(os.path.basename(path) for path in resource.replaces(change))
        self._units.due(resource.restarts)
        self._unit_files(change)
        if isinstance(resource, Unit):
            self._configure(resource, change)
        if isinstance(resource, Image) and not self._dry:
            self._imports.append((resource, change))
            return
        if isinstance(resource, StaticPod) and not self._dry:
            self._pods.append((resource, change))
            return
        if not self._dry:
            resource.apply(change)
        self._changes.append(change)
        self._save()

    def _configure(self, unit: Unit, change: Change) -> None:
        enabled = change.after["enabled"] if change.after["enabled"] != change.before["enabled"] else None
        start = change.after["running"] and not change.before["running"]
        self._units.configure(str(unit.spec["name"]), enabled=enabled, start=start)
        if start:
            self._context.images = None

    def _unit_files(self, change: Change) -> None:
        if change.path.startswith(_UNIT_DIRECTORIES):
            self._units.unit_files_changed()

    def _engine_ready(self) -> None:
        """Restart the container engine before it is asked for images, when its configuration or binary changed."""
        if self._units.flush([ENGINE]):
            self._context.images = None

    def _import(self) -> None:
        """Import the images gathered so far."""
        if not self._imports:
            return
        with futures.ThreadPoolExecutor(_PARALLEL_IMPORTS) as pool:
            for done in [pool.submit(image.apply, change) for image, change in self._imports]:
                done.result()
        self._context.images = list_images(self._context.system)
        for image, _ in self._imports:
            image.settle(self._context.images)
        self._changes.extend(change for _, change in self._imports)
        self._imports = []
        self._save()

    def _restart_pods(self) -> None:
        """Change the static pods gathered so far."""
        if not self._pods:
            return
        apply_together([pod for pod, _ in self._pods])
        self._changes.extend(change for _, change in self._pods)
        self._pods = []
        self._save()

    def _remove(self) -> None:
        ids = {resource.id for resource in self._resources}
        paths = {path for resource in self._resources for path in resource.paths()}
        for change in removals(self._context, ids, paths):
            self._units.due(self._context.manifest.entries[change.id].get("restarts", []))
            self._unit_files(change)
            if not self._dry:
                remove(self._context, change)
            self._changes.append(change)
            self._save()
        if not self._dry:
            forget_others(self._context, ids)

    def _keep_record(self) -> None:
        before = self._context.manifest.record
        if self._record is None or self._record == before:
            return
        action = "update" if before else "create"
        self._changes.append(Change("record", "record", action, before, self._record, "%s the node's record" % action))
        if not self._dry:
            self._context.manifest.record = self._record

    def _save(self, *, sync: bool = False) -> None:
        if not self._dry:
            self._context.manifest.save(sync=sync)
