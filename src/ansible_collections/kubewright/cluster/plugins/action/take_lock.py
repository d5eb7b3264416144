"""Controller side of ``kubewright.cluster.take_lock``."""

from __future__ import annotations

from kubewright.engine.actions.locking import TakeLock


class ActionModule(TakeLock):
    """Take the cluster's lock."""
