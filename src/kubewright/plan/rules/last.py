"""A cluster keeps a control plane, and a node that takes ordinary pods.

Source: kubeadm keeps a cluster's state in its control planes' etcd alone; a pod without a toleration goes only to a
Node that is Ready, not cordoned and has no NoSchedule or NoExecute taint (Kubernetes documentation, "Taints and
Tolerations", "Manual Node administration").
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

from kubewright.errors import RefusedError
from kubewright.observe.model import ObservedNode


def refuse(nodes: Sequence[ObservedNode], leaving: Collection[str]) -> None:
    """Refuse to remove the last control plane or the last schedulable node.

    Args:
        nodes: the cluster's nodes.
        leaving: names of those to be removed.

    Raises:
        RefusedError: with what to do.

    """
    staying = [node for node in nodes if node.name not in leaving]
    going = [node for node in nodes if node.name in leaving]
    names = ", ".join(sorted(node.name for node in going))
    if any(node.control_plane for node in nodes) and not any(node.control_plane for node in staying):
        raise RefusedError(
            f"remove {names}",
            "no control plane would be left",
            "Add another control plane first, or take the whole cluster down with kubewright reset",
        )
    lost = [node for node in going if takes_pods(node)]
    others = [node for node in staying if takes_pods(node)]
    # One that is dead takes no pods today: its going costs nothing as long as another one could.
    if (lost and not others) or (any(node.ready for node in lost) and not any(map(schedulable, others))):
        out = ", ".join(sorted(node.name for node in others))
        raise RefusedError(
            f"remove {names}",
            "no node would be left that takes ordinary pods" + (f" ({out}: not Ready or cordoned)" if out else ""),
            "Bring another worker up, uncordon or add one first, or take the whole cluster down with kubewright reset",
        )


def schedulable(node: ObservedNode) -> bool:
    """Whether an ordinary pod can come to the node now."""
    return takes_pods(node) and node.ready and not node.unschedulable


def takes_pods(node: ObservedNode) -> bool:
    """Whether an ordinary pod could come to the node if it were Ready and not cordoned.

    A cordon of one that leaves does not count: a killed removal may have left it.
    """
    return not any(taint.endswith((":NoSchedule", ":NoExecute")) and not _passing(taint) for taint in node.taints)


def _passing(taint: str) -> bool:
    """Taints that Kubernetes itself sets and takes away again."""
    return taint.startswith("node.kubernetes.io/")
