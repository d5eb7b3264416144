"""Whether the pod network has room for the nodes, and each node's share of it for its pods.

Source: the node IPAM controller gives each Node one network of ``node-cidr-mask-size`` out of ``podSubnet`` and gives
none to a Node for which none is left (k8s.io/kubernetes pkg/controller/nodeipam/ipam/cidrset); such a node never
becomes ready. What the live cluster was made with counts, not what the inventory says today.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator
from dataclasses import dataclass

from kubewright.plan.rules.refusals import Refusal, Rule

NODES = Rule(
    "pod-network-capacity", "more nodes than the pod network has shares for", "node IPAM controller of Kubernetes"
)
PODS = Rule("pods-per-node", "more pods on a node than its share has addresses for", "node IPAM of Kubernetes", True)
RULES = (NODES, PODS)


@dataclass(frozen=True)
class Network:
    """The pod network in CIDR notation, the prefix length of each node's share, and pods at most on one node."""

    pods: str
    node_prefix: int
    max_pods: int


def refuse(network: Network, nodes: int, new: int) -> tuple[Refusal, ...]:
    """What does not fit.

    Args:
        network: of the live cluster, else as wanted.
        nodes: Nodes after the run.
        new: how many of them the run adds; where it adds none it is not refused.

    """
    return tuple(_judge(network, nodes)) if new else ()


def _judge(network: Network, nodes: int) -> Iterator[Refusal]:
    whole = ipaddress.ip_network(network.pods, strict=False)
    shares = 2 ** max(0, network.node_prefix - whole.prefixlen)
    if nodes > shares:
        yield Refusal(
            NODES,
            f"pod network {network.pods}",
            f"it has {shares} shares of /{network.node_prefix} and there would be {nodes} nodes",
            f"Add {nodes - shares} fewer, or remove others first; a larger network needs a new cluster",
        )
    room = max(0, 2 ** (whole.max_prefixlen - network.node_prefix) - 2)
    if network.max_pods > room:
        yield Refusal(
            PODS,
            "setting kubelet_max_pods",
            f"a node may run {network.max_pods} pods and its /{network.node_prefix} has {room} addresses",
            f"Set kubelet_max_pods to {room} or less",
        )
