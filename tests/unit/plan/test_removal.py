"""The plan of a removal and of a reset."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from tests.unit.plan.test_compute import cluster, situation, summary, topology

from kubewright.errors import BadInputError, ForeignError, RefusedError, UnreachableError
from kubewright.observe.model import ObservedCluster
from kubewright.plan import Stage
from kubewright.plan.removal import Leaving, Removal, plan_removal, plan_reset
from kubewright.plan.rules.disruption import Budget

LIVE = cluster("cp1", "cp2", "cp3", "w1", "w2")


def leaving(name: str, live: ObservedCluster = LIVE, **changes: Any) -> Leaving:
    node = next((node for node in live.nodes if node.name == name), None)
    members = tuple(member for member in live.etcd_members if member.name == name)
    recorded = name in (live.record or {}).get("fan_out", {})
    values: dict[str, Any] = {"known": True, "carries": True, "node": node, "members": members, "recorded": recorded}
    return Leaving(name, name, **(values | changes))


def removal(*who: Leaving, live: ObservedCluster | None = LIVE, digest: str = "d1", offline: bool = False) -> Removal:
    shape = topology(3, 2)
    shape = replace(shape, hosts=tuple(host for host in shape.hosts if host.name not in {each.name for each in who}))
    names = [host.name for host in shape.hosts]
    base = situation("remove", shape, cluster=live, scope=(), fan_out=dict.fromkeys(names, digest))
    return Removal(base, who, offline=offline)


class TestSteps:
    def test_a_worker(self) -> None:
        plan = plan_removal(removal(leaving("w1", pods=("a/b",), lost_pods=("a/b",)), digest="d2"))
        assert summary(plan) == [
            ("drain", "w1"),
            ("delete-node", "w1"),
            ("clean-node", "w1"),
            ("fan-out", "cp1"),
            ("fan-out", "cp2"),
            ("fan-out", "cp3"),
            ("fan-out", "w2"),
        ]
        assert plan.steps[0].reason == "1 pod to evict"
        assert [change.id for change in plan.steps[0].changes] == ["pod:a/b"]

    def test_names_the_budgets_that_a_drain_waits_for(self) -> None:
        one = Budget("a/b", ("a/c",), 0, 3, max_unavailable="1")
        more = Budget("a/d", ("a/e",), 1, 3, min_available="2")
        reasons = [
            plan_removal(removal(leaving("w1", pods=("a/c", "a/e"), budgets=budgets))).steps[0].reason
            for budgets in ((), (one,), (one, more))
        ]
        assert reasons == [
            "2 pods to evict",
            "2 pods to evict, as disruption budget a/b (maxUnavailable 1) allows",
            "2 pods to evict, as disruption budgets a/b (maxUnavailable 1), a/d (minAvailable 2) allow",
        ]

    def test_a_control_plane(self) -> None:
        plan = plan_removal(removal(leaving("cp1")))
        assert summary(plan) == [
            ("snapshot", "cp1"),
            ("drain", "cp1"),
            ("remove-etcd-member", "cp1"),
            ("delete-node", "cp1"),
            ("clean-node", "cp1"),
        ]

    def test_a_dead_host_is_neither_drained_nor_cleaned(self) -> None:
        plan = plan_removal(removal(leaving("w1", carries=False, unreachable="no route"), offline=True))
        assert summary(plan) == [("drain", "w1"), ("delete-node", "w1")]
        assert plan.steps[0].title == "cordon"
        assert "w1" not in plan.calls(), "nobody calls a dead host"
        assert any("not cleaned" in sentence for sentence in plan.left)

    def test_a_node_that_the_inventory_lacks(self) -> None:
        plan = plan_removal(removal(leaving("w1", known=False)))
        assert summary(plan) == [("drain", "w1"), ("delete-node", "w1"), ("clean-node", "w1")]
        assert plan.left == ()

    def test_a_node_that_the_inventory_lacks_and_that_cannot_be_cleaned(self) -> None:
        silent = leaving("w1", known=False, carries=False, not_cleaned="it could not be looked at (no route)")
        plan = plan_removal(removal(silent))
        assert summary(plan) == [("drain", "w1"), ("delete-node", "w1")]
        (sentence,) = plan.left
        assert sentence == (
            "w1 is not in the inventory and is not cleaned: it could not be looked at (no route). Its kubelet's "
            "certificate stays valid, so it would register the Node again when it starts; to clean it, put it into the "
            "inventory again and run kubewright remove --limit w1, or reinstall it"
        )

    def test_who_is_not_told_under_ansibles_limit(self) -> None:
        asked = removal(leaving("w1"), digest="d2")
        plan = plan_removal(replace(asked, base=replace(asked.base, fan_out_allowed=False)))
        assert plan.hosts(Stage.FAN_OUT) == ()
        assert plan.left[0].startswith("hosts file and load balancer of cp1, cp2, cp3, w2 were left as they are")

    @pytest.mark.parametrize(
        ("changes", "steps"),
        [
            ({"node": None, "recorded": True}, ["delete-node", "clean-node"]),
            ({"node": None, "recorded": False}, ["clean-node"]),
            ({"node": None, "recorded": False, "carries": False}, []),
        ],
    )
    def test_a_killed_run_is_gone_on_with(self, changes: dict[str, Any], steps: list[str]) -> None:
        plan = plan_removal(removal(leaving("w1", **changes)))
        assert [step.stage.value for step in plan.steps] == steps

    def test_dead_members_go_first(self) -> None:
        members = tuple(replace(member, healthy=member.name != "cp2") for member in LIVE.etcd_members)
        live = replace(LIVE, etcd_members=members)
        plan = plan_removal(removal(leaving("cp3", live), leaving("cp2", live), live=live))
        assert plan.hosts(Stage.REMOVE_MEMBER) == ("cp2", "cp3")


class TestRefusals:
    def test_no_cluster(self) -> None:
        with pytest.raises(BadInputError, match="no cluster"):
            plan_removal(removal(leaving("w1"), live=None))

    def test_foreign_cluster(self) -> None:
        with pytest.raises(ForeignError):
            plan_removal(removal(leaving("w1"), live=replace(LIVE, record=None)))

    def test_foreign_node(self) -> None:
        with pytest.raises(ForeignError, match="not added by kubewright"):
            plan_removal(removal(leaving("w1", recorded=False, carries=False)))

    def test_name_that_nobody_knows(self) -> None:
        with pytest.raises(BadInputError, match="neither"):
            plan_removal(removal(leaving("w7", known=False, carries=False)))

    def test_unreachable_host_names_offline(self) -> None:
        with pytest.raises(UnreachableError, match="--offline"):
            plan_removal(removal(leaving("w1", carries=False, unreachable="no route")))

    def test_quorum(self) -> None:
        live = replace(
            LIVE, etcd_members=tuple(replace(each, healthy=each.name != "cp2") for each in LIVE.etcd_members)
        )
        with pytest.raises(RefusedError, match="majority"):
            plan_removal(removal(leaving("cp1", live), live=live))

    def test_control_plane_whose_members_are_not_known(self) -> None:
        live = replace(LIVE, etcd_members=(), etcd_error="no answer")
        with pytest.raises(RefusedError, match="not known"):
            plan_removal(removal(leaving("cp1", live), live=live))

    def test_budget_that_never_passes(self) -> None:
        budget = Budget("a/b", ("a/c",), 0, 1, max_unavailable="0")
        with pytest.raises(RefusedError, match="a/b"):
            plan_removal(removal(leaving("w1", budgets=(budget,))))
        plan_removal(removal(leaving("w1", budgets=(budget,)), offline=True))


class TestReset:
    def test_cleans_what_carries_the_manifest(self) -> None:
        silent = leaving("w2", carries=False, unreachable="no route")
        plan = plan_reset("test", "1.37.2", (leaving("cp1"), leaving("w1", carries=False), silent))
        assert summary(plan) == [("clean-node", "cp1")]
        assert plan.calls() == {"cp1": 1}
        assert any("w2" in sentence for sentence in plan.left)

    def test_refuses_a_foreign_host(self) -> None:
        with pytest.raises(ForeignError):
            plan_reset("test", "1.37.2", (leaving("cp1"), leaving("w1", carries=False, foreign=True)))
