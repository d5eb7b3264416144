"""Controller side of ``kubewright.cluster.join``."""

from __future__ import annotations

from kubewright.engine.actions.carrying import Join


class ActionModule(Join):
    """Join one host."""
