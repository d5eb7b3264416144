"""Controller side of ``kubewright.cluster.unlocked``."""

from __future__ import annotations

from kubewright.engine.actions.locking import Unlocked


class ActionModule(Unlocked):
    """Judge what showing and breaking the lock gave."""
