"""Kernel settings: set now, and written to a sysctl.d file for the next boot."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Optional

from ansible_collections.kubewright.cluster.plugins.module_utils import files
from ansible_collections.kubewright.cluster.plugins.module_utils.errors import NodeError
from ansible_collections.kubewright.cluster.plugins.module_utils.resources.base import Change
from ansible_collections.kubewright.cluster.plugins.module_utils.resources.file import TextFile


class Sysctls(TextFile):
    """``path`` of the sysctl.d file, ``values`` by name, ``optional``: names that the kernel may lack or refuse to set.

    What an optional setting lacks is a warning. One that the kernel refused is remembered and not tried again until its
    wanted value changes.
    """

    type = "sysctls"

    @property
    def values(self) -> dict[str, str]:
        """The wanted values."""
        return {str(name): str(value) for name, value in self.need("values").items()}

    @property
    def optional(self) -> frozenset[str]:
        """Names that may be absent."""
        return frozenset(self.spec.get("optional", []))

    def content(self) -> str:
        """Return the sysctl.d file's text; a leading ``-`` tells sysctl to ignore that an optional one is absent."""
        head = "# Written by kubewright\n"
        return head + "".join("%s%s = %s\n" % (self._dash(name), name, self.values[name]) for name in self.values)

    def find(self) -> Any:
        """Return the file as it is, and the live values that differ (None: the kernel has no such setting)."""
        live = {}
        refused = self.entry.get("refused", {})
        for name, value in self.values.items():
            now = self._live(name)
            if now == " ".join(value.split()):
                continue
            if name in self.optional and (now is None or refused.get(name) == value):
                self.context.warn("sysctl %s is %s and cannot be set to %s here" % (name, now or "absent", value))
                continue
            live[name] = now
        return {"file": super().find(), "live": live}

    def diff(self, found: Any) -> Optional[Change]:
        """Compare the file, and the live values."""
        change = super().diff(found["file"])
        live = found["live"]
        if change is None and not live:
            return None
        path = str(self.spec["path"])
        base = change or self.change("update", None, self.attributes, "", path=path)
        settings = ["%s: %s → %s" % (name, now or "absent", self.values[name]) for name, now in live.items()]
        parts = ([change.summary] if change else []) + settings
        after = {**base.after, "live": {name: self.values[name] for name in live}}
        before = {"file": base.before, "live": live}
        return self.change(base.action, before, after, "; ".join(parts), diff=base.diff, path=path)

    def apply(self, change: Change) -> None:
        """Set the live values, then write the file."""
        refused = {
            name: value for name, value in self.entry.get("refused", {}).items() if self.values.get(name) == value
        }
        for name, value in change.after["live"].items():
            reason = self._set(name, value)
            if not reason:
                continue
            if name not in self.optional:
                remedy = "Load the kernel module that has it" if self._live(name) is None else ""
                raise NodeError("sysctl %s" % name, "cannot be set to %s: %s" % (value, reason), remedy)
            self.context.warn("sysctl %s cannot be set to %s here: %s" % (name, value, reason))
            refused[name] = value
        path = self.system.path(change.path)
        content = self.content().encode()
        files.write_atomic(path, content, int(change.after["mode"], 8), files.owner_ids(change.after["owner"]))
        self.remember(**super().details(), **_refusals(refused))

    def details(self) -> dict[str, Any]:
        """Return the file's, with what the kernel refused before."""
        return {**super().details(), **_refusals(self.entry.get("refused", {}))}

    def _dash(self, name: str) -> str:
        return "-" if name in self.optional else ""

    def _file(self, name: str) -> Path:
        # As sysctl does: dots separate, and a slash stands for a dot within a name (interfaces such as eth0.5).
        return self.system.path("/proc/sys/" + name.translate(str.maketrans("./", "/.")))

    def _live(self, name: str) -> Optional[str]:
        try:
            text = files.read_text(self._file(name))
        except OSError:
            # Settings such as net.ipv4.route.flush can be written only.
            return None
        return None if text is None else " ".join(text.split())

    def _set(self, name: str, value: str) -> str:
        try:
            # Not atomic, and not to be: every write to /proc/sys takes effect at once.
            self._file(name).write_text(value + "\n")
        except OSError as error:
            return error.strerror or str(error)
        return ""


def _refusals(refused: dict[str, str]) -> dict[str, Any]:
    return {"refused": refused} if refused else {}
