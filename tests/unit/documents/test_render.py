from __future__ import annotations

import json
from typing import Any

import yaml
from hypothesis import given
from hypothesis import strategies as st

from kubewright.documents.render import merged, to_json, to_yaml

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda children: st.lists(children, max_size=3) | st.dictionaries(st.text(), children, max_size=3),
    max_leaves=8,
)
OBJECTS = st.dictionaries(st.text(), VALUES, max_size=4)


class TestMerged:
    def test_goes_into_objects_and_replaces_lists(self) -> None:
        base = {"a": {"b": 1, "c": [1]}, "d": 2}
        assert merged(base, {"a": {"c": [2], "e": 3}, "d": {"f": 4}}) == {
            "a": {"b": 1, "c": [2], "e": 3},
            "d": {"f": 4},
        }

    @given(OBJECTS, OBJECTS)
    def test_twice_is_once_and_arguments_stay(self, base: dict[str, Any], extra: dict[str, Any]) -> None:
        before = json.dumps([base, extra])
        once = merged(base, extra)
        assert merged(once, extra) == once
        assert json.dumps([base, extra]) == before

    @given(OBJECTS)
    def test_nothing_changes_nothing(self, base: dict[str, Any]) -> None:
        assert merged(base, {}) == base


class TestText:
    @given(st.lists(OBJECTS, min_size=1, max_size=3))
    def test_yaml_comes_back_as_it_was(self, documents: list[dict[str, Any]]) -> None:
        assert list(yaml.safe_load_all(to_yaml(*documents))) == documents

    def test_yaml_has_no_anchors(self) -> None:
        shared = {"k8s-app": "kube-dns"}
        assert "&" not in to_yaml({"a": shared, "b": shared})

    def test_json_ends_its_last_line(self) -> None:
        assert to_json({"a": 1}) == '{\n  "a": 1\n}\n'
