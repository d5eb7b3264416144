"""Controller side of ``kubewright.cluster.inspect``."""

from __future__ import annotations

from kubewright.engine.actions.looking import Inspect


class ActionModule(Inspect):
    """Compare one host with its document."""
