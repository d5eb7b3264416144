"""Controller side of ``kubewright.cluster.remove_nodes``."""

from __future__ import annotations

from kubewright.engine.actions.removing import RemoveNodes


class ActionModule(RemoveNodes):
    """Take nodes out of the cluster, one after the other."""
