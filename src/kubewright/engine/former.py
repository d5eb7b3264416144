"""Names of control planes that left the cluster.

They stay in the certificates of the others and in kubeadm's configuration until these are changed for another reason: a
node that leaves changes nothing on those that stay.
"""

from __future__ import annotations

from kubewright.engine.inputs import Inputs, LeavingHost
from kubewright.observe.model import ObservedCluster, ObservedNode
from kubewright.settings import ClusterSettings
from kubewright.topology import Topology
from kubewright.topology.names import own_names


def names_of_leaving(host: LeavingHost, inputs: Inputs, cluster: ObservedCluster | None) -> tuple[str, ...]:
    """Names that certificates have of a host that leaves, for the cluster's record; none where it is a worker."""
    node = cluster.node(host.node_name) if cluster else None
    of_node = _of_node(node, inputs.settings.cluster) if node is not None and node.control_plane else ()
    return tuple(sorted({*host.certificate_names, *of_node}))


def former_names(inputs: Inputs, cluster: ObservedCluster | None, topology: Topology) -> tuple[str, ...]:
    """Names that nothing is to be changed for: of control planes that were removed or that the inventory lacks."""
    if cluster is None:
        return ()
    known = {host.node_name for host in topology.hosts}
    gone = (node for node in cluster.nodes if node.control_plane and node.name not in known)
    there = (name for node in gone for name in _of_node(node, inputs.settings.cluster))
    return tuple(sorted({*(cluster.record or {}).get("former_names", ()), *there}))


def _of_node(node: ObservedNode, cluster: ClusterSettings) -> tuple[str, ...]:
    return own_names(node.name, [node.internal_ip, *(address for _, address in node.addresses)], cluster)
