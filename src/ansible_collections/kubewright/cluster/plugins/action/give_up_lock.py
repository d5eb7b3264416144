"""Controller side of ``kubewright.cluster.give_up_lock``."""

from __future__ import annotations

from kubewright.engine.actions.ending import GiveUpLock


class ActionModule(GiveUpLock):
    """Give the cluster's lock up on one control plane."""
