"""When a copy of etcd's data is kept before anything is changed; pure.

Before a change of a control plane, before one joins, and before an etcd member leaves: whatever goes wrong with these
can cost the cluster's state. Workers, labels and what members are told of new hosts cannot.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence

from kubewright.plan.model import Stage, Step

_CHANGES = frozenset({Stage.CONVERGE, Stage.CONTROL_PLANE_CONFIG, Stage.KUBELET_CONFIG})


def snapshot(via: str, planned: Sequence[Step], members: Collection[str]) -> Iterator[Step]:
    """The step that keeps etcd's data, where one of those that are planned needs it.

    Args:
        via: the control plane that speaks, where the copy is kept.
        planned: all other steps.
        members: names of the control planes that have etcd's data.

    """
    changed = [step.host for step in planned if step.stage in _CHANGES and step.host in members]
    joining = [step.host for step in planned if step.stage is Stage.JOIN_CONTROL_PLANE]
    leaving = [step.host for step in planned if step.stage is Stage.REMOVE_MEMBER]
    reasons = [
        f"before {what} {', '.join(dict.fromkeys(hosts))}"
        for what, hosts in (("a change of", changed), ("the join of", joining), ("the removal of", leaving))
        if hosts
    ]
    if reasons:
        yield Step(Stage.SNAPSHOT, via, "keep a snapshot of etcd's data", ", ".join(reasons))
