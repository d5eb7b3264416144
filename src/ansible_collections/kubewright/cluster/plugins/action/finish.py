"""Controller side of ``kubewright.cluster.finish``."""

from __future__ import annotations

from kubewright.engine.actions.ending import Finish


class ActionModule(Finish):
    """Say how the run ended."""
