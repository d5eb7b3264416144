"""Controller side of ``kubewright.cluster.observe``."""

from __future__ import annotations

from kubewright.engine.actions.understanding import Observe


class ActionModule(Observe):
    """Ask one control plane for the state of the cluster."""
