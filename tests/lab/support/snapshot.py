"""What a node and a cluster are, so that two moments can be compared: a run without changes changes none of it."""

from __future__ import annotations

import json
from typing import Any

from tests.lab.support.cluster import Cluster
from tests.lab.support.lab import TestLab
from tests.lab.support.workload import NAMESPACE_PREFIX

TREES = ("/etc", "/usr/local/bin", "/opt/cni/bin", "/var/lib/kubewright")
FILES = (
    "/var/lib/kubelet/config.yaml",
    "/var/lib/kubelet/kubeadm-flags.env",
    "/var/lib/kubelet/instance-config.yaml",
)
VOLATILE: dict[str, str] = {
    "/etc/mtab": "a link to the kernel's own list",
    "/etc/resolv.conf": "the container engine writes it when a node starts",
}
"""Files under the trees that may change by themselves, with the reason. Everything else is compared."""

# Prints path → [sha256, mtime in ns, mode, owner, group] of files (links: target), unit → start in µs, and the ids of
# containers that run: the kubelet removes others in its own time.
_NODE_STATE = """
import hashlib, json, os, subprocess, sys
trees, files, volatile = json.loads(sys.argv[1])
found = {}
def note(path):
    if path in volatile or not os.path.lexists(path):
        return
    status = os.lstat(path)
    if os.path.islink(path):
        content = os.readlink(path)
    else:
        with open(path, "rb") as file:
            content = hashlib.sha256(file.read()).hexdigest()
    found[path] = [content, status.st_mtime_ns, status.st_mode, status.st_uid, status.st_gid]
for tree in trees:
    for directory, _, names in os.walk(tree):
        for name in names:
            path = os.path.join(directory, name)
            if os.path.islink(path) or os.path.isfile(path):
                note(path)
for path in files:
    note(path)
def ask(*command):
    try:
        return subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL).stdout.decode()
    except OSError:  # not there, or damaged on purpose
        return ""
units = {}
for block in ask("systemctl", "show", "containerd", "kubelet", "ssh", "dbus",
                 "--property=Id,ActiveState,ActiveEnterTimestampMonotonic").split("\\n\\n"):
    values = dict(line.split("=", 1) for line in block.splitlines() if "=" in line)
    if values:
        units[values["Id"]] = [values["ActiveState"], values["ActiveEnterTimestampMonotonic"]]
tasks = [line.split() for line in ask("ctr", "--namespace=k8s.io", "tasks", "list").splitlines()[1:]]
containers = sorted(task[0] for task in tasks if task[2] == "RUNNING")
packages = ask("dpkg-query", "-W")
print(json.dumps({"files": found, "units": units, "containers": containers,
                  "packages": hashlib.sha256(packages.encode()).hexdigest()}))
"""

_SPECIFIED = ("deployments", "daemonsets", "services", "nodes", "namespaces")
"""Kinds whose status changes by itself: their generation, labels, annotations and specification are compared."""

_WHOLE = ("configmaps", "secrets", "serviceaccounts", "roles", "rolebindings", "clusterroles", "clusterrolebindings")
"""Kinds that nothing touches but a writer: their resourceVersion is compared."""

_ANNOTATIONS_OF_CONTROLLERS = (
    "deployment.kubernetes.io/revision",
    "volumes.kubernetes.io/controller-managed-attach-detach",
)


def node_state(lab: TestLab, node: str) -> dict[str, Any]:
    """Read a node's files, unit start times, ids of running containers, and packages."""
    wanted = json.dumps([TREES, FILES, sorted(VOLATILE)])
    state: dict[str, Any] = lab.python(node, _NODE_STATE, wanted)
    return state


def cluster_state(cluster: Cluster) -> dict[str, Any]:
    """Read every object that a run could have written, as ``kind/namespace/name`` → what a write would change."""
    found: dict[str, Any] = {}
    for item in cluster.get(",".join((*_SPECIFIED, *_WHOLE)), "-A")["items"]:
        meta = item["metadata"]
        if (meta.get("namespace") or meta["name"]).startswith(NAMESPACE_PREFIX):
            continue  # what is left of an earlier workload of the tests goes by itself
        key = f"{item['kind']}/{meta.get('namespace', '')}/{meta['name']}"
        if f"{item['kind'].lower()}s" in _SPECIFIED:
            annotations = {k: v for k, v in meta.get("annotations", {}).items() if k not in _ANNOTATIONS_OF_CONTROLLERS}
            found[key] = [meta["uid"], meta.get("generation"), meta.get("labels"), annotations, item.get("spec")]
        else:
            found[key] = [meta["uid"], meta["resourceVersion"]]
    return found


def snapshot(cluster: Cluster, *nodes: str) -> dict[str, Any]:
    """State of the cluster and of these nodes, flat, so that a difference reads as a list of names."""
    flat = {f"object {key}": value for key, value in cluster_state(cluster).items()}
    for node in nodes:
        flat.update(flat_node(cluster.lab, node))
    return flat


def flat_node(lab: TestLab, node: str) -> dict[str, Any]:
    """State of one node, flat."""
    state = node_state(lab, node)
    flat: dict[str, Any] = {f"{node} {path}": value for path, value in state["files"].items()}
    flat |= {f"{node} unit {unit}": value for unit, value in state["units"].items()}
    flat |= {f"{node} container {container}": True for container in state["containers"]}
    flat[f"{node} packages"] = state["packages"]
    return flat


def differences(before: dict[str, Any], after: dict[str, Any]) -> list[str]:
    """What was added, removed or changed between two snapshots, one line each."""
    missing = object()
    return [
        f"{key}: {before.get(key, 'absent')} -> {after.get(key, 'absent')}"
        for key in sorted({*before, *after})
        if before.get(key, missing) != after.get(key, missing)
    ]


def assert_unchanged(before: dict[str, Any], after: dict[str, Any]) -> None:
    """Fail with every difference between two snapshots."""
    found = differences(before, after)
    assert not found, f"{len(found)} things changed:\n" + "\n".join(found)
