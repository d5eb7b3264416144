"""A file with its content, mode and owner."""

from __future__ import annotations

import hashlib
from typing import Any, Optional

from ansible_collections.kubewright.cluster.plugins.module_utils import files
from ansible_collections.kubewright.cluster.plugins.module_utils.errors import NodeError
from ansible_collections.kubewright.cluster.plugins.module_utils.manifest import path_state
from ansible_collections.kubewright.cluster.plugins.module_utils.resources.base import Change, Resource

HIDDEN = "(content not shown)"


class TextFile(Resource):
    """Base of resources that are one text file: what is there, its difference, the write."""

    removable = True
    default_mode = "0644"

    def content(self) -> str:
        """Return the text that the file should have."""
        return str(self.need("content"))

    @property
    def attributes(self) -> dict[str, str]:
        """Mode and owner that the file should have."""
        return {"mode": self.spec.get("mode", self.default_mode), "owner": self.spec.get("owner", "root:root")}

    @property
    def secret(self) -> bool:
        """Whether the content must not be shown."""
        return bool(self.spec.get("secret", False))

    def find(self) -> Any:
        """Return text, mode and owner; None where there is no file."""
        path = self.system.path(self.need("path"))
        if path.is_dir():
            raise NodeError(str(self.spec["path"]), "is a directory and should be a file", "Move it away")
        attributes = files.attributes(path)
        if attributes is None:
            return None
        return dict(attributes, text="" if path.is_symlink() else files.read_text(path), link=path.is_symlink())

    def diff(self, found: Any) -> Optional[Change]:
        """Compare text, mode and owner. A symbolic link in the file's place is replaced, not followed."""
        after = self.attributes
        text = self.content()
        before = None if found is None else {key: found[key] for key in after}
        same_text = found is not None and not found["link"] and found["text"] == text
        if same_text and before == after:
            return None
        path = str(self.spec["path"])
        action = "create" if found is None else "update"
        diff = "" if same_text else files.unified(path, None if found is None else found["text"], text)
        if self.secret and diff:
            diff = "--- %s\n+++ %s\n%s\n" % (path, path, HIDDEN)
        what = "%s %s" % (action, path) if not same_text else "set mode and owner of %s" % path
        return self.change(action, before, after, what, diff=diff, path=path)

    def apply(self, change: Change) -> None:
        """Write it atomically."""
        path = self.system.path(change.path)
        content = self.content().encode("utf-8", "surrogateescape")
        files.write_atomic(path, content, int(change.after["mode"], 8), files.owner_ids(change.after["owner"]))
        self.remember(**self.details())

    def details(self) -> dict[str, Any]:
        """Return path, digest and whether the content is a secret."""
        name = str(self.spec["path"])
        digest = hashlib.sha256(self.content().encode("utf-8", "surrogateescape")).hexdigest()
        hidden = {"secret": True} if self.secret else {}
        return {"paths": {name: path_state(self.system.path(name), digest)}, **hidden}


class File(TextFile):
    """``path``, ``content``, ``mode`` (0644), ``owner`` (root:root), ``secret`` (its content is never shown)."""

    type = "file"
