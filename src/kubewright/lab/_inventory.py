"""The inventory of a lab: an INI file, group_vars and host_vars, as a person would have written them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from kubewright.errors import BadInputError
from kubewright.lab._host import CgroupMode
from kubewright.lab._image import USER
from kubewright.lab.model import LabNode, LabRecord, Role

_SKELETON = """\
[all]

[kube_control_plane]

[etcd]

[kube_node]

[k8s_cluster:children]
kube_control_plane
kube_node
"""


def add_hosts(text: str, nodes: tuple[LabNode, ...], *, addresses: bool) -> str:
    """Return the hosts file with these nodes added and every other line kept; begin with ``""`` for a new file.

    Args:
        text: the file as it is.
        nodes: to add.
        addresses: whether ``ip`` and ``access_ip`` are written too. A node with two networks has ``ip`` in any case.

    Raises:
        BadInputError: a group's section is not there.

    """
    text = text or _SKELETON
    for node in nodes:
        text = _add(text, "all", _host_line(node, addresses=addresses))
        groups = ("kube_control_plane", "etcd") if node.role is Role.CONTROL_PLANE else ("kube_node",)
        for group in groups:
            text = _add(text, group, node.name)
    return text


def fill_empty_workers(text: str, nodes: tuple[LabNode, ...]) -> str:
    """Return the hosts file with the control planes as workers too, for a lab that has no other workers."""
    if all(node.role is Role.CONTROL_PLANE for node in nodes):
        for node in nodes:
            text = _add(text, "kube_node", node.name)
    return text


def _host_line(node: LabNode, *, addresses: bool) -> str:
    words = [node.name, f"ansible_host={node.address}", f"ansible_user={USER}"]
    inner = node.second_address or (node.address if addresses else None)
    if inner is not None:
        words.append(f"ip={inner}")
    if addresses:
        words.append(f"access_ip={inner}")
    return " ".join(words)


def _add(text: str, section: str, line: str) -> str:
    """Insert a line at the end of a section of an INI file."""
    lines = text.splitlines()
    headers = [number for number, old in enumerate(lines, 1) if old.split("#")[0].strip() == f"[{section}]"]
    if not headers:
        raise BadInputError("the lab's hosts.ini", f"it has no section [{section}]", "Add an empty one")
    position = headers[0]
    while position < len(lines) and lines[position].strip() and not lines[position].startswith("["):
        position += 1
    return "\n".join([*lines[:position], line, *lines[position:]]) + "\n"


def group_vars(record: LabRecord, key: Path, hosts: Path, cgroups: CgroupMode) -> str:
    """Render group_vars/all.yml: how the nodes are reached, and what is special about them.

    Args:
        record: of the lab.
        key: private key file.
        hosts: known_hosts file.
        cgroups: this machine's mode, which is the nodes' too.

    """
    reach = {
        "ansible_ssh_private_key_file": str(key),
        "ansible_ssh_common_args": f"-o UserKnownHostsFile={hosts} -o StrictHostKeyChecking=yes -o IdentitiesOnly=yes",
    }
    sections: list[tuple[str, Mapping[str, Any]]] = [("How the nodes are reached.", reach)]
    cluster: dict[str, Any] = {"kube_network_plugin": "flannel", "etcd_deployment_type": "kubeadm"}
    if record.kubernetes is not None:
        cluster = {"kube_version": record.kubernetes, **cluster}
    sections.append(("The cluster.", cluster))
    sections.append(("Nodes that are containers: what a machine would allow and they do not.", _peculiarities(cgroups)))
    bodies = (f"# {title}\n{yaml.safe_dump(dict(values), sort_keys=False, width=160)}" for title, values in sections)
    return "---\n" + "\n".join(bodies)


def _peculiarities(cgroups: CgroupMode) -> dict[str, Any]:
    kubelet: dict[str, Any] = {"featureGates": {"KubeletInUserNamespace": True}}
    if cgroups is CgroupMode.V1:
        kubelet = {"failCgroupV1": False, **kubelet}
    return {
        "kubelet_config_extra_args": kubelet,
        "kubelet_fail_swap_on": False,
        "kubelet_cgroup_driver": "cgroupfs",
        "kubewright_containerd_restrict_oom_score_adj": True,
        "kube_proxy_mode": "iptables",
        "kube_proxy_config_extra_args": {"conntrack": {"maxPerCore": 0}},
        "kubeadm_ignore_preflight_errors": [
            "SystemVerification",
            "NumCPU",
            "Mem",
            "FileContent--proc-sys-net-bridge-bridge-nf-call-iptables",
        ],
    }


def host_vars(password: str) -> str:
    """Render the host_vars of the node whose user has to give a password to sudo."""
    return "---\n" + yaml.safe_dump({"ansible_become_password": password})
