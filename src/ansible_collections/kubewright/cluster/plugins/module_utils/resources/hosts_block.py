"""A block of lines in ``/etc/hosts`` between two marker lines; every other line stays as it is."""

from __future__ import annotations

from typing import Any, Iterable, Optional, Sequence

from ansible_collections.kubewright.cluster.plugins.module_utils import files
from ansible_collections.kubewright.cluster.plugins.module_utils.errors import NodeError
from ansible_collections.kubewright.cluster.plugins.module_utils.manifest import path_state
from ansible_collections.kubewright.cluster.plugins.module_utils.resources.base import Change, Resource


def block_text(marker: str, entries: Iterable[Sequence[Any]]) -> str:
    """Return the block with its marker lines; entries are (address, names) in the order given."""
    lines = ["# BEGIN %s" % marker]
    lines.extend("%s %s" % (address, " ".join(names)) for address, names in entries)
    lines.append("# END %s" % marker)
    return "".join(line + "\n" for line in lines)


def block_replaced(text: str, marker: str, block: str) -> str:
    """Return ``text`` with ``block`` in the place of the marker's block, at the end where there is none.

    Raises:
        NodeError: a marker line stands without its partner, so that the block's extent cannot be known.

    """
    lines = text.splitlines(keepends=True)
    extent = _extent(lines, marker)
    if extent is not None:
        first, last = extent
        return "".join(lines[:first]) + block + "".join(lines[last + 1 :])
    if text and not text.endswith("\n"):
        text += "\n"
    return text + block


def block_removed(text: str, marker: str) -> str:
    """Return ``text`` without the marker's block; NodeError as :func:`block_replaced`."""
    lines = text.splitlines(keepends=True)
    extent = _extent(lines, marker)
    if extent is None:
        return text
    return "".join(lines[: extent[0]] + lines[extent[1] + 1 :])


def _extent(lines: Sequence[str], marker: str) -> Optional[tuple[int, int]]:
    begins = [index for index, line in enumerate(lines) if line.strip() == "# BEGIN %s" % marker]
    ends = [index for index, line in enumerate(lines) if line.strip() == "# END %s" % marker]
    if not begins and not ends:
        return None
    if len(begins) == 1 and len(ends) == 1 and begins[0] < ends[0]:
        return begins[0], ends[0]
    raise NodeError(
        "hosts file block %r" % marker,
        "has %d BEGIN and %d END lines, or they are in the wrong order" % (len(begins), len(ends)),
        "Remove its lines by hand; they will be written again",
    )


class HostsBlock(Resource):
    """``path`` (default /etc/hosts), ``marker`` and ``entries``: [[address, [names]], …]."""

    type = "hosts_block"
    removable = True

    @property
    def name(self) -> str:
        """The hosts file's path."""
        return str(self.spec.get("path", "/etc/hosts"))

    def paths(self) -> list[str]:
        """Return the hosts file."""
        return [self.name]

    def find(self) -> Any:
        """Return the file's text, None where there is no file."""
        return files.read_text(self.system.path(self.name))

    def diff(self, found: Any) -> Optional[Change]:
        """Compare the block's lines."""
        after = self._wanted_text(found)
        if found == after:
            return None
        had = found is not None and ("# BEGIN %s" % self.need("marker")) in found
        action = "update" if had else "create"
        diff = files.unified(self.name, found, after)
        summary = "%s the block of %d hosts in %s" % (action, len(self.need("entries")), self.name)
        return self.change(action, "present" if had else None, "present", summary, diff=diff, path=self.name)

    def apply(self, change: Change) -> None:
        """Write the file with mode and owner as they are."""
        path = self.system.path(change.path)
        after = self._wanted_text(self.find()).encode("utf-8", "surrogateescape")
        if path.exists():
            status = path.stat()
            files.write_atomic(path.resolve(), after, status.st_mode & 0o7777, (status.st_uid, status.st_gid))
        else:
            files.write_atomic(path, after, 0o644, files.own_ids())
        self.remember(**self.details())

    def details(self) -> dict[str, Any]:
        """Return path and marker, what a removal needs."""
        path = self.system.path(self.name)
        return {"marker": self.need("marker"), "paths": {self.name: path_state(path, files.sha256_of(path))}}

    def _wanted_text(self, found: Optional[str]) -> str:
        marker = str(self.need("marker"))
        return block_replaced(found or "", marker, block_text(marker, self.need("entries")))
