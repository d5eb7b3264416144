from __future__ import annotations

import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.kubewright.cluster.plugins.module_utils import applyset, nodemetadata, rollout
from ansible_collections.kubewright.cluster.plugins.module_utils.errors import NodeError

CONFIG: dict[str, Any] = {
    "apiVersion": "v1",
    "kind": "ConfigMap",
    "metadata": {"name": "a", "namespace": "b"},
    "data": {"x": "1"},
}


def live(**changes: Any) -> dict[str, Any]:
    item = applyset.prepared({**CONFIG, **changes})
    item["metadata"].update(resourceVersion="7", uid="u", generation=3, managedFields=[{}], creationTimestamp="t")
    return {**item, "status": {"phase": "x"}}


class TestDifferences:
    def test_what_the_server_keeps_is_no_difference(self) -> None:
        assert applyset.differences(live(), applyset.prepared(CONFIG)) == []

    def test_are_told_field_by_field(self) -> None:
        after = applyset.prepared({**CONFIG, "data": {"x": "2", "y": [1]}})
        assert applyset.differences(live(), after) == [
            {"path": "data.x", "before": "1", "after": "2"},
            {"path": "data.y", "before": None, "after": [1]},
        ]

    def test_lists_of_equal_length_are_compared_by_item(self) -> None:
        found = applyset.differences({"spec": [{"a": 1}, {"a": 2}]}, {"spec": [{"a": 1}, {"a": 3}]})
        assert [entry["path"] for entry in found] == ["spec[1].a"]

    def test_a_secret_never_shows_its_content(self) -> None:
        secret = {"kind": "Secret", "metadata": {"name": "s"}, "data": {"k": "c2VjcmV0"}}
        for before in (None, {**secret, "data": {"k": "b2xk"}}):
            assert "c2VjcmV0" not in str(applyset.differences(before, secret))
            assert "b2xk" not in str(applyset.differences(before, secret))

    def test_the_digest_does_not_depend_on_the_order_of_keys(self) -> None:
        assert applyset.digest(CONFIG) == applyset.digest(dict(reversed(CONFIG.items())))

    def test_preparing_leaves_the_document_alone(self) -> None:
        before = {**CONFIG, "metadata": dict(CONFIG["metadata"])}
        applyset.prepared(CONFIG)
        assert before == CONFIG


SCALARS = st.none() | st.booleans() | st.integers(-3, 3) | st.text("abm0", max_size=3)
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abc"), inner, max_size=3)
)
OBJECTS = st.dictionaries(st.sampled_from(["spec", "data", "rules"]), VALUES, min_size=1)


def with_more(value: Any) -> Any:
    """A value with a field more in every mapping, as servers fill in defaults."""
    if isinstance(value, dict):
        return {**{key: with_more(part) for key, part in value.items()}, "filled-in": "x"}
    return [with_more(part) for part in value] if isinstance(value, list) else value


def leaves(value: Any, *way: Any) -> list[tuple[Any, ...]]:
    """The ways to all values that are neither a mapping nor a list."""
    parts = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else None
    return [way] if parts is None else [found for key, part in parts for found in leaves(part, *way, key)]


class TestHolds:
    @given(OBJECTS)
    def test_what_has_more_than_is_wanted_holds_it(self, wanted: dict[str, Any]) -> None:
        assert applyset.holds(with_more(wanted), wanted)

    @given(OBJECTS, st.data())
    def test_no_change_of_a_value_is_overlooked(self, wanted: dict[str, Any], data: st.DataObject) -> None:
        changed = with_more(wanted)
        ways = leaves(wanted)
        if not ways:
            return
        *way, last = data.draw(st.sampled_from(ways))
        place = changed
        for key in way:
            place = place[key]
        place[last] = data.draw(
            SCALARS.filter(lambda value: value != place[last] or type(value) is not type(place[last]))
        )
        assert not applyset.holds(changed, wanted)

    @pytest.mark.parametrize(
        ("found", "wanted"),
        [
            ({"cpu": "500m"}, {"cpu": "0.5"}),
            ({"args": ["a", "b"]}, {"args": ["a"]}),
            ({"args": ["b", "a"]}, {"args": ["a", "b"]}),
            ({}, {"a": None}),
            ({"a": 1}, {"a": True}),
            ({"a": {}}, {"a": []}),
        ],
    )
    def test_what_the_server_has_to_judge(self, found: dict[str, Any], wanted: dict[str, Any]) -> None:
        assert not applyset.holds({"spec": found}, {"spec": wanted})

    def test_what_is_not_there(self) -> None:
        assert not applyset.holds(None, CONFIG)

    def test_what_the_server_keeps_is_not_looked_at(self) -> None:
        wanted = {**CONFIG, "metadata": {**CONFIG["metadata"], "creationTimestamp": None}, "status": {}}
        assert applyset.holds(live(), wanted)

    def test_whose_fields_they_are(self) -> None:
        assert not applyset.managed({"metadata": {"managedFields": [{"manager": "kubeadm"}]}})
        assert not applyset.managed({"metadata": {}})
        assert applyset.managed({"metadata": {"managedFields": [{"manager": "kubeadm"}, {"manager": "kubewright"}]}})


class Server:
    """Stands in for the API: has one object, and keeps what was applied to it."""

    def __init__(self, item: dict[str, Any]) -> None:
        self.item = item
        self.asked: list[bool] = []

    def find(self, _path: str) -> dict[str, Any]:
        """The object."""
        return copy.deepcopy(self.item)

    def apply(self, _path: str, item: dict[str, Any], *, dry_run: bool = False) -> dict[str, Any]:
        """What an apply makes of it."""
        self.asked.append(dry_run)
        return {**self.item, **item, "metadata": {**self.item["metadata"], **item["metadata"]}}

    def of(self, _name: str) -> str:
        """The path of any object."""
        return "/x"


class TestApplyOne:
    @pytest.mark.parametrize("check", [True, False])
    def test_what_is_so_already_is_not_asked_about(self, *, check: bool) -> None:
        server: Any = Server(live(immutable=False) | {"immutable": False})
        assert applyset.apply_one(server, server, {**CONFIG, "immutable": False}, check=check) is None
        assert server.asked == []

    def test_a_change_of_somebodys_is_told_by_a_dry_run(self) -> None:
        changed = live()
        changed["data"] = {"x": "2"}
        server: Any = Server(changed)
        change = applyset.apply_one(server, server, CONFIG, check=True)
        assert change is not None
        assert (change["action"], change["fields"]) == ("change", [{"path": "data.x", "before": "2", "after": "1"}])
        assert server.asked == [True]

    def test_what_was_wanted_otherwise_before_is_asked_about(self) -> None:
        """It may have fields that are wanted no longer; only the server knows whose they are."""
        server: Any = Server(live(data={"x": "1", "y": "2"}))
        change = applyset.apply_one(server, server, CONFIG, check=True)
        assert change is not None
        assert change["action"] == "change"
        assert server.asked == [True]


def node(labels: dict[str, str], taints: list[dict[str, str]], annotations: dict[str, str]) -> dict[str, Any]:
    return {
        "metadata": {"name": "n", "resourceVersion": "5", "labels": labels, "annotations": annotations},
        "spec": {"taints": taints},
    }


FOREIGN = {"key": "theirs", "effect": "NoSchedule"}


class TestNodeMetadata:
    def test_sets_ours_and_leaves_others(self) -> None:
        body, fields = nodemetadata.patch(
            node({"theirs": "1"}, [FOREIGN], {}), {"labels": {"ours": "2"}, "taints": ["a=b:NoExecute"]}
        )
        assert body is not None
        assert body["metadata"]["labels"] == {"ours": "2"}
        assert body["spec"]["taints"] == [FOREIGN, {"key": "a", "value": "b", "effect": "NoExecute"}]
        assert body["metadata"]["resourceVersion"] == "5"
        assert [entry["path"] for entry in fields] == [
            "metadata.labels.ours",
            f"metadata.annotations.{nodemetadata.LABELS}",
            f"metadata.annotations.{nodemetadata.TAINTS}",
            "spec.taints",
        ]

    def test_removes_only_what_it_set_earlier(self) -> None:
        notes = {nodemetadata.LABELS: '["ours", "gone"]', nodemetadata.TAINTS: '["a:NoExecute"]'}
        taints = [FOREIGN, {"key": "a", "value": "b", "effect": "NoExecute"}]
        body, _ = nodemetadata.patch(node({"ours": "2", "theirs": "1"}, taints, notes), {})
        assert body is not None
        assert body["metadata"]["labels"] == {"ours": None}
        assert body["spec"]["taints"] == [FOREIGN]

    def test_what_is_remembered_of_ours_is_drift_too(self) -> None:
        """Without it, a label that nobody wants any more would stay."""
        wanted = {"labels": {"ours": "2"}, "taints": []}
        body, fields = nodemetadata.patch(node({"ours": "2"}, [], {}), wanted)
        assert body is not None
        assert body["metadata"]["annotations"] == {nodemetadata.LABELS: '["ours"]'}
        path = f"metadata.annotations.{nodemetadata.LABELS}"
        assert fields == [{"path": path, "before": None, "after": '["ours"]'}]

    def test_nothing_to_do_is_no_patch(self) -> None:
        wanted = {"labels": {"ours": "2"}, "taints": [{"key": "a", "effect": "NoSchedule"}]}
        notes = {nodemetadata.LABELS: '["ours"]', nodemetadata.TAINTS: '["a:NoSchedule"]'}
        taints = [{"key": "a", "effect": "NoSchedule", "timeAdded": "2026-01-01T00:00:00Z"}]
        assert nodemetadata.patch(node({"ours": "2"}, taints, notes), wanted) == (None, [])
        assert nodemetadata.patch(node({"theirs": "1"}, [FOREIGN], {}), {}) == (None, [])

    @pytest.mark.parametrize("taint", ["a", "a:Never", ":NoSchedule", 3, {"key": "a"}])
    def test_what_is_no_taint_is_refused(self, taint: object) -> None:
        with pytest.raises(NodeError, match="taint"):
            nodemetadata.parse_taint(taint)

    @pytest.mark.parametrize(
        ("taint", "parsed"),
        [
            ("a:NoSchedule", {"key": "a", "effect": "NoSchedule"}),
            ("a.b/c=d:NoExecute", {"key": "a.b/c", "value": "d", "effect": "NoExecute"}),
            ({"key": "a", "value": "b", "effect": "NoSchedule"}, {"key": "a", "value": "b", "effect": "NoSchedule"}),
        ],
    )
    def test_taints_are_read_as_text_and_as_objects(self, taint: object, parsed: dict[str, str]) -> None:
        assert nodemetadata.parse_taint(taint) == parsed


class TestRollout:
    @pytest.mark.parametrize(
        ("available", "updated", "silent", "answer"),
        [(3, 3, 0, True), (2, 3, 0, False), (2, 3, 1, True), (3, 2, 0, False), (0, 0, 3, True)],
    )
    def test_a_daemon_set_may_miss_its_pod_on_a_silent_node(
        self, available: int, updated: int, silent: int, answer: bool
    ) -> None:
        status = {"desiredNumberScheduled": 3, "numberAvailable": available, "updatedNumberScheduled": updated}
        assert rollout.daemon_set_available({"status": status}, silent) is answer

    def test_a_daemon_set_that_the_controller_has_not_seen_is_not_available(self) -> None:
        assert not rollout.daemon_set_available({"status": {}}, 0)

    @pytest.mark.parametrize(
        ("condition", "updated", "answer"), [("True", 2, True), ("False", 2, False), ("True", 1, False)]
    )
    def test_a_deployment_goes_by_its_condition(self, condition: str, updated: int, answer: bool) -> None:
        status = {"conditions": [{"type": "Available", "status": condition}], "updatedReplicas": updated}
        assert rollout.deployment_available({"spec": {"replicas": 2}, "status": status}) is answer
