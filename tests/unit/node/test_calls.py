"""The calls that the controller can make, and what is said of them."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from ansible_collections.kubewright.cluster.plugins.module_utils import calls, entry
from ansible_collections.kubewright.cluster.plugins.modules import node


def described(docstring: str | None) -> set[str]:
    """The names in a docstring's section of arguments."""
    section = (docstring or "").partition("\nArgs:\n")[2]
    return set(re.findall(r"^    (\w+): ", section, re.MULTILINE))


def test_every_file_is_a_call() -> None:
    (folder,) = calls.__path__
    assert {path.stem for path in Path(folder).glob("*.py")} - {"__init__"} == set(node.CALLS)


def test_every_call_is_documented() -> None:
    options = yaml.safe_load(node.DOCUMENTATION)["options"]
    assert list(options) == sorted(node.CALLS)
    assert all(option["description"] for option in options.values())


@pytest.mark.parametrize("name", node.CALLS)
class TestCall:
    def test_says_what_each_argument_is(self, name: str) -> None:
        call = node.CALLS[name]()
        module = __import__(call.work.__module__, fromlist=["__doc__"])
        assert described(module.__doc__) == set(call.arguments) - set(entry.LOCK_ARGUMENTS)

    def test_has_defaults_of_the_right_type(self, name: str) -> None:
        kinds = {"str": str, "path": str, "bool": bool, "int": int, "float": float, "list": list, "dict": dict}
        for argument in node.CALLS[name]().arguments.values():
            assert isinstance(argument.get("default", kinds[argument["type"]]()), kinds[argument["type"]])
            assert not (argument.get("required") and "default" in argument)
