"""Whether a call got the arguments that it takes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ansible_collections.kubewright.cluster.plugins.module_utils.errors import INTERNAL, NodeError

_KINDS: dict[str, Any] = {"str": str, "bool": bool, "int": int, "float": (int, float), "list": list, "dict": dict}

Specification = dict[str, dict[str, Any]]
"""By name what an argument is, in the words of Ansible's argument specifications: ``type`` (str, bool, int, float, list
or dict), ``required``, ``default``, ``choices``, ``elements`` and ``options`` of lists, ``no_log`` where it is secret.
"""


def checked(where: str, specification: Specification, given: dict[str, Any]) -> dict[str, Any]:
    """Return the arguments with what was not given: defaults, or None.

    Raises:
        NodeError: one is unknown, missing or of another type. ``where`` says whose it is; its value is not shown.

    """
    unknown = sorted(set(given) - set(specification))
    if unknown:
        raise _error(where, "there is no argument %s" % ", ".join(unknown))
    return {
        name: _value("%s.%s" % (where, name), argument, given.get(name)) for name, argument in specification.items()
    }


def _value(where: str, argument: dict[str, Any], value: Any) -> Any:
    if value is None:
        if argument.get("required"):
            raise _error(where, "it is missing")
        return argument.get("default")
    _typed(where, argument["type"], value)
    if value not in argument.get("choices", (value,)):
        raise _error(where, "it is none of %s" % ", ".join(argument["choices"]))
    if "elements" in argument:
        for index, element in enumerate(value):
            _typed("%s[%d]" % (where, index), argument["elements"], element)
    if "options" in argument:
        return [checked("%s[%d]" % (where, index), argument["options"], each) for index, each in enumerate(value)]
    return value


def _typed(where: str, kind: str, value: Any) -> None:
    # To Python, True is an integer.
    if not isinstance(value, _KINDS[kind]) or (isinstance(value, bool) and kind != "bool"):
        raise _error(where, "it has to be of type %s and is of type %s" % (kind, type(value).__name__))


def _error(where: str, cause: str) -> NodeError:
    return NodeError("call %s" % where, cause, "The controller and the node side do not fit: report this", INTERNAL)


def secrets(specification: Specification, arguments: dict[str, Any]) -> list[str]:
    """Return the values that must not appear in what a call tells, longest first."""
    found: set[str] = set()
    for name, argument in specification.items():
        value = arguments.get(name)
        if argument.get("no_log"):
            found.update(_texts(value))
        if "options" in argument and isinstance(value, list):
            # Of another type it is refused, and has nothing that would be told.
            for each in value:
                found.update(secrets(argument["options"], each) if isinstance(each, dict) else ())
    return sorted(found - {""}, key=len, reverse=True)


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, (list, dict)):
        for part in value.values() if isinstance(value, dict) else value:
            yield from _texts(part)


def without(hidden: list[str], value: Any) -> Any:
    """Return a result without secrets in any of its texts."""
    if isinstance(value, dict):
        return {key: without(hidden, part) for key, part in value.items()}
    if isinstance(value, (list, tuple)):
        return [without(hidden, part) for part in value]
    if isinstance(value, str):
        for secret in hidden:
            value = value.replace(secret, "(hidden)")
    return value
