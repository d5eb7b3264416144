"""Controller side of ``kubewright.cluster.remember``."""

from __future__ import annotations

from kubewright.engine.actions.understanding import Remember


class ActionModule(Remember):
    """Keep the addresses that this run found."""
