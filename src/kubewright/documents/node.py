"""The node document: everything that one host should have, in the order in which it is put there."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from kubewright.catalog.model import ArtifactSet, Release
from kubewright.documents import containerd, delivery, flannel, kubeadm, kubelet, loadbalancer, membership, system
from kubewright.documents.inputs import check_release
from kubewright.documents.model import NodeDocument, Resource
from kubewright.settings.model import ClusterSettings, Settings
from kubewright.topology.model import Host, Topology
from kubewright.topology.proxy import environment


def node_document(
    host: Host,
    *,
    topology: Topology,
    settings: Settings,
    release: Release,
    artifacts: ArtifactSet,
    os_family: system.OsFamily = "debian",
    former_names: Collection[str] = (),
) -> NodeDocument:
    """Say what ``host`` should look like; a function of its arguments alone.

    Args:
        host: a host of ``topology``.
        topology: all hosts, whatever part of the cluster a run touches.
        settings: cluster settings and those of every host of ``topology``.
        release: the Kubernetes release of this host.
        artifacts: that release's artifacts for this host's architecture.
        os_family: whose package names and paths to use.
        former_names: names of control planes that left, for which no certificate is issued anew.

    Raises:
        ValueError: ``artifacts`` are of another release.

    """
    check_release(release, artifacts)
    cluster = settings.cluster
    needed = delivery.needed(host, artifacts, topology.endpoint)
    resources = (
        system.packages(os_family, needed, _package_environment(topology, cluster)),
        *system.kernel(),
        *system.directories(cluster),
        *_hosts_block(topology, cluster),
        *delivery.binaries(needed, cluster),
        containerd.configuration(cluster, artifacts),
        *containerd.proxy(topology, cluster),
        *containerd.service(cluster),
        flannel.cni_configuration(),
        *delivery.images(needed),
        *kubelet.patches(settings.hosts[host.name]),
        *kubelet.service(cluster, os_family),
        *_worker(host, topology, cluster, artifacts),
        *membership.resources(host, topology, cluster, former_names),
    )
    configuration = kubeadm.member(host, topology=topology, settings=settings, artifacts=artifacts)
    return NodeDocument(host.name, resources, _fan_out(resources, cluster), configuration)


def _package_environment(topology: Topology, cluster: ClusterSettings) -> Mapping[str, str]:
    return {} if cluster.skip_http_proxy_on_os_packages else environment(topology, cluster)


def _hosts_block(topology: Topology, cluster: ClusterSettings) -> tuple[Resource, ...]:
    return (system.hosts_block(topology, cluster),) if cluster.populate_inventory_to_hosts_file else ()


def _worker(host: Host, topology: Topology, cluster: ClusterSettings, artifacts: ArtifactSet) -> tuple[Resource, ...]:
    """How a worker reaches the API. A control plane's kubelet talks to its own API server, as kubeadm sets it up."""
    if host.is_control_plane:
        return ()
    balancer = loadbalancer.resources(topology, cluster, artifacts) if topology.endpoint.local else ()
    return (*balancer, kubelet.kubeconfig_server(cluster, topology.endpoint))


def _fan_out(resources: tuple[Resource, ...], cluster: ClusterSettings) -> frozenset[str]:
    following = {system.HOSTS_BLOCK_ID} | loadbalancer.fan_out(cluster)
    return frozenset(resource["id"] for resource in resources if resource["id"] in following)
