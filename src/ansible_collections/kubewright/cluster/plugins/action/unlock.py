"""Controller side of ``kubewright.cluster.unlock``."""

from __future__ import annotations

from kubewright.engine.actions.locking import Unlock


class ActionModule(Unlock):
    """Show or break the cluster's lock."""
