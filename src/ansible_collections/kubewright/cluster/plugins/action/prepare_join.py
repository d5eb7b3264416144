"""Controller side of ``kubewright.cluster.prepare_join``."""

from __future__ import annotations

from kubewright.engine.actions.joining import PrepareJoin


class ActionModule(PrepareJoin):
    """Create what joining needs."""
