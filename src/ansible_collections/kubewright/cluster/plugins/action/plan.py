"""Controller side of ``kubewright.cluster.plan``."""

from __future__ import annotations

from kubewright.engine.actions.looking import MakePlan


class ActionModule(MakePlan):
    """Compute the plan and show it."""
