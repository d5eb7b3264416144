"""Controller side of ``kubewright.cluster.examine``."""

from __future__ import annotations

from kubewright.engine.actions.looking import Examine


class ActionModule(Examine):
    """Probe one host."""
