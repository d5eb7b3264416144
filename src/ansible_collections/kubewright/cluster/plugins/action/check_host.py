"""Controller side of ``kubewright.cluster.check_host``."""

from __future__ import annotations

from kubewright.engine.actions.checking import CheckHost


class ActionModule(CheckHost):
    """Check the cluster from one touched node."""
