"""The order of a plan's stages, and what its steps cost."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.unit.plan.test_compute import cluster, situation, topology

import ansible_collections.kubewright.cluster as collection
from kubewright.plan import Stage
from kubewright.plan.compute import compute

FLOWS = Path(next(iter(collection.__path__))) / "playbooks" / "flow"


def names(tasks: Iterable[dict[str, Any]]) -> Iterator[str]:
    """The names of tasks, those in blocks included, as they stand in the file."""
    for task in tasks:
        yield task["name"]
        for part in ("block", "rescue", "always"):
            yield from names(task.get(part, ()))


@pytest.mark.parametrize("flow", ["carry_out", "remove"])
def test_playbooks_carry_stages_out_in_their_order(flow: str) -> None:
    """Tasks are named as the stages whose steps they carry out."""
    plays = yaml.safe_load((FLOWS / f"{flow}.yml").read_text())
    tasks = [name for play in plays for name in names(play.get("tasks", ()))]
    headings = [stage.heading for stage in Stage]
    found = [name for name in tasks if name in headings]
    assert found == sorted(found, key=headings.index)
    assert Stage.SNAPSHOT.heading in found
    assert len(found) > 1


class TestCalls:
    """Remote calls at most."""

    @pytest.mark.parametrize("planes", [1, 3, 5])
    def test_the_lock_is_taken_kept_and_given_up_on_each_control_plane_of_a_new_cluster(self, planes: int) -> None:
        plan = compute(situation("deploy", topology(planes, 1)))
        names = [f"cp{number}" for number in range(1, planes + 1)]
        assert plan.lock_places == tuple(names)
        for name in names[1:]:
            assert plan.calls()[name] == 3 + sum(1 for step in plan.steps if step.host == name)
        assert plan.calls()["w1"] == sum(1 for step in plan.steps if step.host == "w1")

    def test_of_a_live_cluster_it_is_in_the_cluster_alone(self) -> None:
        plan = compute(situation("scale", topology(3, 1), cluster=cluster("cp1", "w1")))
        assert plan.lock_places == ("cp1",)
        assert plan.calls()["cp2"] == sum(1 for step in plan.steps if step.host == "cp2")
