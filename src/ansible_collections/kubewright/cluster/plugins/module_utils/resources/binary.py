"""A binary: one artifact, one file."""

from __future__ import annotations

from typing import Any, Optional

from ansible_collections.kubewright.cluster.plugins.module_utils import files
from ansible_collections.kubewright.cluster.plugins.module_utils.manifest import path_state
from ansible_collections.kubewright.cluster.plugins.module_utils.resources.base import Change, Resource
from ansible_collections.kubewright.cluster.plugins.module_utils.transfer import Wanted


class Binary(Resource):
    """``path``, ``artifact`` (its name), ``sha256``, ``size`` (bytes), ``mode`` (0755), ``owner`` (root:root).

    It is replaced by renaming, so that one that runs goes on with the old bytes until its unit is restarted.
    """

    type = "binary"

    def find(self) -> Any:
        """Return digest, mode and owner; None where there is no file."""
        name = str(self.need("path"))
        path = self.system.path(name)
        digest = self.context.manifest.digest(path, name)
        return None if digest is None else dict(files.attributes(path) or {}, sha256=digest)

    def diff(self, found: Any) -> Optional[Change]:
        """Compare digest, mode and owner."""
        after = {
            "sha256": self.need("sha256"),
            "mode": self.spec.get("mode", "0755"),
            "owner": self.spec.get("owner", "root:root"),
        }
        if found == after:
            return None
        action = "create" if found is None else "update"
        return self.change(action, found, after, "%s %s" % (action, self.spec["path"]), path=str(self.spec["path"]))

    def programs(self) -> list[str]:
        """Return every file."""
        return self.paths()

    def replaces(self, change: Change) -> list[str]:
        """Return the file, where it is not the same program that can be executed already."""
        before = change.before
        same = before is not None and before["sha256"] == change.after["sha256"] and int(before["mode"], 8) & 0o100
        return [] if same else self.paths()

    def wanted(self) -> list[Wanted]:
        """Return the artifact."""
        name = str(self.spec.get("artifact", self.id))
        return [Wanted(str(self.need("sha256")), int(self.spec.get("size", 0)), name, str(self.need("path")))]

    def apply(self, change: Change) -> None:
        """Move it from staging into its place."""
        path = self.system.path(change.path)
        mode, owner = int(change.after["mode"], 8), files.owner_ids(change.after["owner"])
        source, last = self.context.store.claim(change.after["sha256"])
        if last:
            files.move_into(source, path, mode, owner)
        else:
            files.copy_into(source, path, mode, owner)
        self.remember(**self.details())

    def details(self) -> dict[str, Any]:
        """Return path and digest."""
        name = str(self.spec["path"])
        return {"paths": {name: path_state(self.system.path(name), str(self.spec["sha256"]))}}
