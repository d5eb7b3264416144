"""Controller side of ``kubewright.cluster.lock_places``."""

from __future__ import annotations

from kubewright.engine.actions.locking import LockPlaces


class ActionModule(LockPlaces):
    """Say on which control planes the cluster's lock is taken."""
