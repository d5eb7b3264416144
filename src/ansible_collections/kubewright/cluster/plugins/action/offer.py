"""Controller side of ``kubewright.cluster.offer``."""

from __future__ import annotations

from kubewright.engine.actions.converging import Offer


class ActionModule(Offer):
    """Start the controller's artifact server."""
