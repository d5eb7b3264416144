"""Table and property tests of the plan: what a verb does in which situation."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kubewright.errors import BadInputError, ForeignError, StepFailedError
from kubewright.observe.model import EtcdMember, ObservedCluster, ObservedNode
from kubewright.plan import Change, Plan, Stage
from kubewright.plan.compute import compute
from kubewright.plan.rollout import Inspection
from kubewright.plan.situation import Situation
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
            ("objects", "cp1"),
            ("check", "cp1"),
            ("check", "cp2"),
            ("check", "cp3"),
            ("check", "w1"),
            ("cleanup", "cp1"),
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
            ("fan-out", "cp1"),
            ("fan-out", "w1"),
            ("fan-out", "w2"),
            ("check", "w3"),
            ("cleanup", "cp1"),
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

    def test_a_member_that_lost_its_credentials_is_left_and_named(self) -> None:
        lost = {"w1": Inspection(credentials=False)}
        plan = compute(situation("deploy", topology(1, 1), cluster=cluster("cp1", "w1"), inspections=lost))
        assert plan.empty
        assert "w1 is a member of the cluster, but its kubelet has no credentials" in plan.left[0]
        new = compute(situation("deploy", topology(1, 1), cluster=cluster("cp1"), inspections=lost))
        assert new.left == ()

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
    order = [list(Stage).index(step.stage) for step in plan.steps]
    assert order == sorted(order), "steps come in the order in which they are carried out"
    for step in plan.steps:
        assert step.host not in down
        if step.stage is Stage.FAN_OUT:
            assert step.host in members
        elif step.host != "cp1":
            assert step.host in scope
