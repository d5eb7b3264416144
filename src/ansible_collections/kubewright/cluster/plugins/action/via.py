"""Controller side of ``kubewright.cluster.via``."""

from __future__ import annotations

from kubewright.engine.actions.asking import Via


class ActionModule(Via):
    """Say which control plane speaks for the cluster."""
