"""Saved plans: what is recorded, and what refuses them."""

from __future__ import annotations

import dataclasses
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.topology.helpers import settings

from kubewright.errors import BadInputError
from kubewright.observe.model import EtcdMember, ObservedCluster, ObservedNode
from kubewright.plan import Change, Plan, Stage, Step
from kubewright.plan.removal import Leaving
from kubewright.plan.rules.disruption import Budget
from kubewright.plan.saved import CLUSTER, Basis, SavedPlan, differences, keyed_digest, observed_fields, verify
from kubewright.topology import GroupNames, build

KEY, OTHER_KEY = b"k" * 32, b"o" * 32
NAMES = GroupNames(control_plane=("cp1",), worker=("w1", "w2"))
TOPOLOGY = build(NAMES, settings(NAMES), {}, existing_etcd=True)
STEP = Step(Stage.CONVERGE, "w1", "bring the host to its document", "drift", (Change("file:/etc/x", "update", "x"),))
PLAN = Plan("deploy", "kw", "1.37.2", "cp1", (STEP,))
BASIS = Basis("0.1.0", "c0", {CLUSTER: "d0", "w1": "d1"}, {"host w1": {"kubelet": "v1.37.2"}})
SAVED = SavedPlan(PLAN, BASIS, ("a_setting",), ("/inventory",))


def node(name: str, **changes: Any) -> ObservedNode:
    made = ObservedNode(name, "10.0.0.1", ready=True, kubelet_version="v1.37.2", control_plane=False, uid=f"u-{name}")
    return dataclasses.replace(made, **changes)


CLUSTER_NOW = ObservedCluster(
    via="cp1",
    version="v1.37.2",
    record={"fan_out": {"cp1": "f0", "w1": "f1", "w2": "f2"}},
    nodes=(node("cp1"), node("w1"), node("w2")),
    etcd_members=(EtcdMember("cp1", "7", "10.0.0.1", learner=False, healthy=True),),
)


def fields(cluster: ObservedCluster | None) -> dict[str, dict[str, str]]:
    return observed_fields(PLAN, TOPOLOGY, cluster, KEY)


class TestFile:
    def test_is_read_as_it_was_written(self) -> None:
        raw = json.loads(json.dumps(SAVED.to_json(KEY)))
        verify(raw, KEY, "plan file x")
        assert SavedPlan.from_json(raw, "plan file x") == SAVED

    def test_the_same_plan_makes_the_same_file(self) -> None:
        assert SAVED.to_json(KEY) == SAVED.to_json(KEY)

    def test_of_another_key_is_told_as_such(self) -> None:
        with pytest.raises(BadInputError, match="another state directory"):
            verify(SAVED.to_json(KEY), OTHER_KEY, "plan file x")

    @pytest.mark.parametrize("raw", [None, [], 7, "x", {}, {"format": 1}, {"seal": ""}])
    def test_is_no_plan_file(self, raw: object) -> None:
        with pytest.raises(BadInputError, match="not a plan file"):
            SavedPlan.from_json(raw, "plan file x")

    def test_of_another_format(self) -> None:
        with pytest.raises(BadInputError, match="format 99"):
            SavedPlan.from_json({**SAVED.to_json(KEY), "format": 99}, "plan file x")

    @given(
        st.sampled_from(sorted(set(SAVED.to_json(KEY)) - {"format", "seal"})),
        st.sampled_from([None, "", "x", 7, [], ["x"], {}, {"x": {"y": "z"}}]),
    )
    def test_any_change_is_found(self, name: str, value: object) -> None:
        raw = {**SAVED.to_json(KEY), name: value}
        if raw == SAVED.to_json(KEY):
            return
        with pytest.raises(BadInputError):
            verify(raw, KEY, "plan file x")

    @pytest.mark.parametrize("name", sorted(set(SAVED.to_json(KEY)) - {"format", "seal", "key", "verb", "limit"}))
    def test_a_missing_part_is_damage(self, name: str) -> None:
        raw = {part: value for part, value in SAVED.to_json(KEY).items() if part != name}
        with pytest.raises(BadInputError, match="damaged"):
            SavedPlan.from_json(raw, "plan file x")

    @given(st.text(min_size=8))
    def test_a_secret_of_a_document_is_not_in_it_nor_its_plain_digest(self, secret: str) -> None:
        document = {"resources": [{"content": secret}]}
        assert keyed_digest(KEY, document) != keyed_digest(OTHER_KEY, document)
        assert len(keyed_digest(KEY, document)) == 64


class TestObserved:
    @pytest.mark.parametrize(
        "changes",
        [
            {"nodes": (node("cp1"), node("w1", ready=False), node("w2"))},
            {"nodes": (node("cp1"), node("w1"), node("w2", kubelet_version="v1.36.3"))},
            {"nodes": (node("cp1"), node("w1"))},
            {"nodes": (node("w2"), node("w1"), node("cp1"))},
            {"certificates": ({"name": "x", "path": "/x", "not_after": "2030"},)},
            {"etcd_members": (EtcdMember("cp1", "7", "10.0.0.1", learner=False, healthy=False),)},
        ],
    )
    def test_what_does_not_count(self, changes: dict[str, Any]) -> None:
        """Health, certificates, and nodes that have no step."""
        assert fields(dataclasses.replace(CLUSTER_NOW, **changes)) == fields(CLUSTER_NOW)

    @pytest.mark.parametrize(
        ("changes", "told"),
        [
            ({"version": "v1.37.3"}, "the cluster: version was v1.37.2 and is v1.37.3"),
            ({"cluster_configuration": "a: b"}, "the cluster: kubeadm configuration changed"),
            ({"nodes": (node("cp1"), node("w2"))}, "host w1: Node was u-w1 and is absent"),
            ({"nodes": (node("w1", uid="new"),)}, "host w1: Node was u-w1 and is new"),
            ({"nodes": (node("w1", kubelet_version="v1.36.3"),)}, "host w1: kubelet was v1.37.2 and is v1.36.3"),
            ({"nodes": (node("w1", unschedulable=True),)}, "host w1: cordoned was False and is True"),
            ({"record": {"fan_out": {"w1": "f9"}}}, "host w1: record changed"),
            ({"record": None}, "host w1: record changed"),
            ({"etcd_members": ()}, "etcd member cp1: it is gone"),
            (
                {"etcd_members": (EtcdMember("cp1", "7", "10.0.0.1", learner=True, healthy=True),)},
                "etcd member cp1: member was 7 voter and is 7 learner",
            ),
        ],
    )
    def test_what_counts_and_how_it_is_told(self, changes: dict[str, Any], told: str) -> None:
        now = fields(dataclasses.replace(CLUSTER_NOW, **changes))
        saved = dataclasses.replace(SAVED, basis=dataclasses.replace(BASIS, observed=fields(CLUSTER_NOW)))
        assert told in differences(saved, PLAN, dataclasses.replace(BASIS, observed=now))

    def test_a_cluster_that_was_made_meanwhile(self) -> None:
        saved = dataclasses.replace(SAVED, basis=dataclasses.replace(BASIS, observed=fields(None)))
        found = differences(saved, PLAN, dataclasses.replace(BASIS, observed=fields(CLUSTER_NOW)))
        assert "the cluster: exists was no and is yes" in found


LEAVING = Leaving(
    name="old",
    node_name="node9",
    known=True,
    carries=True,
    node=node("node9"),
    members=(EtcdMember("node9", "9", "10.0.0.9", learner=False, healthy=True),),
    recorded=True,
    pods=("shop/web-1", "press/bare"),
    lost_pods=("press/bare",),
    budgets=(Budget("shop/web", ("shop/web-1",), 1, 3, max_unavailable="1"),),
)
WITH_LEAVING = dataclasses.replace(
    CLUSTER_NOW, record={"fan_out": {"node9": "f9"}}, nodes=(*CLUSTER_NOW.nodes, node("node9"))
)
DRAIN = Step(Stage.DRAIN, "old", "cordon and drain", "2 pods to evict")
REMOVAL = Plan("remove", "kw", "1.37.2", "cp1", (DRAIN,), limit=("old",))


class TestRemoval:
    def told(self, leaving: Leaving = LEAVING, cluster: ObservedCluster = WITH_LEAVING) -> tuple[str, ...]:
        """What is no longer so, of a plan that was saved for ``LEAVING`` as it is."""
        before = observed_fields(REMOVAL, TOPOLOGY, WITH_LEAVING, KEY, (LEAVING,))
        now = observed_fields(REMOVAL, TOPOLOGY, cluster, KEY, (leaving,))
        saved = SavedPlan(REMOVAL, dataclasses.replace(BASIS, observed=before))
        return differences(saved, REMOVAL, dataclasses.replace(BASIS, observed=now))

    @pytest.mark.parametrize(
        ("changes", "told"),
        [
            ({"members": ()}, "host old: etcd member was 9 voter and is none"),
            ({"lost_pods": ()}, "host old: pods that are lost was press/bare and is none"),
            ({"budgets": ()}, "disruption budget shop/web on old: it is gone"),
            (
                {"budgets": (dataclasses.replace(LEAVING.budgets[0], max_unavailable="50%"),)},
                "disruption budget shop/web on old: limit was maxUnavailable 1 and is maxUnavailable 50%",
            ),
            (
                {"budgets": (*LEAVING.budgets, Budget("shop/db", ("shop/db-1",), 0, 3, min_available="2"))},
                "disruption budget shop/db on old: it is new",
            ),
        ],
    )
    def test_of_what_leaves(self, changes: dict[str, Any], told: str) -> None:
        assert self.told(dataclasses.replace(LEAVING, **changes)) == (told,)

    @pytest.mark.parametrize(
        ("changes", "told"),
        [
            ({"nodes": (node("node9", uid="new"),)}, "host old: Node was u-node9 and is new"),
            ({"nodes": (node("node9", unschedulable=True),)}, "host old: cordoned was False and is True"),
            ({"record": {"fan_out": {"node9": "f1"}}}, "host old: record changed"),
            ({"record": {}}, "host old: record changed"),
        ],
    )
    def test_of_its_node_and_record(self, changes: dict[str, Any], told: str) -> None:
        """The inventory's topology has no host that leaves, so its Node's name is what finds it."""
        assert self.told(cluster=dataclasses.replace(WITH_LEAVING, **changes)) == (told,)

    @pytest.mark.parametrize(
        "changes",
        [
            {"pods": ()},
            {"budgets": (dataclasses.replace(LEAVING.budgets[0], disruptions_allowed=0, expected_pods=9),)},
            {"budgets": (dataclasses.replace(LEAVING.budgets[0], pods=("shop/web-7",)),)},
        ],
    )
    def test_what_does_not_count(self, changes: dict[str, Any]) -> None:
        """Pods that come up again elsewhere, and how far a budget is used at this moment."""
        assert self.told(dataclasses.replace(LEAVING, **changes)) == ()

    def test_the_number_of_pods_to_evict_is_no_other_step(self) -> None:
        now = dataclasses.replace(REMOVAL, steps=(dataclasses.replace(DRAIN, reason="3 pods to evict"),))
        assert differences(SavedPlan(REMOVAL, BASIS), now, BASIS) == ()

    @pytest.mark.parametrize("changes", [{"title": "cordon"}, {"changes": (Change("pod:a/b", "delete", "lost"),)}])
    def test_another_drain_is_another_step(self, changes: dict[str, Any]) -> None:
        now = dataclasses.replace(REMOVAL, steps=(dataclasses.replace(DRAIN, **changes),))
        told = f"host old: what is to be done is something else ({Stage.DRAIN.heading})"
        assert differences(SavedPlan(REMOVAL, BASIS), now, BASIS) == (told,)

    @pytest.mark.parametrize("offline", [True, False])
    def test_dead_hosts_are_said_to_be_dead_in_the_file(self, offline: bool) -> None:
        saved = dataclasses.replace(SAVED, offline=offline)
        assert SavedPlan.from_json(saved.to_json(KEY), "plan file x") == saved


class TestDifferences:
    def test_none(self) -> None:
        assert differences(SAVED, PLAN, BASIS) == ()

    @pytest.mark.parametrize(
        ("changes", "told"),
        [
            ({"kubewright": "0.2.0"}, "kubewright was 0.1.0 and is 0.2.0"),
            ({"catalogue": "c1"}, "the catalogue of versions is another one"),
            ({"documents": {CLUSTER: "d9", "w1": "d1"}}, "the cluster: its document is another one"),
            ({"documents": {CLUSTER: "d0", "w1": "d9"}}, "host w1: its document is another one"),
            ({"documents": {CLUSTER: "d0"}}, "host w1: it had a document and has none now"),
            ({"documents": {**BASIS.documents, "w2": "d2"}}, "host w2: it has a document and had none"),
        ],
    )
    def test_of_what_it_was_made_from(self, changes: dict[str, Any], told: str) -> None:
        assert differences(SAVED, PLAN, dataclasses.replace(BASIS, **changes)) == (told,)

    @pytest.mark.parametrize(
        ("changes", "told"),
        [
            ({"via": "cp2"}, "the cluster: cp1 spoke for it and now cp2 does"),
            ({"steps": ()}, f"host w1: nothing is to be done any more ({Stage.CONVERGE.heading})"),
            (
                {"steps": (STEP, dataclasses.replace(STEP, host="w2"))},
                f"host w2: there is more to be done ({Stage.CONVERGE.heading})",
            ),
            (
                {"steps": (dataclasses.replace(STEP, changes=()),)},
                f"host w1: what is to be done is something else ({Stage.CONVERGE.heading})",
            ),
        ],
    )
    def test_of_steps(self, changes: dict[str, Any], told: str) -> None:
        assert differences(SAVED, dataclasses.replace(PLAN, **changes), BASIS) == (told,)

    @given(
        st.dictionaries(st.sampled_from(["a", "b", "c"]), st.sampled_from(["1", "2"])),
        st.dictionaries(st.sampled_from(["a", "b", "c"]), st.sampled_from(["1", "2"])),
    )
    def test_are_told_exactly_where_something_differs(self, before: dict[str, str], now: dict[str, str]) -> None:
        saved = dataclasses.replace(SAVED, basis=dataclasses.replace(BASIS, documents=before))
        found = differences(saved, PLAN, dataclasses.replace(BASIS, documents=now))
        differing = sorted(name for name in {*before, *now} if before.get(name) != now.get(name))
        assert [sentence.split(":")[0] for sentence in found] == [f"host {name}" for name in differing]
