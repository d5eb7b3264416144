"""Controller side of ``kubewright.cluster.apply_objects``."""

from __future__ import annotations

from kubewright.engine.actions.creating import ApplyObjects


class ActionModule(ApplyObjects):
    """Apply the cluster's objects, or labels and taints."""
