"""Controller side of ``kubewright.cluster.begin``."""

from __future__ import annotations

from kubewright.engine.actions.understanding import Begin


class ActionModule(Begin):
    """Read inventory and settings and open the run's folder."""
