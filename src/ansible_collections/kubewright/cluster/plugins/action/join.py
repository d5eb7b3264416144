"""Controller side of ``kubewright.cluster.join``."""

from __future__ import annotations

from kubewright.engine.actions.joining import Join


class ActionModule(Join):
    """Join one host."""
