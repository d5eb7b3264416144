"""Controller side of ``kubewright.cluster.scope``."""

from __future__ import annotations

from kubewright.engine.actions.understanding import Scope


class ActionModule(Scope):
    """Decide which hosts the run looks at."""
