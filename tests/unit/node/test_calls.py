"""The calls that the controller can make, and what is said of them."""

from __future__ import annotations

import importlib
import re
from pathlib import Path

import pytest

from ansible_collections.kubewright.cluster.plugins.module_utils import calls, entry

(FOLDER,) = map(Path, calls.__path__)
NAMES = sorted(path.stem for path in FOLDER.glob("*.py") if path.stem != "__init__")
KINDS = {"str": str, "bool": bool, "int": int, "float": float, "list": list, "dict": dict}


def described(docstring: str | None) -> set[str]:
    """The names in a docstring's section of arguments."""
    section = (docstring or "").partition("\nArgs:\n")[2]
    return set(re.findall(r"^    (\w+): ", section, re.MULTILINE))


@pytest.mark.parametrize("name", NAMES)
class TestCall:
    def test_says_what_each_argument_is(self, name: str) -> None:
        module = importlib.import_module(f"{calls.__name__}.{name}")
        assert described(module.__doc__) == set(module.CALL.arguments) - set(entry.LOCK_ARGUMENTS)

    def test_has_defaults_of_the_right_type(self, name: str) -> None:
        call: entry.Call = importlib.import_module(f"{calls.__name__}.{name}").CALL
        for argument in call.all_arguments.values():
            assert isinstance(argument.get("default", KINDS[argument["type"]]()), KINDS[argument["type"]])
            assert not (argument.get("required") and "default" in argument)
