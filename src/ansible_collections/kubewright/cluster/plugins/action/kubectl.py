"""Controller side of ``kubewright.cluster.kubectl``."""

from __future__ import annotations

from kubewright.engine.actions.asking import Kubectl


class ActionModule(Kubectl):
    """Run kubectl on a control plane."""
