"""A container image in containerd's ``k8s.io`` namespace, imported from an OCI archive and pinned."""

from __future__ import annotations

from typing import Any, Optional

from ansible_collections.kubewright.cluster.plugins.module_utils.errors import NodeError
from ansible_collections.kubewright.cluster.plugins.module_utils.process import System
from ansible_collections.kubewright.cluster.plugins.module_utils.resources.base import (
    Change,
    Context,
    Images,
    Known,
    Resource,
)
from ansible_collections.kubewright.cluster.plugins.module_utils.transfer import Wanted

PINNED = "io.cri-containerd.pinned=pinned"
"""The label that keeps the kubelet's garbage collection away: these images cannot be pulled again from anywhere."""

_CTR = ("ctr", "--namespace", "k8s.io", "images")
_LIST = (*_CTR, "ls")
_FILTER = 'name=="%%s",target.digest=="%%s",labels."%s"=="%s"' % tuple(PINNED.split("="))
"""Of containerd's (pkg/filters): what has all of that."""
_DESTINATION = "/var/lib/containerd"
_EXPANSION = 2
"""Containerd keeps an image's blobs and its unpacked layers."""


class Image(Resource):
    """``reference`` (as manifests name it), ``artifact``, ``sha256`` and ``size`` of the OCI archive.

    What was imported for a reference is known from the manifest: the archive's digest and the image digest that
    containerd had afterwards.
    """

    type = "image"

    def find(self) -> Any:
        """Return the archive's digest that the reference was imported from; None where the image is absent."""
        reference = str(self.need("reference"))
        images = self.context.images or _as_remembered(self.context)
        if not images.whole and reference not in images.known:
            images = list_images(self.system)
        self.context.images = images
        entry = self.entry
        if not images.answered:
            # Containerd does not run yet or any more. What was imported is still on its disk, if anything was.
            return self._remembered(entry)
        now = images.known.get(reference)
        if now is None:
            return None
        imported = entry.get("reference") == reference and entry.get("image") == now.digest
        return {"sha256": entry.get("sha256") if imported else "another", "pinned": now.pinned}

    def diff(self, found: Any) -> Optional[Change]:
        """Compare the archive's digest and the pin."""
        after = {"sha256": self.need("sha256"), "pinned": True}
        if found == after:
            return None
        action = "create" if found is None else "update"
        return self.change(action, found, after, "import image %s" % self.need("reference"))

    def wanted(self) -> list[Wanted]:
        """Return the OCI archive."""
        size = int(self.spec.get("size", 0))
        name = str(self.spec.get("artifact", self.need("reference")))
        return [Wanted(str(self.need("sha256")), size, name, _DESTINATION, size * _EXPANSION)]

    def apply(self, change: Change) -> None:
        """Import the archive; several may be imported at once (:func:`settle` ends them)."""
        source, _ = self.context.store.claim(change.after["sha256"])
        # --local: ctr unpacks by itself. Through the transfer service the same takes half as much processor time again.
        done = self.system.run(*_CTR, "import", "--local", "--label", PINNED, str(source))
        if not done.ok:
            raise NodeError("image %s" % self.spec["reference"], "import failed: %s" % done.complaint)
        # At once: what is removed before it was written back costs no disk write.
        self.context.store.release(change.after["sha256"])

    def settle(self, images: Images) -> None:
        """Verify by containerd's list that the archive had the image, pin it, remember it.

        Raises:
            NodeError: the archive holds another image.

        """
        reference = str(self.spec["reference"])
        now = images.known.get(reference)
        if now is None:
            cause = "is not in the archive %s that was imported for it" % self.spec["sha256"]
            raise NodeError("image %s" % reference, cause, "The document and the artifact do not go together")
        if not now.pinned:
            self.system.must(*_CTR, "label", reference, PINNED)
        self.remember(sha256=self.spec["sha256"], reference=reference, image=now.digest)

    def adopt(self, found: Any) -> None:
        """Keep what the manifest knows: containerd does not know the archive's digest."""
        del found

    def _remembered(self, entry: dict[str, Any]) -> Any:
        known = entry.get("reference") == self.spec["reference"] and self.system.path(_DESTINATION).is_dir()
        return {"sha256": entry.get("sha256"), "pinned": True} if known else None


def _as_remembered(context: Context) -> Images:
    """Return the images that are as the manifest remembers them, and pinned; every one where it remembers none.

    To tell the size of each image it has, as it does in a list, takes ctr and containerd three times as long.
    """
    entries = [entry for entry in context.manifest.entries.values() if entry["type"] == Image.type]
    remembered = {
        str(entry["reference"]): str(entry["image"]) for entry in entries if {"reference", "image"} <= set(entry)
    }
    if not remembered:
        return list_images(context.system)
    done = context.system.run(*_LIST, "--quiet", *(_FILTER % each for each in remembered.items()))
    if not done.ok:
        # It does not run, or a damaged manifest makes no filter: the list tells which.
        return list_images(context.system)
    found = set(done.stdout.splitlines())
    known = {name: Known(digest, pinned=True) for name, digest in remembered.items() if name in found}
    return Images(answered=True, known=known, whole=False)


def list_images(system: System) -> Images:
    """Return every image that containerd has."""
    done = system.run(*_LIST)
    if not done.ok:
        return Images(answered=False)
    known = {}
    for line in done.stdout.splitlines()[1:]:
        # REF TYPE DIGEST SIZE PLATFORMS LABELS
        columns = line.split()
        if len(columns) >= 4:
            known[columns[0]] = Known(digest=columns[2], pinned=PINNED in line)
    return Images(answered=True, known=known)
