"""What a node's operating system needs: packages, kernel modules and settings, directories, names of other hosts."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Literal

from kubewright.catalog.model import ResolvedArtifact
from kubewright.documents.inputs import PATCHES_DIRECTORY
from kubewright.documents.model import Resource
from kubewright.settings.model import ClusterSettings
from kubewright.topology.model import Host, Topology

_NO_ENVIRONMENT: Mapping[str, str] = MappingProxyType({})
OsFamily = Literal["debian", "redhat"]

HOSTS_BLOCK_ID = "hosts_block:/etc/hosts"

# kube-proxy, the kubelet and flannel call these programs by name. RHEL has ebtables in iptables-nft.
_PACKAGES: dict[OsFamily, tuple[str, ...]] = {
    "debian": (
        "ca-certificates",
        "conntrack",
        "ebtables",
        "ethtool",
        "iproute2",
        "ipset",
        "iptables",
        "kmod",
        "nftables",
        "socat",
    ),
    "redhat": (
        "ca-certificates",
        "conntrack-tools",
        "ethtool",
        "iproute",
        "ipset",
        "iptables-nft",
        "kmod",
        "nftables",
        "socat",
    ),
}

_SYSCTLS = {
    "net.ipv4.ip_forward": "1",
    "net.bridge.bridge-nf-call-iptables": "1",
    "net.bridge.bridge-nf-call-ip6tables": "1",
}
# These keys exist only with br_netfilter, which a kernel has built in, as a module, or (some containers) not at all.
_OPTIONAL_SYSCTLS = ("net.bridge.bridge-nf-call-iptables", "net.bridge.bridge-nf-call-ip6tables")


def packages(
    os_family: OsFamily, artifacts: tuple[ResolvedArtifact, ...], environment: Mapping[str, str] = _NO_ENVIRONMENT
) -> Resource:
    """Return distribution packages, with those that stand in for an artifact.

    ``environment`` is what the package manager gets in addition; in capitals, and written in small letters, too, which
    is how apt and dnf read it.
    """
    names = set(_PACKAGES[os_family])
    for artifact in artifacts:
        names.update(artifact.packages)
    resource: Resource = {"type": "packages", "id": "packages:system", "names": sorted(names)}
    if not environment:
        return resource
    small = {name.lower(): value for name, value in environment.items()}
    return {**resource, "environment": {**environment, **small}}


def kernel() -> tuple[Resource, ...]:
    """Return kernel modules and settings for bridged and forwarded pod traffic."""
    modules: Resource = {
        "type": "kernel_modules",
        "id": "kernel_modules:/etc/modules-load.d/kubewright.conf",
        "path": "/etc/modules-load.d/kubewright.conf",
        "names": ["overlay", "br_netfilter"],
    }
    sysctls: Resource = {
        "type": "sysctls",
        "id": "sysctls:/etc/sysctl.d/99-kubewright.conf",
        "path": "/etc/sysctl.d/99-kubewright.conf",
        "values": dict(_SYSCTLS),
        "optional": list(_OPTIONAL_SYSCTLS),
    }
    return modules, sysctls


def directory(path: str, mode: str = "0755") -> Resource:
    """Describe a directory of root's."""
    return {"type": "directory", "id": f"directory:{path}", "path": path, "mode": mode, "owner": "root:root"}


def file(path: str, content: str, *, mode: str = "0644", restarts: tuple[str, ...] = ()) -> Resource:
    """Describe a file of root's with exactly this content."""
    return {
        "type": "file",
        "id": f"file:{path}",
        "path": path,
        "content": content,
        "mode": mode,
        "owner": "root:root",
        "restarts": list(restarts),
    }


def unit(name: str, *, state: Literal["started", "member"]) -> Resource:
    """Describe a systemd unit that starts at boot and runs now: everywhere, or where the host is a member already."""
    return {"type": "unit", "id": f"unit:{name}", "name": name, "enabled": True, "state": state, "restarts": []}


def directories(cluster: ClusterSettings) -> tuple[Resource, ...]:
    """Return directories that every node has."""
    paths = (
        cluster.bin_dir,
        "/etc/containerd",
        "/etc/cni/net.d",
        "/opt/cni/bin",
        "/etc/systemd/system/kubelet.service.d",
        cluster.kube_config_dir,
        f"{cluster.kube_config_dir}/manifests",
        PATCHES_DIRECTORY,
    )
    return tuple(directory(path) for path in paths)


def hosts_block(topology: Topology, cluster: ClusterSettings) -> Resource:
    """Return the block of ``/etc/hosts`` with all hosts of the cluster, whatever part of it a run touches (I1)."""
    entries: list[list[object]] = [
        [host.main_access_ip.value, _names(host, cluster.dns_domain)] for host in topology.hosts
    ]
    balancer, name = cluster.loadbalancer_apiserver, cluster.apiserver_loadbalancer_domain_name
    if balancer and name:
        entries.append([balancer.address, [name]])
    return {
        "type": "hosts_block",
        "id": HOSTS_BLOCK_ID,
        "path": "/etc/hosts",
        "marker": "kubewright cluster hosts",
        "entries": entries,
    }


def _names(host: Host, domain: str) -> list[str]:
    names = [f"{host.node_name}.{domain}", host.node_name]
    return names if host.name == host.node_name else [*names, host.name]
