from __future__ import annotations

from typing import Any

import pytest

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
