"""Controller side of ``kubewright.cluster.keep_snapshot``."""

from __future__ import annotations

from kubewright.engine.actions.keeping import KeepSnapshot


class ActionModule(KeepSnapshot):
    """Keep a copy of etcd's data."""
