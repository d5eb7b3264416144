"""What kubewright put on a node, remembered on it: ``/etc/kubewright/manifest.json`` (0600).

By resource id it holds the type, the paths with their digests and file signatures (so that a big file that nobody
touched is not read again) and what a type needs to take a resource away. It also holds the node's *record*: which
cluster the node belongs to.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Optional

from ansible_collections.kubewright.cluster.plugins.module_utils import files
from ansible_collections.kubewright.cluster.plugins.module_utils.process import System

MANIFEST_PATH = "/etc/kubewright/manifest.json"
FORMAT = 1

Entry = dict[str, Any]


class Manifest:
    """The manifest, read once and saved after each change.

    ``warning`` says why a damaged manifest was taken for an empty one, and ``damage`` in short what is wrong with it;
    empty otherwise. ``present`` tells whether the node had one.
    """

    def __init__(self, system: System) -> None:
        self._path = system.path(MANIFEST_PATH)
        self.warning = ""
        self.damage = ""
        self.present = self._path.exists()
        self._value = self._read()
        self._saved = json.dumps(self._value, sort_keys=True)
        self._synced = True

    @property
    def record(self) -> dict[str, Any]:
        """The node's record as the controller gave it; empty where it gave none."""
        return dict(self._value["record"])

    @record.setter
    def record(self, value: dict[str, Any]) -> None:
        self._value["record"] = value

    @property
    def pending_restarts(self) -> list[str]:
        """Units that a run made due for a restart and has not restarted yet."""
        return list(self._value["pending_restarts"])

    @pending_restarts.setter
    def pending_restarts(self, value: list[str]) -> None:
        self._value["pending_restarts"] = value

    @property
    def entries(self) -> dict[str, Entry]:
        """The entries by resource id."""
        entries: dict[str, Entry] = self._value["resources"]
        return entries

    def entry(self, identifier: str, kind: str) -> Entry:
        """Return the entry of a resource; empty where there is none of that type."""
        entry = self.entries.get(identifier, {})
        return entry if entry.get("type") == kind else {}

    def remember(self, identifier: str, kind: str, **details: Any) -> None:
        """Replace a resource's entry."""
        self.entries[identifier] = {"type": kind, **details}

    def forget(self, identifier: str) -> None:
        """Drop a resource's entry, if there is one."""
        self.entries.pop(identifier, None)

    def digest(self, path: Path, name: str) -> Optional[str]:
        """Return a file's SHA-256, from the manifest where its signature is as remembered; None where there is no file.

        Args:
            path: the file.
            name: its path as the manifest knows it.

        """
        now = files.signature(path)
        if now is None:
            return None
        for entry in self.entries.values():
            known = entry.get("paths", {}).get(name)
            if known and known["signature"] == now:
                return str(known["sha256"])
        return files.sha256_of(path)

    def save(self, *, sync: bool = True) -> None:
        """Write the manifest, atomically, if it differs from what is on the disk.

        Args:
            sync: wait until it is on the disk. While a run is at work it saves after each change without waiting: that
                is for the case that it is killed. Were the power lost instead, the next run would find what it can see.

        """
        text = json.dumps(self._value, sort_keys=True)
        if text == self._saved and (self._synced or not sync):
            return
        content = json.dumps(self._value, sort_keys=True, indent=1) + "\n"
        files.write_atomic(self._path, content.encode(), 0o600, files.own_ids(), sync=sync)
        self._saved, self._synced = text, sync
        self.present = True

    def _read(self) -> dict[str, Any]:
        empty: dict[str, Any] = {"format": FORMAT, "record": {}, "pending_restarts": [], "resources": {}}
        text = files.read_text(self._path)
        if text is None:
            return empty
        try:
            value = json.loads(text)
        except ValueError as error:
            return self._damaged(empty, str(error))
        if not _well_formed(value):
            return self._damaged(empty, "it has not the expected form")
        return {**empty, **{key: value[key] for key in empty if key in value}, "format": FORMAT}

    def _damaged(self, empty: dict[str, Any], why: str) -> dict[str, Any]:
        self.damage = why
        self.warning = (
            "%s is damaged (%s) and is taken for empty: what was put on this node earlier and is no longer wanted stays"
            % (MANIFEST_PATH, why)
        )
        return empty


def _well_formed(value: Any) -> bool:
    if not isinstance(value, dict) or not isinstance(value.get("resources"), dict):
        return False
    if not isinstance(value.get("record", {}), dict) or not isinstance(value.get("pending_restarts", []), list):
        return False
    return all(isinstance(entry, dict) and isinstance(entry.get("type"), str) for entry in value["resources"].values())


def path_state(path: Path, sha256: str) -> dict[str, Any]:
    """Return what the manifest remembers of a file whose digest is known."""
    return {"sha256": sha256, "signature": files.signature(path)}
