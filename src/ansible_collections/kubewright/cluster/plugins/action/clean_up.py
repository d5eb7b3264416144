"""Controller side of ``kubewright.cluster.clean_up``."""

from __future__ import annotations

from kubewright.engine.actions.carrying import CleanUp


class ActionModule(CleanUp):
    """Remove what only this run needed."""
