"""How a changed setting reaches what runs: in which order, how many at a time, and what stops it."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.plan.test_compute import NEW, cluster, situation, summary, topology

from kubewright.plan import Change, Plan, Stage
from kubewright.plan.compute import compute
from kubewright.plan.rollout import ROLLED_OUT, Inspection, Rollout, at_once, steps, stops_at

SYSCTL = Change("file:/etc/sysctl.d/99-kubewright.conf", "update", "")
KUBELET = Change("kubelet_configuration:/var/lib/kubelet/config.yaml", "update", "")
ENGINE = Change("file:/etc/containerd/config.toml", "update", "")
API_SERVER = Change("static_pod:kube-apiserver", "update", "")
ETCD = Change("static_pod:etcd", "update", "")
CERTIFICATE = Change("certificate:apiserver", "update", "")
OBJECT = Change("object:v1/ConfigMap/kube-system/kubeadm-config", "update", "", "-a\n+b\n")
PROXY = Change("object:v1/ConfigMap/kube-system/kube-proxy", "update", "", "-a\n+b\n")


def planned(verb: str = "deploy", planes: int = 3, workers: int = 4, **changes: Any) -> Plan:
    shape = topology(planes, workers)
    return compute(situation(verb, shape, cluster=cluster(*(found.name for found in shape.hosts)), **changes))


class TestOrder:
    """kubeadm's objects, control planes, workers, kube-proxy; joins come after them."""

    def test_everything_changed(self) -> None:
        inspections = {name: Inspection((ETCD, API_SERVER)) for name in ("cp1", "cp2", "cp3")}
        inspections |= {name: Inspection((KUBELET,), ("kubelet",)) for name in ("w1", "w2", "w3", "w4")}
        plan = planned(inspections=inspections, configuration_changes=(OBJECT, PROXY))
        assert summary(plan)[:11] == [
            ("snapshot", "cp1"),
            ("cluster-config", "cp1"),
            ("control-plane-config", "cp1"),
            ("control-plane-config", "cp2"),
            ("control-plane-config", "cp3"),
            ("kubelet-config", "w1"),
            ("kubelet-config", "w2"),
            ("kubelet-config", "w3"),
            ("kubelet-config", "w4"),
            ("kube-proxy", "cp1"),
            ("check", "cp1"),
        ]
        assert plan.stage(Stage.CONTROL_PLANE_CONFIG)[0].restarts == ("etcd", "kube-apiserver")
        assert plan.hosts(Stage.CHECK) == ("cp1", "cp2", "cp3", "w1", "w2", "w3", "w4")

    def test_what_joins_comes_after(self) -> None:
        found = cluster("cp1", "w1")
        inspections = {"w1": Inspection((KUBELET,), ("kubelet",)), "w2": Inspection((SYSCTL,), ("kubelet",))}
        shape = topology(1, 2)
        plan = compute(
            situation("deploy", shape, cluster=found, inspections=inspections, configuration_changes=(OBJECT,))
        )
        assert [stage for stage, _ in summary(plan)][:4] == [
            "converge",
            "cluster-config",
            "kubelet-config",
            "prepare-join",
        ]
        assert plan.hosts(Stage.CONVERGE) == ("w2",)

    def test_what_disrupts_nothing_is_done_everywhere_at_once(self) -> None:
        plan = planned(inspections={"cp2": Inspection((SYSCTL,)), "w1": Inspection((SYSCTL,))})
        assert summary(plan)[:3] == [("snapshot", "cp1"), ("converge", "cp2"), ("converge", "w1")]

    @pytest.mark.parametrize(
        ("inspection", "stage"),
        [
            (Inspection((ENGINE,), ("containerd",)), "kubelet-config"),
            (Inspection((), ("kubelet",)), "kubelet-config"),
            (Inspection((KUBELET,), ("kubelet",)), "kubelet-config"),
            (Inspection((KUBELET,)), "kubelet-config"),
            (Inspection((SYSCTL,), ("chrony",)), "converge"),
        ],
    )
    def test_a_worker_whose_engine_or_kubelet_restarts_waits_for_its_turn(
        self, inspection: Inspection, stage: str
    ) -> None:
        assert summary(planned(inspections={"w1": inspection}))[0] == (stage, "w1")

    @pytest.mark.parametrize(
        "inspection", [Inspection((CERTIFICATE,)), Inspection((API_SERVER,)), Inspection((ENGINE,), ("containerd",))]
    )
    def test_etcds_data_is_kept_before_a_control_plane_is_touched(self, inspection: Inspection) -> None:
        assert summary(planned(inspections={"cp3": inspection}))[:2] == [
            ("snapshot", "cp1"),
            ("control-plane-config", "cp3"),
        ]

    def test_a_new_host_is_not_rolled_out_to(self) -> None:
        found = cluster("cp1", "w1")
        plan = compute(
            situation(
                "deploy", topology(1, 2), cluster=found, inspections={"w2": Inspection((ENGINE,), ("containerd",))}
            )
        )
        assert plan.hosts(Stage.CONVERGE) == ("w2",)
        assert not plan.stage(Stage.KUBELET_CONFIG)


class TestKept:
    """When a copy of etcd's data is kept, and that it is before all else."""

    @pytest.mark.parametrize(
        ("inspections", "reason"),
        [
            ({"cp2": Inspection((SYSCTL,))}, "before a change of cp2"),
            ({"cp1": Inspection((SYSCTL,)), "cp3": Inspection((API_SERVER,))}, "before a change of cp1, cp3"),
            ({"cp1": Inspection((), ("kubelet",))}, "before a change of cp1"),
            ({"w1": Inspection((SYSCTL,)), "w2": Inspection((KUBELET,), ("kubelet",))}, ""),
            ({}, ""),
        ],
    )
    def test_changes(self, inspections: dict[str, Inspection], reason: str) -> None:
        assert [step.reason for step in planned(inspections=inspections).stage(Stage.SNAPSHOT)] == [reason][
            : bool(reason)
        ]

    @pytest.mark.parametrize("verb", ["deploy", "scale"])
    def test_a_control_plane_joins(self, verb: str) -> None:
        plan = compute(situation(verb, topology(2, 1), cluster=cluster("cp1", "w1"), inspections={"cp2": NEW}))
        assert summary(plan)[:2] == [("snapshot", "cp1"), ("converge", "cp2")]
        assert plan.stage(Stage.SNAPSHOT)[0].reason == "before the join of cp2"

    def test_not_for_workers_labels_objects_and_fan_outs(self) -> None:
        shape = topology(1, 2)
        plan = compute(
            situation(
                "deploy",
                shape,
                cluster=cluster("cp1", "w1", digest="d0"),
                scope=("w1", "w2"),
                inspections={"w2": NEW},
                metadata_changes={"w1": (OBJECT,)},
            )
        )
        assert plan.hosts(Stage.FAN_OUT) == ("cp1",)
        assert not plan.stage(Stage.SNAPSHOT)

    def test_not_while_there_is_no_data(self) -> None:
        assert not compute(situation("deploy", topology(3, 1))).stage(Stage.SNAPSHOT)
        half = situation("deploy", topology(3, 1), cluster=cluster("cp1", record={}), half_made="cp1")
        assert not compute(half).stage(Stage.SNAPSHOT)


class TestVerbs:
    def test_scale_leaves_it(self) -> None:
        inspections = {"cp1": Inspection((API_SERVER,)), "w1": Inspection((KUBELET,), ("kubelet",))}
        plan = planned("scale", inspections=inspections, configuration_changes=(PROXY,), proxy_stale=True)
        assert plan.empty
        assert "cp1, w1 differ from their documents; scale only adds, deploy corrects" in plan.left

    def test_a_half_made_cluster_is_finished_first(self) -> None:
        shape = topology(1, 1)
        plan = compute(situation("deploy", shape, half_made="cp1", configuration_changes=(OBJECT,)))
        assert not plan.stage(Stage.CLUSTER_CONFIG)


class TestProxy:
    def test_is_restarted_where_its_configuration_changes_or_has_changed(self) -> None:
        assert planned(configuration_changes=(PROXY,)).hosts(Stage.KUBE_PROXY) == ("cp1",)
        assert planned(proxy_stale=True).hosts(Stage.KUBE_PROXY) == ("cp1",)
        assert not planned(configuration_changes=(OBJECT,)).stage(Stage.KUBE_PROXY)

    @pytest.mark.parametrize(
        ("reference", "reason"),
        [
            ("apps/v1/DaemonSet/kube-system/kube-proxy", "its DaemonSet differs"),
            ("v1/ConfigMap/kube-system/kube-proxy", "its configuration changed"),
            ("v1/ServiceAccount/kube-system/kube-proxy", None),
            ("rbac.authorization.k8s.io/v1/Role/kube-system/kube-proxy", None),
        ],
    )
    def test_only_what_its_pods_are_made_of_replaces_them(self, reference: str, reason: str | None) -> None:
        plan = planned(configuration_changes=(Change(f"object:{reference}", "create", ""),))
        assert plan.hosts(Stage.CLUSTER_CONFIG) == ("cp1",)
        assert [step.reason for step in plan.stage(Stage.KUBE_PROXY)] == ([reason] if reason else [])


class TestAtOnce:
    @pytest.mark.parametrize(
        ("serial", "hosts", "wanted"),
        [
            ("20%", 1, 1),
            ("20%", 4, 1),
            ("20%", 10, 2),
            ("20%", 14, 2),
            ("20%", 1000, 200),
            ("100%", 7, 7),
            ("1", 50, 1),
            ("3", 50, 3),
            ("30", 7, 7),
            ("20%", 0, 1),
        ],
    )
    def test_table(self, serial: str, hosts: int, wanted: int) -> None:
        assert at_once(serial, hosts) == wanted

    @given(
        serial=st.integers(1, 100).map(lambda share: f"{share}%") | st.integers(1, 2000).map(str),
        hosts=st.integers(1, 5000),
    )
    def test_never_more_than_asked_for_and_never_none(self, serial: str, hosts: int) -> None:
        count = at_once(serial, hosts)
        assert 1 <= count <= hosts
        share = hosts * int(serial[:-1]) / 100 if serial.endswith("%") else int(serial)
        assert count <= max(1, share)

    def test_is_shown(self) -> None:
        inspections = {f"w{n}": Inspection((KUBELET,), ("kubelet",)) for n in range(1, 5)}
        (step, *_) = planned(inspections=inspections, serial="2").stage(Stage.KUBELET_CONFIG)
        assert step.reason.endswith("2 of 4 at a time")


class TestAfterAFailure:
    @pytest.mark.parametrize(
        ("failed", "stage", "stops"),
        [
            ([], Stage.CONTROL_PLANE_CONFIG, False),
            (["snapshot"], Stage.CLUSTER_CONFIG, True),
            (["cluster-config"], Stage.CONTROL_PLANE_CONFIG, True),
            (["control-plane-config"], Stage.CONTROL_PLANE_CONFIG, True),
            (["control-plane-config"], Stage.KUBELET_CONFIG, True),
            (["kubelet-config"], Stage.KUBELET_CONFIG, True),
            (["kubelet-config"], Stage.KUBE_PROXY, True),
            (["kubelet-config"], Stage.CONTROL_PLANE_CONFIG, False),
            (["converge"], Stage.KUBELET_CONFIG, False),
            (["kubelet-config"], Stage.JOIN_WORKER, False),
        ],
    )
    def test_nothing_more_of_a_stage_and_of_later_ones_is_begun(
        self, failed: list[str], stage: Stage, stops: bool
    ) -> None:
        assert stops_at(failed, stage) is stops


changes = st.lists(st.sampled_from([SYSCTL, KUBELET, ENGINE, API_SERVER, ETCD, CERTIFICATE]), unique=True).map(tuple)
units = st.lists(st.sampled_from(["kubelet", "containerd", "chrony"]), unique=True).map(tuple)
found = st.builds(Inspection, changes, units)


class TestProperties:
    @given(inspections=st.dictionaries(st.sampled_from(["cp1", "cp2", "cp3", "w1", "w2", "w3", "w4"]), found))
    def test_each_difference_is_in_exactly_one_step_and_nothing_disrupting_outside_of_its_turn(
        self, inspections: dict[str, Inspection]
    ) -> None:
        plan = planned(inspections=inspections)
        own = (Stage.CONVERGE, Stage.CONTROL_PLANE_CONFIG, Stage.KUBELET_CONFIG)
        done = [(step.host, step.changes) for stage in own for step in plan.stage(stage)]
        wanted = [(name, each.changes) for name, each in inspections.items() if each.changes or each.restarts]
        assert sorted(done, key=str) == sorted(wanted, key=str)
        touched = any(name.startswith("cp") for name, _ in wanted)
        assert [step.stage for step in plan.steps].count(Stage.SNAPSHOT) == touched
        if touched:
            assert plan.steps[0].stage is Stage.SNAPSHOT
        for step in plan.stage(Stage.CONVERGE):
            assert not inspections[step.host].disrupts
        for step in plan.stage(Stage.CONTROL_PLANE_CONFIG):
            assert step.host.startswith("cp")
        for step in plan.stage(Stage.KUBELET_CONFIG):
            assert step.host.startswith("w")

    @given(inspections=st.dictionaries(st.sampled_from(["cp1", "cp2", "w1"]), found), proxy=st.booleans())
    def test_stages_come_in_their_order(self, inspections: dict[str, Inspection], proxy: bool) -> None:
        disrupting = {name: each for name, each in inspections.items() if each.disrupts}
        planes = {name: each for name, each in disrupting.items() if name.startswith("cp")}
        workers = {name: each for name, each in disrupting.items() if name not in planes}
        made = [step.stage for step in steps(Rollout("cp1", (OBJECT,), proxy, planes, workers))]
        assert made == sorted(made, key=ROLLED_OUT.index)
