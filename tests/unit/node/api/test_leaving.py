"""A node is taken out of the cluster, asked of an API server and etcd that answer as the real ones do."""

from __future__ import annotations

import json
import urllib.parse
from collections.abc import Callable, Iterator
from typing import Any, ClassVar

import pytest

from ansible_collections.kubewright.cluster.plugins.module_utils import drain, etcd, leaving, quorum, record
from ansible_collections.kubewright.cluster.plugins.module_utils.errors import REFUSED, NodeError
from ansible_collections.kubewright.cluster.plugins.module_utils.kubeapi import Client, admin_client
from ansible_collections.kubewright.cluster.plugins.module_utils.process import System
from ansible_collections.kubewright.cluster.plugins.module_utils.quorum import Member
from tests.unit.node.api.api import RECORD, Api
from tests.unit.node.api.made import kubeconfig_text, write
from tests.unit.node.api.pki import Pki, Request, serve

NODE: dict[str, Any] = {
    "node": "w1",
    "offline": False,
    "drain_timeout": 5.0,
    "members": [],
    "certificate_names": [],
}


def pod(name: str, owner: str = "ReplicaSet", **metadata: Any) -> dict[str, Any]:
    owners = [{"kind": owner, "controller": True}] if owner else []
    own = {"name": name, "namespace": "a", "uid": name, "labels": {"app": name}, "ownerReferences": owners}
    return {"metadata": own | metadata}


class Answering(Api):
    """Pods go when they are evicted; ``refusals`` evictions are refused by a budget first."""

    refusals: int = 0
    two_budgets: bool = False

    def answer(self, request: Request) -> tuple[int, Any]:
        path = urllib.parse.urlsplit(request.path).path
        if path.endswith("/eviction"):
            if self.two_budgets:
                return 500, {"message": "This pod has more than one PodDisruptionBudget, which is not supported."}
            if self.refusals:
                self.refusals -= 1
                return 429, {"reason": "TooManyRequests", "message": "it would violate the budget a/b"}
            self._gone(request.body["metadata"]["name"])
            return 201, {}
        if path.startswith("/api/v1/namespaces/a/pods/") and request.method == "DELETE":
            self._gone(path.rpartition("/")[2])
            return 200, {}
        return super().answer(request)

    def _gone(self, name: str) -> None:
        self.lists[drain.PODS] = [each for each in self.lists[drain.PODS] if each["metadata"]["name"] != name]


@pytest.fixture
def api() -> Answering:
    answering = Answering()
    answering.objects["/api/v1/nodes/w1"] = {"metadata": {"name": "w1"}, "spec": {}}
    known = {"fan_out": {"cp1": "d", "w1": "d"}}
    answering.objects[RECORD] = {"data": {"record": json.dumps(known)}}
    answering.lists[drain.PODS] = []
    answering.lists[drain.ATTACHMENTS] = []
    answering.lists[drain.BUDGETS] = []
    return answering


@pytest.fixture
def node(system: System, pki: Pki, api: Answering, monkeypatch: pytest.MonkeyPatch) -> Iterator[System]:
    monkeypatch.setattr(drain, "_INTERVAL_SECONDS", 0.01)
    with serve(pki, lambda request: api.answer(request)) as server:  # noqa: PLW0108  the method is looked up late
        write(system, "/etc/kubernetes/admin.conf", kubeconfig_text(pki, server.url))
        yield system


@pytest.fixture
def client(node: System) -> Client:
    return admin_client(node)


class Clock:
    """Stands for the module ``time``: time passes by sleeping only."""

    def __init__(self) -> None:
        self.now = 0.0
        self.pauses: list[float] = []
        self.at: tuple[float, Callable[[], Any]] = (float("inf"), lambda: None)

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.pauses.append(seconds)
        self.now += seconds
        if self.now >= self.at[0]:
            self.at[1]()


class TestPauses:
    @pytest.fixture(autouse=True)
    def clock(self, monkeypatch: pytest.MonkeyPatch, node: System) -> Clock:
        clock = Clock()
        monkeypatch.setattr(drain, "_INTERVAL_SECONDS", 1.0)
        monkeypatch.setattr(drain, "time", clock)
        return clock

    @pytest.mark.parametrize(("seconds", "late", "looks"), [(0.5, 0.2, 4), (7.1, 0.4, 35), (60.0, 1.0, 110)])
    def test_notices_soon_that_pods_have_gone(
        self, node: System, api: Answering, clock: Clock, seconds: float, late: float, looks: int
    ) -> None:
        api.lists[drain.PODS] = [pod("web", deletionTimestamp="2026-01-31T00:00:00Z")]
        clock.at = (seconds, api.lists[drain.PODS].clear)
        assert leaving.drain_node(node, {**NODE, "drain_timeout": 300.0})["changed"]
        assert seconds <= clock.now <= seconds + late
        assert len(clock.pauses) <= looks

    def test_asks_once_a_second_for_what_was_refused(self, node: System, api: Answering, clock: Clock) -> None:
        api.refusals = 3
        api.lists[drain.PODS] = [pod("web")]
        leaving.drain_node(node, NODE)
        assert clock.pauses[:3] == [1.0, 1.0, 1.0]

    def test_gives_up_after_the_time_that_was_given(self, node: System, api: Answering, clock: Clock) -> None:
        api.lists[drain.PODS] = [pod("web", deletionTimestamp="2026-01-31T00:00:00Z")]
        with pytest.raises(NodeError, match="not within 5 s: pod a/web"):
            leaving.drain_node(node, NODE)
        assert 5.0 <= clock.now <= 5.3


class TestDrain:
    def test_evicts_what_kubectl_drain_does(self, node: System, api: Answering) -> None:
        mirror = pod("static", "Node", annotations={"kubernetes.io/config.mirror": "x"})
        api.lists[drain.PODS] = [pod("web"), pod("alone", ""), pod("agent", "DaemonSet"), mirror]
        answer = leaving.drain_node(node, NODE)
        assert answer["evicted"] == ["a/web", "a/alone"]
        assert [each["metadata"]["name"] for each in api.lists[drain.PODS]] == ["agent", "static"]
        assert api.objects["/api/v1/nodes/w1"]["spec"] == {"unschedulable": True}

    def test_asks_again_while_a_budget_refuses(self, node: System, api: Answering) -> None:
        api.refusals = 3
        api.lists[drain.PODS] = [pod("web")]
        assert leaving.drain_node(node, NODE)["evicted"] == ["a/web"]

    def test_gives_up_with_the_budgets_words(self, node: System, api: Answering) -> None:
        api.refusals = 10**6
        api.lists[drain.PODS] = [pod("web")]
        with pytest.raises(NodeError, match=r"pod a/web.*violate the budget"):
            leaving.drain_node(node, {**NODE, "drain_timeout": 0.1})

    def test_does_not_ask_again_for_a_pod_that_two_budgets_select(self, node: System, api: Answering) -> None:
        api.two_budgets = True
        api.lists[drain.PODS] = [pod("web")]
        with pytest.raises(NodeError, match="pod a/web: it is never evicted: several disruption budgets") as caught:
            leaving.drain_node(node, NODE)
        assert caught.value.exit_code == REFUSED

    def test_waits_for_volumes(self, node: System, api: Answering) -> None:
        api.lists[drain.ATTACHMENTS] = [{"metadata": {"name": "csi-1"}, "spec": {"nodeName": "w1"}}]
        with pytest.raises(NodeError, match="volume csi-1"):
            leaving.drain_node(node, {**NODE, "drain_timeout": 0.1})

    @pytest.mark.parametrize(
        "volume",
        [
            {"name": "data", "persistentVolumeClaim": {"claimName": "agent-data"}},
            {"name": "data", "ephemeral": {"volumeClaimTemplate": {}}},
        ],
        ids=["claim", "ephemeral"],
    )
    def test_does_not_wait_for_volumes_of_pods_that_stay(
        self, node: System, api: Answering, volume: dict[str, Any]
    ) -> None:
        api.lists[drain.PODS] = [{**pod("agent", "DaemonSet"), "spec": {"volumes": [volume]}}]
        claim = "/api/v1/namespaces/a/persistentvolumeclaims/agent-data"
        api.objects[claim] = {"metadata": {"name": "agent-data"}, "spec": {"volumeName": "pv-agent"}}
        of_agent = {"nodeName": "w1", "source": {"persistentVolumeName": "pv-agent"}}
        api.lists[drain.ATTACHMENTS] = [{"metadata": {"name": "csi-agent"}, "spec": of_agent}]
        assert leaving.drain_node(node, NODE)["changed"]
        of_web = {**of_agent, "source": {"persistentVolumeName": "pv-web"}}
        api.lists[drain.ATTACHMENTS].append({"metadata": {"name": "csi-web"}, "spec": of_web})
        with pytest.raises(NodeError, match="volume csi-web") as caught:
            leaving.drain_node(node, {**NODE, "drain_timeout": 0.1})
        assert "csi-agent" not in caught.value.cause

    def test_evicts_nothing_of_a_dead_node(self, node: System, api: Answering) -> None:
        api.lists[drain.PODS] = [pod("web")]
        assert leaving.drain_node(node, {**NODE, "offline": True}) == {"changed": True, "evicted": []}

    def test_does_nothing_where_the_node_is_gone(self, node: System, api: Answering) -> None:
        del api.objects["/api/v1/nodes/w1"]
        assert leaving.drain_node(node, NODE) == {"changed": False}


class TestBudgets:
    @pytest.mark.parametrize(
        ("selector", "matches"),
        [
            ({"matchLabels": {"app": "web"}}, True),
            ({"matchLabels": {"app": "other"}}, False),
            ({}, True),
            (None, False),
            ({"matchExpressions": [{"key": "app", "operator": "In", "values": ["web"]}]}, True),
            ({"matchExpressions": [{"key": "app", "operator": "NotIn", "values": ["web"]}]}, False),
            ({"matchExpressions": [{"key": "app", "operator": "Exists"}]}, True),
            ({"matchExpressions": [{"key": "app", "operator": "DoesNotExist"}]}, False),
        ],
    )
    def test_selectors(self, client: Client, api: Answering, selector: Any, matches: bool) -> None:
        budget = {"metadata": {"name": "b", "namespace": "a"}, "spec": {"selector": selector, "minAvailable": 1}}
        api.lists[drain.BUDGETS] = [budget]
        found = drain.budgets(client, [pod("web")])
        assert [each["pods"] for each in found] == ([["a/web"]] if matches else [])

    @pytest.mark.parametrize(
        ("phase", "matches"), [("Running", True), ("Pending", False), ("Succeeded", False), ("Failed", False)]
    )
    def test_do_not_concern_pods_that_are_evicted_whatever_they_say(
        self, client: Client, api: Answering, phase: str, matches: bool
    ) -> None:
        api.lists[drain.BUDGETS] = [{"metadata": {"name": "b", "namespace": "a"}, "spec": {"selector": {}}}]
        assert bool(drain.budgets(client, [{**pod("web"), "status": {"phase": phase}}])) is matches


class TestDelete:
    PLACE: ClassVar[dict[str, str]] = {"address": "10.0.0.21", "machine_id": "c0ffee"}
    LEAVING: ClassVar[dict[str, Any]] = {"fan_out": {"cp1": "d"}, "leaving": {"w1": PLACE}}

    @pytest.fixture(autouse=True)
    def _place(self, api: Answering) -> None:
        addresses = [{"type": "InternalIP", "address": self.PLACE["address"]}]
        status = {"addresses": addresses, "nodeInfo": {"machineID": self.PLACE["machine_id"]}}
        api.objects["/api/v1/nodes/w1"]["status"] = status

    def test_node_and_record(self, node: System, api: Answering) -> None:
        assert leaving.delete_node(node, NODE)["changed"]
        assert "/api/v1/nodes/w1" not in api.objects
        assert api.record() == self.LEAVING
        assert not leaving.delete_node(node, NODE)["changed"]
        assert api.record() == self.LEAVING, "where it was is not forgotten when its Node is gone"

    def test_names_of_a_control_plane_are_recorded_beside_earlier_ones(self, node: System, api: Answering) -> None:
        for names in (["cp9", "192.0.2.9"], ["cp8", "cp9"], []):
            leaving.delete_node(node, {**NODE, "certificate_names": names})
        assert (api.record() or {})["former_names"] == ["192.0.2.9", "cp8", "cp9"]

    def test_they_are_recorded_before_the_node_goes(
        self, node: System, api: Answering, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def killed(*_: object, **__: object) -> bool:
            raise RuntimeError("killed")

        monkeypatch.setattr(Client, "delete", killed)
        with pytest.raises(RuntimeError):
            leaving.delete_node(node, {**NODE, "certificate_names": ["cp9"]})
        assert api.record() == {**self.LEAVING, "former_names": ["cp9"]}

    def test_of_a_node_that_is_gone_already(self, node: System, api: Answering) -> None:
        del api.objects["/api/v1/nodes/w1"]
        assert leaving.delete_node(node, NODE)["changed"]
        assert api.record() == {"fan_out": {"cp1": "d"}, "leaving": {"w1": {}}}

    def test_the_record_forgets_it_when_all_is_done(self, node: System, client: Client, api: Answering) -> None:
        leaving.delete_node(node, NODE)
        leaving.delete_node(node, {**NODE, "node": "w2"})
        assert record.note_end(client, {"cp1": "e"}, ["w1"], {}, changed_before=True)
        assert api.record() == {"fan_out": {"cp1": "e"}, "leaving": {"w2": {}}}
        assert record.note_end(client, {"w2": "e"}, [], {}, changed_before=True)
        assert api.record() == {"fan_out": {"cp1": "e", "w2": "e"}}, "it joined again"

    def test_pods_of_a_dead_node_go_at_once(self, node: System, api: Answering) -> None:
        api.lists[drain.PODS] = [pod("web"), pod("agent", "DaemonSet")]
        assert leaving.delete_node(node, {**NODE, "offline": True})["deleted_pods"] == ["a/web", "a/agent"]
        assert api.lists[drain.PODS] == []


class FakeEtcd:
    """etcd's members, and in turn what was done to them."""

    def __init__(self, *names: str, dead: tuple[str, ...] = ()) -> None:
        self.done: list[str] = []
        self.listed = [Member(name, name, "", learner=False, started=True, healthy=name not in dead) for name in names]

    def members(self, *, linearizable: bool) -> list[Member]:
        """As etcd tells them; only what a majority agrees on will do."""
        assert linearizable
        return self.listed

    def remove(self, identity: str) -> None:
        """Remove a member."""
        self.done.append(f"remove {identity}")
        self.listed = [member for member in self.listed if member.member_id != identity]


class TestMember:
    """A member goes where that is safe on fresh state."""

    def remove(self, node: System, monkeypatch: pytest.MonkeyPatch, fake: FakeEtcd, *members: str) -> dict[str, Any]:
        """Have the members removed."""
        monkeypatch.setattr(etcd, "Etcd", lambda *_: fake)
        return leaving.remove_member(node, {**NODE, "members": list(members)})

    def test_only_the_one_that_was_named(self, node: System, monkeypatch: pytest.MonkeyPatch) -> None:
        fake = FakeEtcd("a", "b", "c")
        answer = self.remove(node, monkeypatch, fake, "b")
        assert fake.done == ["remove b"]
        assert answer == {"changed": True, "removed_members": ["b"]}

    def test_none_where_it_is_gone(self, node: System, monkeypatch: pytest.MonkeyPatch) -> None:
        fake = FakeEtcd("a", "c")
        answer = self.remove(node, monkeypatch, fake, "b")
        assert fake.done == []
        assert answer == {"changed": False, "removed_members": []}

    def test_a_removal_that_would_cost_the_majority(self, node: System, monkeypatch: pytest.MonkeyPatch) -> None:
        fake = FakeEtcd("a", "b", "c", dead=("c",))
        with pytest.raises(NodeError, match="may not be removed"):
            self.remove(node, monkeypatch, fake, "b")
        assert "remove b" not in fake.done


@pytest.mark.parametrize(
    ("healthy", "leaves", "safe"),
    [("ttt", 0, True), ("ttf", 2, True), ("ttf", 0, False), ("tf", 1, False), ("t", 0, False)],
)
def test_guard_of_a_member_that_leaves(healthy: str, leaves: int, safe: bool) -> None:
    members = [
        Member(str(number), str(number), "", learner=False, started=True, healthy=state == "t")
        for number, state in enumerate(healthy)
    ]
    assert (quorum.leaving_refusal(members, str(leaves)) is None) is safe
