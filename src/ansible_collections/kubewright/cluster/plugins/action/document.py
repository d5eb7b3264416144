"""Controller side of ``kubewright.cluster.document``."""

from __future__ import annotations

from kubewright.engine.actions.looking import Document


class ActionModule(Document):
    """Compute topology and documents."""
