"""Take from a node what kubewright, kubeadm, the kubelet and the pod network put there, and nothing else.

The manifest goes last: while it is there, a killed call is completed by the next one. Packages stay, and so do kernel
modules that are loaded and sysctl values that are set; the files that would set them at the next boot go.
"""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import Any, Iterator, Optional

from ansible_collections.kubewright.cluster.plugins.module_utils import files, firewall
from ansible_collections.kubewright.cluster.plugins.module_utils.errors import FOREIGN, NodeError
from ansible_collections.kubewright.cluster.plugins.module_utils.kubeapi import wait_until
from ansible_collections.kubewright.cluster.plugins.module_utils.manifest import MANIFEST_PATH, Manifest
from ansible_collections.kubewright.cluster.plugins.module_utils.markers import DIRECTORY, Layout
from ansible_collections.kubewright.cluster.plugins.module_utils.process import System
from ansible_collections.kubewright.cluster.plugins.module_utils.resources.hosts_block import block_removed
from ansible_collections.kubewright.cluster.plugins.module_utils.units import unit_state

KUBELET = "/var/lib/kubelet"
ENGINE = "containerd"
LINKS = ("flannel.1", "flannel-v6.1", "cni0", "kube-ipvs0")
_CTR = ("ctr", "--namespace", "k8s.io")
_STATE = (
    KUBELET,
    "/run/flannel",
    "/run/kubernetes",
    "/var/lib/cni/flannel",
    "/var/lib/cni/networks/cbr0",
    "/var/lib/cni/results",
    "/var/log/pods",
    "/var/log/containers",
    "/etc/kubernetes/tmp",
    "/var/lib/kubewright",
)
_EMPTY = (
    "/etc/kubernetes/manifests",
    "/etc/kubernetes",
    "/etc/cni/net.d",
    "/etc/cni",
    "/opt/cni/bin",
    "/opt/cni",
    "/etc/containerd",
)
_STOP_SECONDS = 60.0


def clean(system: System, params: dict[str, Any]) -> dict[str, Any]:
    """Clean the node; nothing where it is clean already.

    ``others`` are containerd's namespaces that others use, for which it stays with its programs and configuration.
    ``damaged`` says why the manifest cannot be read, empty where it can: then what it named stays, and so does the
    manifest, because the node is not clean.

    Raises:
        NodeError: Kubernetes is on it and kubewright's manifest is not, or something cannot be stopped or unmounted.

    """
    manifest = Manifest(system)
    layout = Layout(params["certificates_directory"], params["etcd_data_directory"])
    if not manifest.present:
        if next(layout.kubeadm_paths(system), None) is not None:
            raise NodeError(
                "node", "Kubernetes is on it, but not kubewright's %s; nothing was changed" % MANIFEST_PATH,
                "Use the tool that made it", FOREIGN,
            )  # fmt: skip
        return {"changed": False, "others": [], "damaged": ""}
    system.search = [params["bin_dir"]]
    _stop_unit(system, "kubelet")
    others = _stop_containers(system)
    _unmount(system, KUBELET)
    _remove_network(system)
    _remove_files(system, manifest, layout, keep_engine=bool(others))
    system.run("systemctl", "daemon-reload")
    for name in ("init.json", "join.json"):
        files.remove(system.path("%s/%s" % (DIRECTORY, name)))
    if not manifest.damage:
        files.remove(system.path(MANIFEST_PATH))
        _remove_if_empty(system, DIRECTORY)
    return {"changed": True, "others": others, "damaged": manifest.damage}


def _stop_unit(system: System, name: str) -> None:
    state = unit_state(system, name)
    if state.load == "not-found":
        return
    system.must("systemctl", "stop", name)
    system.run("systemctl", "disable", "--no-reload", name)


def _stop_containers(system: System) -> list[str]:
    """End all pods' containers, remove them with their images, and stop the engine where it is only ours.

    Returns the namespaces that others use.
    """
    state = unit_state(system, ENGINE)
    # A stopped engine leaves its containers running; it has to be asked for them.
    if not state.running and (state.load == "not-found" or not system.run("systemctl", "start", ENGINE).ok):
        _refuse_orphans(system)
        return []
    for identity in sorted(_running(system)):
        system.run(*_CTR, "tasks", "kill", "--all", "--signal", "SIGKILL", identity)
    wait_until("containers to stop", lambda: not _running(system) or None, _STOP_SECONDS, "Look at ctr tasks list")
    containers = system.must(*_CTR, "containers", "list", "--quiet").split()
    for identity in containers:
        system.run(*_CTR, "tasks", "delete", "--force", identity)
    if containers:
        system.run(*_CTR, "containers", "remove", *containers)
    images = system.must(*_CTR, "images", "list", "--quiet").split()
    if images:
        system.must(*_CTR, "images", "remove", "--sync", *images)
    namespaces = set(system.must("ctr", "namespaces", "list", "--quiet").split()) - {"k8s.io"}
    others = [namespace for namespace in sorted(namespaces) if _is_used(system, namespace)]
    if not others:
        _stop_unit(system, ENGINE)
    return others


def _refuse_orphans(system: System) -> None:
    """Containers outlive the engine in their shims; nobody is left who could end them in good order.

    Raises:
        NodeError: some run.

    """
    processes = sorted(_shims(system), key=int)
    if processes:
        raise NodeError(
            "unit %s" % ENGINE,
            "it cannot be started, and pods' containers still run (containerd-shim, process %s); nothing was removed"
            % ", ".join(processes),
            "Mend it (journalctl -u %s) or restart the host, then run the same command again" % ENGINE,
        )


def _shims(system: System) -> Iterator[str]:
    """Processes that hold containers of Kubernetes' namespace."""
    for path in system.path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = path.read_bytes().decode("utf-8", "replace").split("\0")
        except OSError:
            # It has ended since.
            continue
        namespace = words[words.index("-namespace") + 1] if "-namespace" in words else ""
        if namespace == "k8s.io" and Path(words[0]).name.startswith("containerd-shim"):
            yield path.parent.name


def _is_used(system: System, namespace: str) -> bool:
    return any(
        system.must("ctr", "--namespace", namespace, kind, "list", "--quiet").split()
        for kind in ("containers", "images")
    )


def _running(system: System) -> set[str]:
    rows = [line.split() for line in system.must(*_CTR, "tasks", "list").splitlines()[1:]]
    return {row[0] for row in rows if len(row) >= 3 and row[2] != "STOPPED"}


def mounts_below(text: str, directory: str) -> list[str]:
    """Mount points below the directory, the deepest and latest first, from the content of /proc/self/mounts."""
    points = [_unescaped(line.split(" ")[1]) for line in text.splitlines() if line.count(" ") >= 2]
    return [point for point in reversed(points) if point.startswith(directory + "/")]


def _unescaped(text: str) -> str:
    return re.sub(r"\\([0-7]{3})", lambda found: chr(int(found.group(1), 8)), text)


def _mounts(system: System, directory: str) -> list[str]:
    return mounts_below(files.read_text(system.path("/proc/self/mounts")) or "", directory)


def _unmount(system: System, directory: str) -> None:
    """Unmount everything below it: what is still mounted there would be emptied with it, volumes' data and all."""
    for point in _mounts(system, directory):
        system.run("umount", point)
    left = _mounts(system, directory)
    if left:
        raise NodeError(
            "mounts below %s" % directory,
            "%s cannot be unmounted; nothing below was removed" % ", ".join(left),
            "Find out what uses them (fuser -m), then run the same command again",
        )


def _remove_network(system: System) -> None:
    """Pods' network namespaces, links of the pod network and firewall rules; the host's own network stays as it is."""
    for namespace in sorted(system.path("/run/netns").glob("cni-*")):
        system.run("ip", "netns", "delete", namespace.name)
    for link in LINKS:
        if system.path("/sys/class/net/%s" % link).exists():
            system.must("ip", "link", "delete", link)
    for program in ("iptables-nft", "iptables-legacy", "ip6tables-nft", "ip6tables-legacy"):
        saved = system.run("%s-save" % program)
        rules = firewall.without_ours(saved.stdout) if saved.ok else ""
        if rules:
            system.must("%s-restore" % program, "--noflush", stdin=rules)
    tables = system.run("nft", "list", "tables")
    for family, name in firewall.nft_tables(tables.stdout) if tables.ok else []:
        system.must("nft", "delete", "table", family, name)


def _is_engine(identifier: str, entry: dict[str, Any]) -> bool:
    """Whether a resource is what the engine runs with: what it is restarted for, and runc, which it starts."""
    return "%s.service" % ENGINE in entry.get("restarts", ()) or identifier in ("binary:runc", "archive:runc")


def _remove_files(system: System, manifest: Manifest, layout: Layout, *, keep_engine: bool) -> None:
    for path in list(layout.kubeadm_paths(system)):
        files.remove(path)
    for directory in (layout.certificates, layout.etcd_data, *_STATE):
        _empty(system, directory)
    for identifier, entry in list(manifest.entries.items()):
        if keep_engine and _is_engine(identifier, entry):
            continue
        for name in entry.get("paths", {}):
            if entry["type"] == "hosts_block":
                _remove_block(system.path(name), str(entry.get("marker", "")))
            else:
                files.remove(system.path(name))
                _remove_if_empty(system, str(Path(name).parent))
    # A directory's resource is named by its path; the deepest go first.
    made = [name.partition(":")[2] for name, entry in manifest.entries.items() if entry["type"] == "directory"]
    for directory in (*sorted(made, reverse=True), *_EMPTY):
        _remove_if_empty(system, directory)


def _empty(system: System, directory: str) -> None:
    """Remove a directory; its content only, where it is a mount of its own."""
    path = system.path(directory)
    if not path.is_dir():
        return
    _unmount(system, directory)
    for child in path.iterdir():
        if child.is_dir() and not child.is_symlink():
            shutil.rmtree(str(child))
        else:
            child.unlink()
    _remove_if_empty(system, directory)


_KEPT = frozenset(
    {
        "/etc",
        "/etc/default",
        "/etc/modules-load.d",
        "/etc/sysconfig",
        "/etc/sysctl.d",
        "/etc/systemd/system",
        "/opt",
        "/usr/bin",
        "/usr/local/bin",
        "/usr/local/sbin",
    }
)
"""Directories of the system's own, which stay even where they are empty."""


def _remove_if_empty(system: System, directory: str) -> None:
    if directory in _KEPT:
        return
    try:
        system.path(directory).rmdir()
    except OSError:
        # Not empty, a mount, or not there: it is not ours to judge.
        return


def _remove_block(path: Path, marker: str) -> None:
    text: Optional[str] = files.read_text(path)
    after = text if text is None else block_removed(text, marker)
    if text is None or after is None or after == text:
        return
    status = path.stat()
    content = after.encode("utf-8", "surrogateescape")
    files.write_atomic(path.resolve(), content, status.st_mode & 0o7777, (status.st_uid, status.st_gid))
