"""Base of resources that are what kubeadm makes of the cluster's configuration on this node."""

from __future__ import annotations

from typing import Any, Optional, Sequence

from ansible_collections.kubewright.cluster.plugins.module_utils import controlplane, rendering
from ansible_collections.kubewright.cluster.plugins.module_utils.errors import NodeError
from ansible_collections.kubewright.cluster.plugins.module_utils.resources.base import Context, Resource


class Rendered(Resource):
    """A part of a node that is a member of a cluster; on another node there is nothing to do yet.

    What is there before the node is a member, ``kubeadm init`` and ``join`` make from the same configuration.
    """

    def applies(self) -> bool:
        """Whether this node has this part: it is a member, and there is the kubeadm that should be asked."""
        if not controlplane.is_member(self.system):
            return False
        if not self.system.finds("kubeadm") or "kubeadm" in self.context.replaced:
            self.context.warn(
                "kubeadm is not there or not the one that should be,"
                " so the kubelet's configuration and the control plane's were not compared"
            )
            return False
        return True

    def adopt(self, found: Any) -> None:
        """Nothing is remembered: what is wanted is asked of kubeadm each time, and nothing of it is ever taken away."""


def file_of(context: Context, name: str) -> str:
    """The file ``name`` as kubeadm would write it.

    Raises:
        NodeError: kubeadm failed, or would write no such file.

    """
    if context.rendered is None:
        planes = controlplane.is_control_plane(context.system)
        phases = rendering.FILES if planes else rendering.KUBELET
        context.rendered = _with_objects(context, phases) or _rendered(context, phases)
    text: Optional[str] = context.rendered.files.get(name)
    if text is None:
        raise NodeError(
            "kubeadm init", "would write no %s on this node" % name, "Look at kubeadm's version on this node"
        )
    return text


def _with_objects(context: Context, phases: Sequence[str]) -> Optional[rendering.Rendered]:
    """All that kubeadm is asked for, at once; None where that is not wanted, or fails: then each is asked for alone."""
    if context.objects_too:
        try:
            return _rendered(context, (*phases, *rendering.OBJECTS))
        except NodeError:
            context.objects_too = False
    return None


def _rendered(context: Context, phases: Sequence[str]) -> rendering.Rendered:
    return rendering.render(context.system, context.kubeadm, phases, patches=context.patches)
