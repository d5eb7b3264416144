"""Kernel modules: loaded now, and named in a modules-load.d file for the next boot."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Optional

from ansible_collections.kubewright.cluster.plugins.module_utils import files
from ansible_collections.kubewright.cluster.plugins.module_utils.errors import NodeError
from ansible_collections.kubewright.cluster.plugins.module_utils.process import System
from ansible_collections.kubewright.cluster.plugins.module_utils.resources.base import Change
from ansible_collections.kubewright.cluster.plugins.module_utils.resources.file import TextFile


class KernelModules(TextFile):
    """``path`` of the modules-load.d file and ``names``.

    A module that is built into the kernel counts as loaded. In a container, where no module can be loaded, one that is
    absent is a warning; elsewhere it is an error.
    """

    type = "kernel_modules"

    @property
    def names(self) -> list[str]:
        """The modules' names."""
        return [str(name) for name in self.need("names")]

    def content(self) -> str:
        """Return the modules-load.d file's text."""
        return "# Written by kubewright\n" + "".join(name + "\n" for name in self.names)

    def find(self) -> Any:
        """Return the file as it is, and the modules that are neither loaded nor built in and could be."""
        absent = [name for name in self.names if not _present(self.system, name)]
        unavailable = [name for name in absent if in_container(self.system)]
        for name in unavailable:
            self.context.warn("kernel module %s is not loaded, and a container cannot load it" % name)
        return {"file": super().find(), "unloaded": [name for name in absent if name not in unavailable]}

    def diff(self, found: Any) -> Optional[Change]:
        """Compare the file, and what is loaded."""
        change = super().diff(found["file"])
        unloaded = found["unloaded"]
        if change is None and not unloaded:
            return None
        path = str(self.spec["path"])
        base = change or self.change("update", None, self.attributes, "", path=path)
        parts = ([change.summary] if change else []) + (["load " + ", ".join(unloaded)] if unloaded else [])
        before = {"file": base.before, "unloaded": unloaded}
        after = {**base.after, "unloaded": []}
        return self.change(base.action, before, after, "; ".join(parts), diff=base.diff, path=path)

    def apply(self, change: Change) -> None:
        """Write the file, then load what is not loaded."""
        for name in change.before["unloaded"]:
            done = self.system.run("modprobe", "--", name)
            if not done.ok:
                raise NodeError(
                    "kernel module %s" % name,
                    "cannot be loaded: %s" % done.complaint,
                    "Install the kernel's package of further modules, or run a kernel that has it",
                )
        super().apply(change)


def in_container(system: System) -> bool:
    """Tell whether the node is a container: systemd says so in /run, or its first process was told."""
    if system.path("/run/systemd/container").exists() or system.path("/run/.containerenv").exists():
        return True
    try:
        environment = system.path("/proc/1/environ").read_bytes()
    except OSError:
        return False
    return any(item.startswith(b"container=") for item in environment.split(b"\0"))


def _present(system: System, name: str) -> bool:
    plain = name.replace("-", "_")
    if system.path("/sys/module/" + plain).exists():
        return True
    loaded = files.read_text(system.path("/proc/modules")) or ""
    if any(line.split(" ", 1)[0] == plain for line in loaded.splitlines()):
        return True
    return plain in _built_in(system)


def _built_in(system: System) -> set[str]:
    """Return the names in modules.builtin: those without parameters do not appear under /sys/module."""
    release = (files.read_text(system.path("/proc/sys/kernel/osrelease")) or "").strip()
    listing = files.read_text(system.path("/lib/modules/%s/modules.builtin" % release)) or ""
    return {Path(line).name.split(".ko")[0].replace("-", "_") for line in listing.splitlines()}
