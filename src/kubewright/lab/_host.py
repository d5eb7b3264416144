"""What this machine must have to carry a lab, and what of it shapes the nodes."""

from __future__ import annotations

import enum
import ipaddress
import json
import os
import resource
import shutil
import subprocess
from collections.abc import Iterator
from ipaddress import IPv4Network
from pathlib import Path

from kubewright.errors import BadInputError
from kubewright.lab._podman import podman, podman_json
from kubewright.lab.model import Progress

_TOOLS = {
    "podman": "podman",
    "runc": "runc",
    "conmon": "conmon",
    "netavark": "netavark",
    "iptables": "iptables",
    "mmdebstrap": "mmdebstrap",
    "ip": "iproute2",
    "ssh": "openssh-client",
    "ssh-keygen": "openssh-client",
    "openssl": "openssl",
}
"""Command → Debian package that brings it."""

_TOOL_DIRECTORIES = ("/usr/sbin", "/sbin", "/usr/lib/podman", "/usr/libexec/podman", "/usr/local/libexec/podman")
"""Where a tool may lie that is not on PATH."""

_CLUSTER_NETWORK = IPv4Network("10.233.0.0/16")
"""Default networks of pods and services; a lab that overlapped them could not be deployed without settings."""

_BYTES_PER_NODE = 2 * 2**30
_SPARE_BYTES = 2 * 2**30
_INOTIFY_INSTANCES = 1024
_INOTIFY_SETTING = Path("/proc/sys/fs/inotify/max_user_instances")
_MOST_FILES = 20_000
_MOST_PROCESSES = 32_768


class CgroupMode(enum.StrEnum):
    """How the kernel's control groups are mounted."""

    V1 = "v1"
    """One hierarchy a controller, with or without an empty unified one beside them (hybrid)."""
    V2 = "v2"


def require_tools() -> None:
    """Raise BadInputError where this is not root, or a command is missing, with the line that installs it."""
    if os.geteuid() != 0:
        raise BadInputError("kubewright lab", "nodes are privileged containers and need root", "Run it as root")
    path = os.pathsep.join((os.environ.get("PATH", ""), *_TOOL_DIRECTORIES))
    missing = [command for command in _TOOLS if shutil.which(command, path=path) is None]
    if missing:
        packages = " ".join(sorted({_TOOLS[command] for command in missing}))
        raise BadInputError(
            "this machine", f"{', '.join(missing)} not found", f"Install them: apt-get install -y {packages}"
        )


def require_disk(nodes: int) -> None:
    """Raise BadInputError where podman's disk has no room for so many more nodes."""
    storage = Path(podman("info", "--format", "{{.Store.GraphRoot}}"))
    free = shutil.disk_usage(storage).free
    needed = _SPARE_BYTES + nodes * _BYTES_PER_NODE
    if free < needed:
        raise BadInputError(
            str(storage),
            f"{free / 2**30:.1f} GiB are free, {nodes} nodes need {needed / 2**30:.1f} GiB",
            "Free some space, or ask for fewer nodes",
        )


def raise_inotify_limit(progress: Progress, setting: Path = _INOTIFY_SETTING) -> None:
    """Raise the limit of inotify instances to what a lab of many nodes needs, and tell it.

    root in all nodes is one user to the kernel, whose default of 128 instances is used up by half a dozen nodes; an
    engine that starts after that fails with "too many open files". The change lasts until this machine restarts.
    """
    now = int(setting.read_text())
    if now >= _INOTIFY_INSTANCES:
        return
    name = "fs.inotify.max_user_instances"
    try:
        setting.write_text(f"{_INOTIFY_INSTANCES}\n")
    except OSError as error:
        command = f"sysctl -w {name}={_INOTIFY_INSTANCES}"
        progress(f"{name} is {now} and cannot be raised ({error.strerror}): more than six nodes need {command}")
        return
    progress(f"{name} raised from {now} to {_INOTIFY_INSTANCES}, until this machine restarts")


def cgroup_mode(root: Path = Path("/sys/fs/cgroup")) -> CgroupMode:
    """Tell how control groups are mounted: only the v2 root has ``cgroup.controllers``."""
    return CgroupMode.V2 if (root / "cgroup.controllers").exists() else CgroupMode.V1


def limit_flags() -> list[str]:
    """Return podman flags for a node's resource limits, within this process's own: more cannot be given."""
    flags = ["--pids-limit", "-1"]
    for name, kind, most in (
        ("nofile", resource.RLIMIT_NOFILE, _MOST_FILES),
        ("nproc", resource.RLIMIT_NPROC, _MOST_PROCESSES),
    ):
        hard = resource.getrlimit(kind)[1]
        value = most if hard == resource.RLIM_INFINITY else min(most, hard)
        flags += ["--ulimit", f"{name}={value}:{value}"]
    return flags


def nameservers(
    files: tuple[Path, ...] = (Path("/etc/resolv.conf"), Path("/run/systemd/resolve/resolv.conf")),
) -> tuple[str, ...]:
    """Return this machine's name servers that a node can reach: a loopback address is only this machine's."""
    for file in files:
        lines = file.read_text().splitlines() if file.exists() else []
        servers = [words[1] for words in map(str.split, lines) if len(words) > 1 and words[0] == "nameserver"]
        usable = tuple(server for server in servers if not ipaddress.ip_address(server.split("%")[0]).is_loopback)
        if usable:
            return usable
    return ()


def taken_networks() -> list[IPv4Network]:
    """Return the networks that a new one must not overlap: routes, podman's networks and the clusters' defaults."""
    routes = json.loads(
        subprocess.run(("ip", "-4", "-j", "route"), capture_output=True, text=True, check=True, timeout=10).stdout
    )
    taken = [IPv4Network(route["dst"]) for route in routes if route["dst"] != "default"]
    for network in podman_json("network", "ls"):
        subnets = [IPv4Network(entry["subnet"]) for entry in network.get("subnets") or () if ":" not in entry["subnet"]]
        taken += subnets
    return [*taken, _CLUSTER_NETWORK]


def free_subnets(taken: list[IPv4Network]) -> Iterator[IPv4Network]:
    """Give the private /24 networks that overlap none of ``taken``, in the order in which labs take them."""
    for block in (IPv4Network("172.28.0.0/14"), IPv4Network("10.160.0.0/11")):
        for subnet in block.subnets(new_prefix=24):
            if not any(subnet.overlaps(other) for other in taken):
                yield subnet
