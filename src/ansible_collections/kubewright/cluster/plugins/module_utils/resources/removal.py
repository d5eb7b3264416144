"""Take away what kubewright put on the node and the document no longer has."""

from __future__ import annotations

from typing import Any, Iterable, Optional

from ansible_collections.kubewright.cluster.plugins.module_utils import files
from ansible_collections.kubewright.cluster.plugins.module_utils.manifest import Entry
from ansible_collections.kubewright.cluster.plugins.module_utils.resources.base import Change, Context
from ansible_collections.kubewright.cluster.plugins.module_utils.resources.file import HIDDEN
from ansible_collections.kubewright.cluster.plugins.module_utils.resources.hosts_block import block_removed

WHOLE_FILES = frozenset({"file", "kernel_modules", "sysctls"})
"""Types whose file is kubewright's alone and goes with the resource."""


def removals(context: Context, ids: set[str], paths: set[str]) -> list[Change]:
    """Return what to take away: in the manifest, of a type that can be, not among ``ids`` and at none of ``paths``."""
    changes = []
    for identifier, entry in sorted(context.manifest.entries.items()):
        if identifier in ids:
            continue
        for path in entry.get("paths", {}):
            change = None if path in paths else _removal(context, identifier, entry, path)
            if change is not None:
                changes.append(change)
    return changes


def remove(context: Context, change: Change) -> None:
    """Take away what :func:`removals` said."""
    path = context.system.path(change.path)
    if change.type == "hosts_block":
        _remove_block(context, change)
    else:
        files.remove(path)
    context.manifest.forget(change.id)


def forget_others(context: Context, ids: Iterable[str]) -> None:
    """Drop what is no longer in the document from the manifest."""
    kept = set(ids)
    for identifier in [name for name in context.manifest.entries if name not in kept]:
        context.manifest.forget(identifier)


def _removal(context: Context, identifier: str, entry: Entry, path: str) -> Optional[Change]:
    kind = entry["type"]
    text = files.read_text(context.system.path(path))
    if text is None:
        return None
    after: Optional[str] = None
    if kind == "hosts_block":
        after = block_removed(text, str(entry.get("marker", "")))
        if after == text:
            return None
    elif kind not in WHOLE_FILES:
        return None
    diff = files.unified(path, text, after)
    if entry.get("secret"):
        diff = "--- %s\n+++ /dev/null\n%s\n" % (path, HIDDEN)
    what = "remove the block from %s" % path if kind == "hosts_block" else "remove %s" % path
    return Change(identifier, kind, "remove", "present", None, what, diff, path)


def _remove_block(context: Context, change: Change) -> None:
    path = context.system.path(change.path)
    text = files.read_text(path)
    if text is None:
        return
    marker: Any = context.manifest.entries[change.id].get("marker", "")
    status = path.stat()
    content = block_removed(text, str(marker)).encode("utf-8", "surrogateescape")
    files.write_atomic(path, content, status.st_mode & 0o7777, (status.st_uid, status.st_gid))
