"""Artifacts as resources: where each binary, archive and image goes on a node."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import PurePosixPath

from kubewright.catalog.model import ArtifactSet, Kind, ResolvedArtifact
from kubewright.documents import containerd, kubelet, loadbalancer
from kubewright.documents.model import Resource
from kubewright.settings.model import ClusterSettings
from kubewright.topology.model import Endpoint, Host


def needed(host: Host, artifacts: ArtifactSet, endpoint: Endpoint) -> tuple[ResolvedArtifact, ...]:
    """Return the artifacts of this host's role, the load balancer's image only where there is a local one."""
    balanced = endpoint.local and host.is_worker_only
    return tuple(
        artifact
        for artifact in artifacts.for_role(control_plane=host.is_control_plane)
        if balanced or artifact.name != loadbalancer.NAME
    )


def binaries(artifacts: tuple[ResolvedArtifact, ...], cluster: ClusterSettings) -> tuple[Resource, ...]:
    """Return binaries and archives; those that are packages have no file."""
    kept = (artifact for artifact in artifacts if artifact.kind is not Kind.IMAGE and not artifact.packages)
    return tuple(_on_disk(artifact, cluster) for artifact in kept)


def images(artifacts: tuple[ResolvedArtifact, ...]) -> tuple[Resource, ...]:
    """Return images, to be imported into the engine."""
    return tuple(
        {
            "type": "image",
            "id": f"image:{artifact.reference}",
            "reference": artifact.reference,
            "artifact": artifact.name,
            "sha256": artifact.sha256,
            "size": artifact.size,
        }
        for artifact in artifacts
        if artifact.kind is Kind.IMAGE
    )


def _on_disk(artifact: ResolvedArtifact, cluster: ClusterSettings) -> Resource:
    destination = artifact.destination.replace("{bin_dir}", cluster.bin_dir)
    common = {
        "artifact": artifact.name,
        "sha256": artifact.sha256,
        "size": artifact.size,
        "mode": "0755",
        "restarts": list(_restarts(artifact.name)),
    }
    if artifact.kind is Kind.BINARY:
        return {"type": "binary", "id": f"binary:{artifact.name}", "path": destination, **common}
    members = dict(sorted(artifact.members.items()))
    archive = {"type": "archive", "id": f"archive:{artifact.name}", "destination": destination, "members": members}
    return {**archive, "strip": _shared_depth(artifact.members), **common}


def _shared_depth(members: Iterable[str]) -> int:
    """Count the directories that all members share: ``bin/containerd`` is installed as ``containerd``."""
    parents = {PurePosixPath(member).parent for member in members}
    return len(parents.pop().parts) if len(parents) == 1 else 0


def _restarts(name: str) -> tuple[str, ...]:
    # runc and the shim are started anew for every pod, and the CNI plugins for every sandbox.
    if name == "containerd":
        return (containerd.UNIT,)
    return (kubelet.UNIT,) if name == "kubelet" else ()
