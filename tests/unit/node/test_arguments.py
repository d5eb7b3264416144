"""What a call takes is checked before it does anything, and what is secret of it is told to nobody."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.kubewright.cluster.plugins.module_utils.arguments import (
    Specification,
    checked,
    secrets,
    without,
)
from ansible_collections.kubewright.cluster.plugins.module_utils.errors import INTERNAL, NodeError

TAKES: Specification = {
    "name": {"type": "str", "required": True},
    "seconds": {"type": "float", "default": 5.0},
    "ports": {"type": "list", "elements": "int", "default": []},
    "kind": {"type": "str", "choices": ["lease", "file"], "default": "lease"},
    "force": {"type": "bool", "default": False},
    "record": {"type": "dict"},
    "token": {"type": "str", "no_log": True},
    "peers": {
        "type": "list",
        "elements": "dict",
        "options": {"ip": {"type": "str", "required": True}, "key": {"type": "str", "no_log": True}},
    },
}


class TestChecked:
    def test_what_is_not_given_has_its_default(self) -> None:
        assert checked("c", TAKES, {"name": "w1", "record": None}) == {
            "name": "w1",
            "seconds": 5.0,
            "ports": [],
            "kind": "lease",
            "force": False,
            "record": None,
            "token": None,
            "peers": None,
        }

    def test_what_is_given_is_kept(self) -> None:
        given: dict[str, Any] = {
            "name": "",
            "seconds": 3,
            "ports": [22],
            "kind": "file",
            "force": True,
            "record": {"a": 1},
            "token": "t",
            "peers": [{"ip": "10.0.0.1"}],
        }
        assert checked("c", TAKES, given) == {**given, "peers": [{"ip": "10.0.0.1", "key": None}]}

    @pytest.mark.parametrize(
        ("given", "where", "cause"),
        [
            ({}, "call c.name", "it is missing"),
            ({"name": None}, "call c.name", "it is missing"),
            ({"name": "a", "nmae": "b"}, "call c", "there is no argument nmae"),
            ({"name": 1}, "call c.name", "has to be of type str and is of type int"),
            ({"name": "a", "seconds": "soon"}, "call c.seconds", "of type float"),
            ({"name": "a", "seconds": True}, "call c.seconds", "of type float and is of type bool"),
            ({"name": "a", "force": 1}, "call c.force", "of type bool"),
            ({"name": "a", "kind": "both"}, "call c.kind", "it is none of lease, file"),
            ({"name": "a", "ports": "22"}, "call c.ports", "of type list"),
            ({"name": "a", "ports": [22, "x"]}, "call c.ports[1]", "of type int"),
            ({"name": "a", "record": []}, "call c.record", "of type dict"),
            ({"name": "a", "peers": [{"ip": "x"}, {}]}, "call c.peers[1].ip", "it is missing"),
        ],
    )
    def test_what_does_not_fit_is_refused(self, given: dict[str, Any], where: str, cause: str) -> None:
        with pytest.raises(NodeError) as told:
            checked("c", TAKES, given)
        assert told.value.subject == where
        assert cause in told.value.cause
        assert told.value.exit_code == INTERNAL

    def test_a_secret_of_the_wrong_type_is_not_shown(self) -> None:
        with pytest.raises(NodeError) as told:
            checked("c", TAKES, {"name": "a", "token": 987654})
        assert "987654" not in str(told.value)


class TestSecrets:
    def test_are_hidden_wherever_they_stand(self) -> None:
        given = {"name": "w1", "token": "abc.def", "peers": [{"ip": "10.0.0.1", "key": "abc.def.ghi"}]}
        hidden = secrets(TAKES, given)
        told = {
            "msg": "no abc.def.ghi for w1",
            "lines": ["token abc.def", 3],
            "deep": {"x": ("abc.def",)},
            "none": None,
        }
        assert without(hidden, told) == {
            "msg": "no (hidden) for w1",
            "lines": ["token (hidden)", 3],
            "deep": {"x": ["(hidden)"]},
            "none": None,
        }

    @pytest.mark.parametrize("peers", ["abc", ["abc"], {"key": "abc"}, 3])
    def test_what_is_of_another_type_has_none(self, peers: object) -> None:
        assert secrets(TAKES, {"name": "w1", "peers": peers}) == []

    def test_no_secret_is_no_text(self) -> None:
        """An empty one would be found between all letters."""
        assert secrets(TAKES, {"name": "w1", "token": ""}) == []
        assert without([], {"msg": "a"}) == {"msg": "a"}
