"""Controller side of ``kubewright.cluster.converge_host``."""

from __future__ import annotations

from kubewright.engine.actions.converging import ConvergeHost


class ActionModule(ConvergeHost):
    """Bring one host to its document."""
