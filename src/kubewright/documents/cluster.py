"""The cluster document: kubeadm's configuration, the add-ons' objects and the Nodes' labels and taints."""

from __future__ import annotations

from collections.abc import Container

from kubewright.catalog.model import ArtifactSet, Release
from kubewright.documents import coredns, flannel, kubeadm
from kubewright.documents.inputs import check_release
from kubewright.documents.metadata import node_metadata
from kubewright.documents.model import ClusterDocument
from kubewright.settings.model import Settings
from kubewright.topology.model import Topology


def cluster_document(
    *,
    topology: Topology,
    settings: Settings,
    release: Release,
    artifacts: ArtifactSet,
    joining: Container[str] | None = None,
) -> ClusterDocument:
    """Say what the cluster should hold; a function of its arguments alone.

    Args:
        topology: all hosts, whatever part of the cluster a run touches.
        settings: cluster settings and those of every host of ``topology``.
        release: the Kubernetes release.
        artifacts: that release's artifacts for any architecture; they know the names under which nodes have the images.
        joining: the hosts that may join; None for all. The configuration for joining is made for these only.

    Raises:
        ValueError: ``artifacts`` are of another release.
        BadInputError: a taint of a host is malformed.

    """
    check_release(release, artifacts)
    cluster = settings.cluster
    network = flannel.objects(cluster, artifacts, topology.endpoint)
    return ClusterDocument(
        kubeadm_init={
            host.name: kubeadm.init(host, topology=topology, settings=settings, artifacts=artifacts)
            for host in topology.control_planes
        },
        kubeadm_join={
            host.name: kubeadm.join(host, settings=settings)
            for host in topology.hosts
            if joining is None or host.name in joining
        },
        network_objects=network,
        network_ready_file=flannel.READY_FILE,
        objects=(*network, *coredns.objects(cluster, artifacts, len(topology.hosts))),
        node_metadata={host.node_name: node_metadata(host, settings.hosts[host.name]) for host in topology.hosts},
    )
