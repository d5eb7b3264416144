"""What kind of machine a node is: system, processor, kernel, clock, disks, and from where it was reached."""

from __future__ import annotations

import os
import sys
import time
from typing import Any, Iterable

from ansible_collections.kubewright.cluster.plugins.module_utils import files
from ansible_collections.kubewright.cluster.plugins.module_utils.process import System

ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}
"""Kernel names of processor architectures that have another name among Kubernetes' artifacts."""

_PACKAGE_MANAGERS = ("apt-get", "dnf", "yum", "zypper", "pacman", "apk")


def machine(system: System) -> dict[str, Any]:
    """Return name, system, processor, kernel, clock and who we are there."""
    # What platform and socket say as well, which take longer to import than all of this.
    kernel = os.uname()
    return {
        "hostname": kernel.nodename,
        "os": operating_system(system),
        "architecture": ARCHITECTURES.get(kernel.machine, kernel.machine),
        "python": "%d.%d.%d" % sys.version_info[:3],
        "kernel": kernel.release,
        "machine_id": (files.read_text(system.path("/etc/machine-id")) or "").strip(),
        "cgroup": cgroup_version(system),
        "memory_total_kb": memory(system, "MemTotal"),
        "swap_total_kb": memory(system, "SwapTotal"),
        "cpus": os.cpu_count() or 0,
        "uid": os.geteuid(),
        "package_manager": package_manager(system),
        "systemd": system.path("/run/systemd/system").is_dir(),
        "time": time.time(),
    }


def operating_system(system: System) -> dict[str, str]:
    """Return id, version_id, id_like and pretty name of os-release(5); empty where it has none."""
    text = files.read_text(system.path("/etc/os-release")) or files.read_text(system.path("/usr/lib/os-release")) or ""
    values = {}
    for line in text.splitlines():
        name, _, value = line.partition("=")
        values[name.strip()] = value.strip().strip("\"'")
    return {
        "id": values.get("ID", ""),
        "version_id": values.get("VERSION_ID", ""),
        "id_like": values.get("ID_LIKE", ""),
        "pretty": values.get("PRETTY_NAME", ""),
    }


def cgroup_version(system: System) -> str:
    """Return ``v2`` where /sys/fs/cgroup is the unified hierarchy, else ``v1`` (a hybrid is ``v1`` to the kubelet)."""
    return "v2" if system.path("/sys/fs/cgroup/cgroup.controllers").exists() else "v1"


def memory(system: System, name: str) -> int:
    """Return a number of /proc/meminfo, in kB; 0 where it has no such line."""
    for line in (files.read_text(system.path("/proc/meminfo")) or "").splitlines():
        if line.startswith(name + ":"):
            return int(line.split()[1])
    return 0


def package_manager(system: System) -> str:
    """Return the first package manager that is there, empty for none."""
    for name in _PACKAGE_MANAGERS:
        if system.path("/usr/bin/" + name).exists() or system.path("/sbin/" + name).exists():
            return name
    return ""


def disk_free(system: System, paths: Iterable[str]) -> dict[str, int]:
    """Return the bytes that root may still write, by path; for a path that is not there yet, where it would be made."""
    free = {}
    for name in paths:
        path = system.path(name)
        while not path.exists():
            path = path.parent
        status = os.statvfs(str(path))
        free[name] = status.f_bavail * status.f_frsize
    return free


def ssh_client(system: System) -> str:
    """Return the address that this login came from, empty where it came by no SSH.

    sudo drops SSH_CONNECTION from the environment, so the processes above this one are asked for theirs.
    """
    process = os.getpid()
    for _ in range(32):
        value = _environment(system, process).get("SSH_CONNECTION", "")
        if value:
            return value.split()[0]
        process = _parent(system, process)
        if process <= 1:
            return ""
    return ""


def _environment(system: System, process: int) -> dict[str, str]:
    try:
        raw = system.path("/proc/%d/environ" % process).read_bytes()
    except OSError:
        # Another user's process, or one that has just ended.
        return {}
    items = raw.decode("utf-8", "replace").split("\0")
    return dict(item.partition("=")[::2] for item in items if "=" in item)


def _parent(system: System, process: int) -> int:
    for line in (files.read_text(system.path("/proc/%d/status" % process)) or "").splitlines():
        if line.startswith("PPid:"):
            return int(line.split()[1])
    return 0
