"""A directory with its mode and owner."""

from __future__ import annotations

import os
from typing import Any, Optional

from ansible_collections.kubewright.cluster.plugins.module_utils import files
from ansible_collections.kubewright.cluster.plugins.module_utils.errors import NodeError
from ansible_collections.kubewright.cluster.plugins.module_utils.resources.base import Change, Resource


class Directory(Resource):
    """``path``, ``mode`` (default 0755) and ``owner`` (default root:root); what is in it is not looked at."""

    type = "directory"

    def find(self) -> Any:
        """Return mode and owner of what is there, None where nothing is."""
        path = self.system.path(self.need("path"))
        if path.is_symlink() and path.is_dir():
            # A link to a directory is how administrators move one to another disk: its target counts.
            path = path.resolve()
        if path.exists() and not path.is_dir():
            raise NodeError(str(self.spec["path"]), "is there and is no directory", "Move it away")
        return files.attributes(path)

    def diff(self, found: Any) -> Optional[Change]:
        """Compare mode and owner."""
        after = {"mode": self.spec.get("mode", "0755"), "owner": self.spec.get("owner", "root:root")}
        if found == after:
            return None
        path = str(self.spec["path"])
        action = "create" if found is None else "update"
        return self.change(action, found, after, "%s directory %s" % (action, path), path=path)

    def apply(self, change: Change) -> None:
        """Make it, with parents of mode 0755."""
        path = self.system.path(self.spec["path"])
        path.mkdir(mode=0o755, parents=True, exist_ok=True)
        os.chown(str(path), *files.owner_ids(change.after["owner"]))
        path.chmod(int(change.after["mode"], 8))
        self.remember(**self.details())
