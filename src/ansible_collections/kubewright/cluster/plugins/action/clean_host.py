"""Controller side of ``kubewright.cluster.clean_host``."""

from __future__ import annotations

from kubewright.engine.actions.removing import CleanHost


class ActionModule(CleanHost):
    """Take from one host what kubewright put there."""
