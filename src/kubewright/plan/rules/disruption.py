"""Pod disruption budgets that would block a drain for ever.

Source: Kubernetes documentation, "Specifying a Disruption Budget for your Application": with maxUnavailable 0 or
minAvailable of all pods no eviction is ever granted. Percentages of both are rounded up to pods (Kubernetes,
pkg/controller/disruption/disruption.go, getExpectedPodCount), so that 50 % of one pod and 90 % of five are all of them.
A pod that several budgets select is never evicted: the API answers 500 (pkg/registry/core/pod/storage/eviction.go,
Create). A budget that only forbids it now is waited for.
"""

from __future__ import annotations

from collections import defaultdict
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
            return self._pods(self.max_unavailable) == 0
        return bool(self.min_available) and self._pods(self.min_available) >= self.expected_pods

    def _pods(self, value: str) -> int:
        """How many pods a number or a percentage of the expected ones is."""
        return -(-self.expected_pods * int(value[:-1]) // 100) if value.endswith("%") else int(value)


def refuse(node: str, budgets: Sequence[Budget]) -> None:
    """Refuse to drain a node where a budget can never pass.

    Raises:
        RefusedError: names the first such budget or pod, and what to do.

    """
    selecting: dict[str, list[str]] = defaultdict(list)
    for budget in budgets:
        for pod in budget.pods:
            selecting[pod].append(budget.name)
    for pod, names in selecting.items():
        if len(names) > 1:
            raise RefusedError(
                f"pod {pod}",
                f"it can never be evicted from {node}: {len(names)} disruption budgets select it "
                f"({', '.join(sorted(names))}), and the eviction API allows one",
                "Change the selectors so that one of them is left, or delete the pod yourself",
            )
    for budget in budgets:
        if budget.never_passes:
            of = "" if budget.max_unavailable else f" of {budget.expected_pods} pods"
            raise RefusedError(
                f"disruption budget {budget.name}",
                f"it never lets {', '.join(budget.pods)} be evicted from {node} ({budget.limit}{of})",
                "Change the budget, or run more pods, or delete the pods yourself",
            )
