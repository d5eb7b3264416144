"""Plan files of removals from a run's folder, on recorded answers: written, carried out, refused."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import kubewright.artifacts
from kubewright.catalog.model import ArtifactSet, Release
from kubewright.engine.flow import choose_scope, make_documents, make_plan
from kubewright.engine.inputs import Inputs
from kubewright.engine.saving import check_asked, read_plan_file, refuse_stale, save_plan
from kubewright.errors import BadInputError, RefusedError
from kubewright.plan import Plan
from tests.golden.clusters import artifacts
from tests.unit.engine.recorded import Recorded
from tests.unit.engine.test_leaving import OURS, leaving

SEEN: dict[str, Any] = {
    "pods": ["shop/web-1", "press/bare"],
    "lost_pods": ["press/bare"],
    "budgets": [
        {
            "name": "shop/web",
            "pods": ["shop/web-1"],
            "disruptions_allowed": 1,
            "expected_pods": 3,
            "max_unavailable": "1",
            "min_available": "",
        }
    ],
}


@pytest.fixture(autouse=True)
def _resolved(monkeypatch: pytest.MonkeyPatch) -> None:
    def resolve(_release: Release, **_options: Any) -> ArtifactSet:
        return artifacts()

    monkeypatch.setattr(kubewright.artifacts, "recalled", resolve)


Again = Callable[..., tuple[Recorded, Plan]]


@pytest.fixture
def again(tmp_path: Path) -> Again:
    """Looks at the cluster, which w1 is to leave; each run has a folder of its own and all share their state."""
    count = 0

    def look(
        *names: str, offline: bool = False, live: dict[str, Any] | None = None, **seen: Any
    ) -> tuple[Recorded, Plan]:
        nonlocal count
        count += 1
        folder = tmp_path / f"run{count}"
        folder.mkdir()
        made = leaving(folder, *(names or ("w1",)), offline=offline)
        inputs = json.loads((made.run.directory / "inputs.json").read_text())
        made.run.write("inputs", {**inputs, "state_directory": str(tmp_path / "state")})
        made.run.write("extra_vars", [])
        observed = made.run.read("observations/cp1")
        made.told("cp1", {**observed["state"], **(live or {})})
        choose_scope(made.run)
        if not offline:
            made.probed("w1", kubewright=OURS)
            made.run.write("removals/w1", {**SEEN, **seen})
        make_documents(made.run)
        return made, make_plan(made.run)

    return look


@pytest.fixture
def plan_file(tmp_path: Path, again: Again) -> Path:
    """A plan of the removal of w1 that was kept."""
    path = tmp_path / "w1.plan"
    save_plan(again()[0].run, path)
    return path


def changed_node(made: Recorded, **changes: Any) -> dict[str, Any]:
    """The state of the cluster with another Node w1."""
    state = made.run.read("observations/cp1")["state"]
    return {"nodes": [{**node, **changes} if node["name"] == "w1" else node for node in state["nodes"]]}


class TestAsked:
    def test_the_same(self, plan_file: Path, again: Again) -> None:
        made, _plan = again()
        check_asked(plan_file, Inputs.load(made.run), [])
        saved = read_plan_file(plan_file)
        assert (saved.plan.verb, saved.plan.limit, saved.offline) == ("remove", ("w1",), False)

    def test_another_host(self, plan_file: Path, again: Again) -> None:
        made, _plan = again("w1", "w2")
        with pytest.raises(BadInputError, match="its limit is w1, not w1,w2"):
            check_asked(plan_file, Inputs.load(made.run), [])

    def test_a_host_that_is_dead_now(self, plan_file: Path, again: Again) -> None:
        made, _plan = again(offline=True)
        with pytest.raises(BadInputError, match="Set kubewright_offline to false"):
            check_asked(plan_file, Inputs.load(made.run), [])

    def test_a_host_that_was_dead(self, tmp_path: Path, again: Again) -> None:
        path = tmp_path / "dead.plan"
        save_plan(again(offline=True)[0].run, path)
        assert read_plan_file(path).offline
        check_asked(path, Inputs.load(again(offline=True)[0].run), [])
        with pytest.raises(BadInputError, match="Set kubewright_offline to true"):
            check_asked(path, Inputs.load(again()[0].run), [])


class TestStale:
    def test_nothing_that_counts(self, plan_file: Path, again: Again) -> None:
        made, plan = again(pods=["shop/web-1", "shop/web-2", "press/bare"])
        refuse_stale(plan_file, made.run, plan)

    def test_a_node_of_the_same_name(self, plan_file: Path, again: Again) -> None:
        made, plan = again(live=changed_node(again()[0], uid="another"))
        with pytest.raises(RefusedError, match="host w1: Node was uid-w1 and is another") as caught:
            refuse_stale(plan_file, made.run, plan)
        assert "nothing was changed" in str(caught.value)
        assert "kubewright plan remove --limit w1" in str(caught.value)

    def test_all_is_named(self, plan_file: Path, again: Again) -> None:
        """The Node, the record, the budget, what would be lost, and a new etcd member."""
        made, _plan = again()
        members = made.run.read("observations/cp1")["state"]["etcd_members"]
        more = {"member_id": "9", "name": "w1", "peer_ip": made.topology["w2"].main_ip.value, "learner": True}
        made, plan = again(
            live={
                **changed_node(made, unschedulable=True),
                "record": {"format": 1, "fan_out": {"cp1": "d0", "w1": "d9", "w2": "d0"}},
                "etcd_members": [*members, {**more, "healthy": True, "started": True}],
            },
            lost_pods=["press/bare", "press/other"],
            budgets=[{**SEEN["budgets"][0], "max_unavailable": "2"}],
        )
        with pytest.raises(RefusedError) as caught:
            refuse_stale(plan_file, made.run, plan)
        for told in (
            "host w1: cordoned was False and is True",
            "host w1: record changed",
            "host w1: etcd member was none and is 9 learner",
            "host w1: pods that are lost was press/bare and is press/bare, press/other",
            "disruption budget shop/web on w1: limit was maxUnavailable 1 and is maxUnavailable 2",
            "host w1: there is more to be done (etcd members removed, one at a time)",
        ):
            assert told in str(caught.value)

    def test_a_dead_hosts_new_plan_is_asked_for_as_such(self, tmp_path: Path, again: Again) -> None:
        path = tmp_path / "dead.plan"
        made, _plan = again(offline=True)
        save_plan(made.run, path)
        made, plan = again(offline=True, live=changed_node(made, uid="another"))
        with pytest.raises(RefusedError, match="kubewright plan remove --limit w1 --offline"):
            refuse_stale(path, made.run, plan)
