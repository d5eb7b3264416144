"""Fixed paths on nodes, and values that follow from settings and artifacts alone."""

from __future__ import annotations

import ipaddress

from kubewright.catalog.model import ArtifactSet, Kind, Release
from kubewright.settings.model import ClusterSettings

CRI_SOCKET = "unix:///run/containerd/containerd.sock"
"""The engine's socket as the kubelet and kubeadm name it."""

PATCHES_DIRECTORY = "/etc/kubernetes/patches"
"""Where kubeadm looks for patches of this host's configuration."""

DISCOVERY_FILE = "/run/kubewright/discovery.conf"
"""The kubeconfig with bootstrap credentials that the node side writes for a join."""


def cluster_dns(cluster: ClusterSettings) -> str:
    """Return the cluster DNS' address: ``skydns_server``, by default the service network's third, as in Kubespray."""
    if cluster.skydns_server:
        return cluster.skydns_server
    return str(ipaddress.ip_network(cluster.kube_service_addresses).network_address + 3)


def check_release(release: Release, artifacts: ArtifactSet) -> None:
    """Make sure that artifacts and release go together.

    Raises:
        ValueError: they do not.

    """
    if artifacts.kubernetes != release.kubernetes:
        raise ValueError(f"artifacts of Kubernetes {artifacts.kubernetes} for {release.kubernetes}")


def image_reference(artifacts: ArtifactSet, name: str) -> str:
    """Return the name under which nodes have an image artifact (``pause``, ``coredns``, …); it depends on the source.

    Raises:
        KeyError: there is no such image.

    """
    for artifact in artifacts.artifacts:
        if artifact.name == name and artifact.kind is Kind.IMAGE:
            return artifact.reference
    raise KeyError(f"image {name} of Kubernetes {artifacts.kubernetes}")


def image_tag(reference: str) -> str:
    """Return the tag of an image's name, empty if it has none."""
    return reference.rsplit("/", 1)[-1].split("@", 1)[0].partition(":")[2]


def host_port(address: str, port: int) -> str:
    """Join address and port, with brackets around an IPv6 address."""
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"
