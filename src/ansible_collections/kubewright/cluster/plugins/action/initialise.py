"""Controller side of ``kubewright.cluster.initialise``."""

from __future__ import annotations

from kubewright.engine.actions.creating import Initialise


class ActionModule(Initialise):
    """Initialise the first control plane."""
