"""Files that hold keys, or say what runs as root: nobody but their owner may read them."""

from __future__ import annotations

import os
from typing import Any, Optional

from ansible_collections.kubewright.cluster.plugins.module_utils import files
from ansible_collections.kubewright.cluster.plugins.module_utils.resources.base import Change, Resource

_OWNER = "root:root"
_MODE = 0o600


class PrivateFiles(Resource):
    """``files``: paths, each of mode 0600 or less and of root, where it is there.

    What is in them is for others to compare; whoever has made them stricter may leave it so.
    """

    type = "private_files"

    def find(self) -> Any:
        """Return mode and owner of each file that others can read, write or own, by path."""
        found = {}
        for path in self.need("files"):
            attributes = files.attributes(self.system.path(path))
            if attributes is not None and not _is_private(attributes):
                found[path] = attributes
        return found

    def diff(self, found: Any) -> Optional[Change]:
        """Return the files that are open to others."""
        if not found:
            return None
        after = {path: {"mode": "%04o" % _kept(attributes), "owner": _OWNER} for path, attributes in found.items()}
        told = ", ".join("%s (%s, %s)" % (path, each["mode"], each["owner"]) for path, each in sorted(found.items()))
        return self.change("update", found, after, "close to all but root: %s" % told)

    def apply(self, change: Change) -> None:
        """Set mode and owner; the content is not touched, so nothing that reads it starts anew."""
        for path, after in change.after.items():
            target = self.system.path(path)
            os.chown(str(target), *files.owner_ids(after["owner"]))
            target.chmod(int(after["mode"], 8))
        self.remember(**self.details())


def _kept(attributes: dict[str, str]) -> int:
    """The mode with what others must not have taken away."""
    return int(attributes["mode"], 8) & _MODE


def _is_private(attributes: dict[str, str]) -> bool:
    return attributes["owner"] == _OWNER and _kept(attributes) == int(attributes["mode"], 8)
