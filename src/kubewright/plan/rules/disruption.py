"""Pod disruption budgets that would block a drain for ever.

Source: Kubernetes documentation, "Specifying a Disruption Budget for your Application": with maxUnavailable 0 or
minAvailable 100 % no eviction is ever granted. A budget that only forbids it now is waited for.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from kubewright.errors import RefusedError


@dataclass(frozen=True)
class Budget:
    """A disruption budget that concerns ``pods`` (namespace/name) of a node that is to be drained.

    ``max_unavailable`` and ``min_available`` are as in the object, a number or a percentage; "" where it has none.
    """

    name: str
    pods: tuple[str, ...]
    disruptions_allowed: int
    expected_pods: int
    max_unavailable: str = ""
    min_available: str = ""

    @property
    def limit(self) -> str:
        """What it asks for, in the object's own terms."""
        return (
            f"maxUnavailable {self.max_unavailable}" if self.max_unavailable else f"minAvailable {self.min_available}"
        )

    @property
    def never_passes(self) -> bool:
        """Whether it forbids every eviction, whatever else happens."""
        if self.disruptions_allowed > 0:
            return False
        if self.max_unavailable:
            return self.max_unavailable in ("0", "0%")
        if self.min_available.endswith("%"):
            return int(self.min_available[:-1]) >= 100
        return bool(self.min_available) and int(self.min_available) >= self.expected_pods


def refuse(node: str, budgets: Sequence[Budget]) -> None:
    """Refuse to drain a node where a budget can never pass.

    Raises:
        RefusedError: names the first such budget, its pods and what to do.

    """
    for budget in budgets:
        if budget.never_passes:
            of = "" if budget.max_unavailable else f" of {budget.expected_pods} pods"
            raise RefusedError(
                f"disruption budget {budget.name}",
                f"it never lets {', '.join(budget.pods)} be evicted from {node} ({budget.limit}{of})",
                "Change the budget, or run more pods, or delete the pods yourself",
            )
