"""Controller side of ``kubewright.cluster.clean_up``."""

from __future__ import annotations

from kubewright.engine.actions.ending import CleanUp


class ActionModule(CleanUp):
    """Remove what only this run needed."""
