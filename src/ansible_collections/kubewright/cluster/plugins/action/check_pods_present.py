"""Controller side of ``kubewright.cluster.check_pods_present``."""

from __future__ import annotations

from kubewright.engine.actions.checking import CheckPodsPresent


class ActionModule(CheckPodsPresent):
    """Start the pods that the check asks."""
