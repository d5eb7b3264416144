"""What a plan leaves because of a limit, and what etcd's majority forbids."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from tests.unit.plan.test_compute import NEW, cluster, situation, summary, topology

from kubewright.errors import RefusedError
from kubewright.observe.model import ObservedCluster
from kubewright.plan import Change, Plan, Stage
from kubewright.plan.compute import compute
from kubewright.plan.rollout import Inspection


def with_dead(found: ObservedCluster, name: str) -> ObservedCluster:
    """The same cluster with an etcd member that does not answer."""
    members = tuple(replace(each, healthy=each.healthy and each.name != name) for each in found.etcd_members)
    return replace(found, etcd_members=members)


class TestLimit:
    """What concerns the whole cluster is not done for a part of it."""

    OBJECT = Change("object:v1/ConfigMap/kube-system/kubeadm-config", "update", "", "-a\n+b\n")
    PROXY = Change("object:v1/ConfigMap/kube-system/kube-proxy", "update", "", "-a\n+b\n")
    LABEL = Change("object:Node/w1", "update", "1 fields")
    FOUND = cluster("cp1", "cp2", "w1", "w2")

    def limited(self, *names: str, **changes: Any) -> Plan:
        values: dict[str, Any] = {
            "cluster": self.FOUND,
            "configuration_changes": (self.OBJECT, self.PROXY),
            "proxy_stale": True,
            "object_changes": (self.OBJECT,),
            "metadata_changes": {"w1": (self.LABEL,), "w2": (Change("object:Node/w2", "update", ""),)},
            "inspections": {"w1": NEW, "w2": NEW},
        } | changes
        if names:
            values |= {"scope": names, "limit": names}
        return compute(situation("deploy", topology(2, 2), **values))

    @pytest.mark.parametrize("names", [("w1",), ("cp1", "w1")])
    def test_a_limit_that_lacks_control_planes_leaves_it_and_says_so(self, names: tuple[str, ...]) -> None:
        plan = self.limited(*names)
        assert {stage for stage, _ in summary(plan)} == {"converge", "node-metadata", "check"}
        assert plan.stage(Stage.METADATA)[0].changes == (self.LABEL,)
        assert any(
            "kubeadm's objects, kube-proxy's pods, cluster objects differ" in line and "without limit" in line
            for line in plan.left
        )

    @pytest.mark.parametrize("names", [(), ("cp1", "cp2")])
    def test_with_all_control_planes_it_is_done(self, names: tuple[str, ...]) -> None:
        plan = self.limited(*names)
        assert {Stage.CLUSTER_CONFIG, Stage.KUBE_PROXY, Stage.OBJECTS} <= {step.stage for step in plan.steps}
        assert not plan.left

    def test_where_nothing_differs_nothing_is_said(self) -> None:
        plan = self.limited("w1", configuration_changes=(), proxy_stale=False, object_changes=())
        assert not plan.left

    def test_a_new_cluster_has_its_objects_under_any_limit(self) -> None:
        names = ("cp1", "w1")
        plan = compute(situation("deploy", topology(2, 2), scope=names, limit=names))
        assert plan.stage(Stage.OBJECTS)
        assert not plan.left


class TestQuorum:
    """The plan is refused, not the node in the middle of it."""

    ETCD = Inspection((Change("static_pod:etcd", "update", "restarts etcd"),))
    FOUND = cluster("cp1", "cp2", "cp3", "w1")

    def test_restarts_and_a_join_beside_a_dead_member_are_all_named(self) -> None:
        wanted = situation(
            "deploy",
            topology(4, 1),
            cluster=with_dead(self.FOUND, "cp3"),
            inspections={"cp1": self.ETCD, "cp2": self.ETCD},
            unreachable={"cp3": "no route"},
        )
        with pytest.raises(RefusedError, match=r"(?s)etcd on cp1.*etcd-quorum.*etcd on cp2.*etcd on cp4") as caught:
            compute(wanted)
        assert "kubewright remove --limit cp3 --offline" in str(caught.value)

    @pytest.mark.parametrize("verb", ["deploy", "scale"])
    def test_a_join_beside_a_dead_member_is_refused_for_every_verb(self, verb: str) -> None:
        with pytest.raises(RefusedError, match="remove the dead member first"):
            compute(situation(verb, topology(4, 1), cluster=with_dead(self.FOUND, "cp3")))

    def test_once_the_dead_one_is_removed_its_replacement_joins(self) -> None:
        shape = topology(4, 1)
        shape = replace(shape, hosts=tuple(each for each in shape.hosts if each.name != "cp3"))
        plan = compute(situation("deploy", shape, cluster=cluster("cp1", "cp2", "w1")))
        assert plan.hosts(Stage.JOIN_CONTROL_PLANE) == ("cp4",)

    def test_from_one_to_three_and_in_a_healthy_cluster_nothing_is_refused(self) -> None:
        plan = compute(situation("deploy", topology(3, 1), cluster=cluster("cp1", "w1")))
        assert plan.hosts(Stage.JOIN_CONTROL_PLANE) == ("cp2", "cp3")
        inspections = dict.fromkeys(("cp1", "cp2", "cp3"), self.ETCD)
        plan = compute(situation("deploy", topology(4, 1), cluster=self.FOUND, inspections=inspections))
        assert plan.hosts(Stage.CONTROL_PLANE_CONFIG) == ("cp1", "cp2", "cp3")
        assert plan.hosts(Stage.JOIN_CONTROL_PLANE) == ("cp4",)

    def test_a_restart_that_a_killed_run_began_is_completed_and_the_next_ones_follow(self) -> None:
        inspections = {"cp2": self.ETCD, "cp3": self.ETCD}
        plan = compute(
            situation("deploy", topology(3, 1), cluster=with_dead(self.FOUND, "cp2"), inspections=inspections)
        )
        assert plan.hosts(Stage.CONTROL_PLANE_CONFIG) == ("cp2", "cp3")

    def test_workers_and_other_changes_go_on_beside_a_dead_member(self) -> None:
        server = Inspection((Change("static_pod:kube-scheduler", "update", "restarts it"),))
        shape = topology(3, 2)
        plan = compute(
            situation("deploy", shape, cluster=with_dead(self.FOUND, "cp3"), inspections={"cp1": server, "w2": NEW})
        )
        assert plan.hosts(Stage.CONTROL_PLANE_CONFIG) == ("cp1",)
        assert plan.hosts(Stage.JOIN_WORKER) == ("w2",)
