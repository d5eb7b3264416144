"""Controller side of ``kubewright.cluster.look_at_leaving``."""

from __future__ import annotations

from kubewright.engine.actions.removing import LookAtLeaving


class ActionModule(LookAtLeaving):
    """Ask what a drain of the nodes that leave would meet."""
