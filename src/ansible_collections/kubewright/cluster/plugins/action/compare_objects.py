"""Controller side of ``kubewright.cluster.compare_objects``."""

from __future__ import annotations

from kubewright.engine.actions.looking import CompareObjects


class ActionModule(CompareObjects):
    """Compare the cluster's objects with what they should be."""
