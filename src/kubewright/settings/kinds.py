"""Kinds of values of settings that kubewright does not honour: enough to tell a value that cannot be meant."""

from __future__ import annotations

import re
from typing import Any

_BOOLEAN_TEXTS = ("true", "false", "yes", "no", "on", "off", "y", "n", "0", "1", "t", "f")
_NAMES = {
    "boolean": "true or false",
    "integer": "a whole number",
    "number": "a number",
    "list": "a list",
    "mapping": "a mapping",
    "text": "a text",
}


def mismatch(kind: str, value: Any) -> str:
    """Return what is wrong with a value of this kind; empty if nothing is, or if that is not known."""
    if value is None or is_template(value) or _fits(kind, value) is not False:
        return ""
    return (
        f"its value is no {_NAMES[kind].removeprefix('a ')}" if kind != "boolean" else "its value is not true or false"
    )


def is_template(value: Any) -> bool:
    """Whether it is a text that Ansible would evaluate."""
    return isinstance(value, str) and ("{{" in value or "{%" in value)


def _fits(kind: str, value: Any) -> bool | None:
    """Whether the value is of the kind; ``None`` where that cannot be said."""
    if kind == "boolean":
        return isinstance(value, bool) or value in (0, 1) or str(value).lower() in _BOOLEAN_TEXTS
    if kind == "integer":
        return isinstance(value, int) or re.fullmatch(r"\s*-?\d+\s*", str(value)) is not None
    if kind == "number":
        return isinstance(value, (int, float)) or re.fullmatch(r"\s*-?\d+(\.\d+)?\s*", str(value)) is not None
    if kind in ("list", "mapping"):
        wanted = list if kind == "list" else dict
        return isinstance(value, wanted) or (isinstance(value, (str, bool)) and not value)
    return None if kind == "any" else not isinstance(value, (list, dict))
