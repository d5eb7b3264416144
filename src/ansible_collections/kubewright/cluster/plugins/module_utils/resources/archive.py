"""A tar archive of which the listed members are installed below one directory."""

from __future__ import annotations

import hashlib
import os.path
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, BinaryIO, Optional

from ansible_collections.kubewright.cluster.plugins.module_utils import files
from ansible_collections.kubewright.cluster.plugins.module_utils.errors import ARTIFACTS, BAD_INPUT, NodeError
from ansible_collections.kubewright.cluster.plugins.module_utils.late import late
from ansible_collections.kubewright.cluster.plugins.module_utils.manifest import path_state
from ansible_collections.kubewright.cluster.plugins.module_utils.resources.base import Change, Resource
from ansible_collections.kubewright.cluster.plugins.module_utils.transfer import Wanted

if TYPE_CHECKING:
    import tarfile
else:
    tarfile = late("tarfile")

_CHUNK = 1 << 20
_EXPANSION = 3
"""How many times larger than the archive its members are taken to be, for the check of free space."""


class Archive(Resource):
    """``destination``, ``artifact``, ``sha256``, ``size`` of the archive; ``members``, ``strip`` (0).

    ``mode`` (0755) and ``owner`` (root:root) are those of every member. ``members`` maps paths in the archive to
    SHA-256; ``strip`` is how many leading directories of a member's path are left out where it is installed. Nothing
    but the listed members is extracted, each verified by its own digest before it takes its place.
    """

    type = "archive"

    @property
    def members(self) -> dict[str, str]:
        """The members' digests by path in the archive.

        Raises:
            NodeError: a member's path leads out of the destination, or nothing of it is left.

        """
        members = {str(name): str(digest) for name, digest in self.need("members").items()}
        for name in members:
            if os.path.isabs(name) or ".." in name.split("/") or name != os.path.normpath(name):
                raise NodeError("archive %s" % self.id, "member %r is no plain relative path" % name, "", BAD_INPUT)
            if name.count("/") < self.strip:
                cause = "member %r has fewer than %d directories" % (name, self.strip)
                raise NodeError("archive %s" % self.id, cause, "", BAD_INPUT)
        return members

    @property
    def strip(self) -> int:
        """How many leading directories are left out."""
        return int(self.spec.get("strip", 0))

    def paths(self) -> list[str]:
        """Return every member's path."""
        return [self._installed(name) for name in self.members]

    def find(self) -> Any:
        """Return the members that are there: their digests, or mode and owner where these are not the right ones."""
        found = {}
        for name in self.members:
            path = self._installed(name)
            digest = self.context.manifest.digest(self.system.path(path), path)
            attributes = files.attributes(self.system.path(path))
            if digest is not None and attributes is not None:
                other = "mode %s, owner %s" % (attributes["mode"], attributes["owner"])
                found[name] = digest if attributes == self.attributes else other
        return found

    @property
    def attributes(self) -> dict[str, str]:
        """Mode and owner that every member should have."""
        return {"mode": str(self.spec.get("mode", "0755")), "owner": str(self.spec.get("owner", "root:root"))}

    def diff(self, found: Any) -> Optional[Change]:
        """Compare the members' digests."""
        members = self.members
        differing = [name for name, digest in members.items() if found.get(name) != digest]
        if not differing:
            return None
        destination = str(self.need("destination"))
        before = {name: found.get(name) for name in differing}
        after = {name: members[name] for name in differing}
        action = "update" if found else "create"
        summary = "%s %s in %s" % (action, ", ".join(differing), destination)
        return self.change(action, before, after, summary, path=destination)

    def programs(self) -> list[str]:
        """Return every file."""
        return self.paths()

    def wanted(self) -> list[Wanted]:
        """Return the archive."""
        size = int(self.spec.get("size", 0))
        name = str(self.spec.get("artifact", self.id))
        return [Wanted(str(self.need("sha256")), size, name, str(self.need("destination")), size * _EXPANSION)]

    def apply(self, change: Change) -> None:
        """Extract the members that differ."""
        sha256 = str(self.need("sha256"))
        source, _ = self.context.store.claim(sha256)
        left = dict(change.after)
        with tarfile.open(str(source)) as archive:
            for member in archive:
                name = os.path.normpath(member.name)
                if member.isfile() and name in left:
                    stream = archive.extractfile(member)
                    if stream is not None:
                        self._install(name, stream, left.pop(name))
        if left:
            cause = "has no member %s" % ", ".join(sorted(left))
            raise NodeError("archive %s" % self.id, cause, "The document and the archive do not go together", ARTIFACTS)
        self.context.store.release(sha256)
        self.remember(**self.details())

    def details(self) -> dict[str, Any]:
        """Return the members' paths and digests."""
        members = {self._installed(name): digest for name, digest in self.members.items()}
        return {"paths": {path: path_state(self.system.path(path), digest) for path, digest in members.items()}}

    def _installed(self, name: str) -> str:
        installed = name.split("/", self.strip)[-1]
        return "%s/%s" % (str(self.need("destination")).rstrip("/"), installed)

    def _install(self, name: str, stream: IO[bytes], sha256: str) -> None:
        def fill(target: BinaryIO) -> None:
            digest = hashlib.sha256()
            for chunk in iter(lambda: stream.read(_CHUNK), b""):
                digest.update(chunk)
                target.write(chunk)
            if digest.hexdigest() != sha256:
                cause = "member %s has SHA-256 %s, not %s" % (name, digest.hexdigest(), sha256)
                raise NodeError("archive %s" % self.id, cause, "", ARTIFACTS)

        path: Path = self.system.path(self._installed(name))
        files.replace_by(path, fill, int(self.attributes["mode"], 8), files.owner_ids(self.attributes["owner"]))
