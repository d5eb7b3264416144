"""Table and property tests of the plan: what a verb does in which situation."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kubewright.errors import BadInputError, ForeignError, RefusedError, StepFailedError
from kubewright.observe.model import EtcdMember, ObservedCluster, ObservedNode
from kubewright.plan import Change, Plan, Situation, Stage, compute
from kubewright.plan.rollout import Inspection
from kubewright.topology.model import Address, Endpoint, Host, Role, Source, Topology

CHANGE = Change("file:/etc/x", "create", "new")
NEW = Inspection((CHANGE,))


def host(name: str, number: int, *roles: Role) -> Host:
    address = Address(f"192.0.2.{number}", Source.IP)
    return Host(name, name, address, address, address.value, frozenset(roles))


def topology(control_planes: int = 1, workers: int = 1) -> Topology:
    planes = [host(f"cp{n}", n, Role.CONTROL_PLANE, Role.ETCD) for n in range(1, control_planes + 1)]
    others = [host(f"w{n}", 100 + n, Role.WORKER) for n in range(1, workers + 1)]
    return Topology((*planes, *others), Endpoint("127.0.0.1", 6443, local=True))


def cluster(*names: str, record: dict[str, Any] | None = None, digest: str = "d1") -> ObservedCluster:
    shape = {found.name: found for found in topology(9, 9).hosts}
    nodes = tuple(
        ObservedNode(name, shape[name].main_ip.value, True, "v1.37.2", shape[name].is_control_plane) for name in names
    )
    members = tuple(
        EtcdMember(name, name, shape[name].main_ip.value, learner=False, healthy=True)
        for name in names
        if shape[name].is_control_plane
    )
    known = {"fan_out": dict.fromkeys(names, digest)} if record is None else record
    return ObservedCluster("cp1", "v1.37.2", known, nodes, members)


def situation(verb: str, shape: Topology, **changes: Any) -> Situation:
    names = tuple(found.name for found in shape.hosts)
    values: dict[str, Any] = {
        "scope": names,
        "fan_out": dict.fromkeys(names, "d1"),
        "object_changes": () if changes.get("cluster") else None,
    } | changes
    return Situation(verb=verb, version="1.37.2", topology=shape, cluster_name="test", **values)


def summary(plan: Plan) -> list[tuple[str, str]]:
    return [(step.stage.value, step.host) for step in plan.steps]


class TestNewCluster:
    def test_first_control_plane_is_initialised_and_the_others_join(self) -> None:
        shape = topology(3, 1)
        inspections = {found.name: NEW for found in shape.hosts}
        plan = compute(situation("deploy", shape, inspections=inspections))
        assert summary(plan) == [
            ("converge", "cp1"),
            ("converge", "cp2"),
            ("converge", "cp3"),
            ("converge", "w1"),
            ("init", "cp1"),
            ("network", "cp1"),
            ("prepare-join", "cp1"),
            ("join-control-plane", "cp2"),
            ("join-control-plane", "cp3"),
            ("join-worker", "w1"),
            ("cleanup", "cp1"),
            ("objects", "cp1"),
            ("check", "cp1"),
            ("check", "cp2"),
            ("check", "cp3"),
            ("check", "w1"),
        ]

    def test_scale_needs_a_cluster(self) -> None:
        with pytest.raises(BadInputError, match="no cluster yet"):
            compute(situation("scale", topology()))

    def test_a_limit_without_control_plane_cannot_begin(self) -> None:
        with pytest.raises(BadInputError, match="no control plane"):
            compute(situation("deploy", topology(), scope=("w1",), limit=("w1",)))

    def test_an_unreachable_first_control_plane_stops_everything(self) -> None:
        with pytest.raises(StepFailedError, match="must go first"):
            compute(situation("deploy", topology(), unreachable={"cp1": "no route"}))

    def test_a_half_made_one_is_initialised_again_where_it_began(self) -> None:
        plan = compute(situation("deploy", topology(), half_made="cp1"))
        assert ("init", "cp1") in summary(plan)


class TestExistingCluster:
    def test_nothing_differs_nothing_is_done(self) -> None:
        assert compute(situation("deploy", topology(), cluster=cluster("cp1", "w1"))).empty

    def test_scale_touches_the_new_host_and_tells_the_others(self) -> None:
        shape = topology(1, 3)
        plan = compute(
            situation(
                "scale",
                shape,
                cluster=cluster("cp1", "w1", "w2", digest="d0"),
                scope=("w3",),
                limit=("w3",),
                inspections={"w3": NEW},
            )
        )
        assert summary(plan) == [
            ("converge", "w3"),
            ("prepare-join", "cp1"),
            ("join-worker", "w3"),
            ("cleanup", "cp1"),
            ("fan-out", "cp1"),
            ("fan-out", "w1"),
            ("fan-out", "w2"),
            ("check", "w3"),
        ]

    def test_under_ansibles_limit_fan_outs_are_left_and_named(self) -> None:
        shape = topology(1, 2)
        plan = compute(
            situation(
                "scale",
                shape,
                cluster=cluster("cp1", "w1", digest="d0"),
                scope=("w2",),
                limit=("w2",),
                fan_out_allowed=False,
                inspections={"w2": NEW},
            )
        )
        assert not plan.stage(Stage.FAN_OUT)
        assert "cp1, w1" in plan.left[0]

    def test_deploy_corrects_drift_and_scale_only_names_it(self) -> None:
        drifted = {"w1": Inspection((CHANGE,))}
        found = cluster("cp1", "w1")
        assert ("converge", "w1") in summary(
            compute(situation("deploy", topology(), cluster=found, inspections=drifted))
        )
        scaled = compute(situation("scale", topology(), cluster=found, inspections=drifted))
        assert scaled.empty
        assert "w1" in scaled.left[0]

    def test_an_unreachable_member_is_left_and_named(self) -> None:
        plan = compute(situation("deploy", topology(), cluster=cluster("cp1", "w1"), unreachable={"w1": "no route"}))
        assert plan.empty
        assert "w1 did not answer" in plan.left[0]

    def test_a_foreign_cluster_is_refused(self) -> None:
        foreign = replace(cluster("cp1", "w1"), record=None)
        with pytest.raises(ForeignError, match="not made by kubewright"):
            compute(situation("deploy", topology(), cluster=foreign))

    def test_a_learner_is_not_a_complete_control_plane(self) -> None:
        found = cluster("cp1", "cp2", "w1")
        learner = replace(found.etcd_members[1], learner=True)
        found = replace(found, etcd_members=(found.etcd_members[0], learner))
        assert ("join-control-plane", "cp2") in summary(compute(situation("deploy", topology(2, 1), cluster=found)))

    def test_left_over_tokens_are_removed(self) -> None:
        found = replace(cluster("cp1", "w1"), bootstrap_tokens=({"description": "kubewright join"},))
        assert summary(compute(situation("deploy", topology(), cluster=found))) == [("cleanup", "cp1")]

    def test_nodes_that_the_inventory_lacks_are_named_and_left(self) -> None:
        plan = compute(situation("deploy", topology(), cluster=cluster("cp1", "w1", "w2")))
        assert plan.empty
        assert "w2" in plan.left[0]

    def test_a_recorded_node_whose_object_somebody_deleted_is_named(self) -> None:
        found = cluster("cp1", "w1", "w2")
        found = replace(found, nodes=tuple(node for node in found.nodes if node.name != "w2"))
        plan = compute(situation("deploy", topology(), cluster=found))
        assert plan.empty
        (line,) = plan.left
        assert "w2 is in kubewright's record" in line
        assert "kubewright remove --limit w2" in line

    def test_one_that_the_inventory_has_joins_again_and_is_not_named(self) -> None:
        found = cluster("cp1", "w1", "w2")
        found = replace(found, nodes=tuple(node for node in found.nodes if node.name != "w2"))
        plan = compute(situation("deploy", topology(1, 2), cluster=found))
        assert plan.hosts(Stage.JOIN_WORKER) == ("w2",)
        assert not plan.left

    @pytest.mark.parametrize(
        ("name", "address", "named"),
        [
            ("stray", "198.51.100.7", True),
            ("", "198.51.100.7", True),
            ("", "192.0.2.1", False),
            ("cp1", "198.51.100.7", False),
            ("w1", "198.51.100.7", False),
        ],
    )
    def test_an_etcd_member_of_nobody_is_named(self, name: str, address: str, named: bool) -> None:
        found = cluster("cp1", "w1")
        stray = EtcdMember(name, "abc", address, learner=False, healthy=True)
        plan = compute(
            situation("deploy", topology(), cluster=replace(found, etcd_members=(*found.etcd_members, stray)))
        )
        assert plan.empty
        remedy = f"kubewright remove --limit {name or address}"
        assert [f"({address}) is of no host" in line and remedy in line for line in plan.left] == [True] * named

    def test_an_etcd_member_of_a_recorded_node_goes_with_it(self) -> None:
        found = cluster("cp1", "cp2", "cp3", "w1")
        found = replace(found, nodes=tuple(node for node in found.nodes if node.name != "cp3"))
        shape = topology(2, 1)
        (line,) = compute(situation("deploy", shape, cluster=found)).left
        assert "kubewright remove --limit cp3" in line

    def test_one_whose_removal_was_killed_is_named_as_ours(self) -> None:
        live = cluster("cp1", "w1", "w2", record={"fan_out": {"cp1": "d1", "w1": "d1"}, "leaving": {"w2": {}}})
        plan = compute(situation("deploy", topology(), cluster=live))
        assert "kubewright remove --limit w2" in plan.left[0]

    def test_one_that_is_gone_and_not_all_of_it_done_is_named(self) -> None:
        live = cluster("cp1", "w1", record={"fan_out": {"cp1": "d1", "w1": "d1"}, "leaving": {"w2": {}}})
        (line,) = compute(situation("deploy", topology(), cluster=live)).left
        assert line == "node w2 was removed, and not all of that was done; go on with it: kubewright remove --limit w2"

    def test_check_is_only_checks(self) -> None:
        plan = compute(situation("check", topology(), cluster=cluster("cp1", "w1")))
        assert summary(plan) == [("check", "cp1"), ("check", "w1")]


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
            "kubeadm's ConfigMaps, kube-proxy's pods, cluster objects differ" in line and "without limit" in line
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


names = st.sets(st.sampled_from(["cp1", "cp2", "cp3", "w1", "w2", "w3"]))


@given(members=names, scope=names, down=names, changed=names, verb=st.sampled_from(["deploy", "scale"]))
def test_no_step_on_hosts_that_are_down_or_out_of_scope(
    members: set[str], scope: set[str], down: set[str], changed: set[str], verb: str
) -> None:
    """Whatever the situation.

    Only hosts in scope, the speaking control plane and fan-outs are touched, and the plan is stable.
    """
    members.add("cp1")
    down.discard("cp1")
    given_situation = situation(
        verb,
        topology(3, 3),
        cluster=cluster(*sorted(members), digest="d0"),
        scope=tuple(sorted(scope)),
        inspections=dict.fromkeys(changed, NEW),
        unreachable=dict.fromkeys(down, "down"),
    )
    plan = compute(given_situation)
    assert plan == compute(given_situation)
    assert plan == Plan.from_json(plan.to_json())
    for step in plan.steps:
        assert step.host not in down
        if step.stage is Stage.FAN_OUT:
            assert step.host in members
        elif step.host != "cp1":
            assert step.host in scope
