"""Templated values, evaluated once for each distinct set of inputs and not once a host.

Most values of a large inventory are the same objects for all hosts of a group. A template is evaluated again only where
one of the variables that it can refer to, directly or by way of others, is another object.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

_IDENTIFIER = re.compile(r"[A-Za-z_]\w*")
_LOOKUPS = frozenset({"lookup", "query", "q", "url"})
_UNPREDICTABLE = _LOOKUPS | {"vars", "hostvars", "varnames", "random", "shuffle", "now", "undef", "password_hash"}
"""What makes a template's inputs unknowable from its text."""

MAX_DEPTH = 50
MAX_VALUES = 100_000


class UnwieldyError(Exception):
    """A value is too large or too deep to be evaluated."""


class Evaluator:
    """Values by the objects that they are made of; holds on to these, so that an identity means one object."""

    def __init__(self) -> None:
        self._identifiers: dict[int, tuple[Any, frozenset[str]]] = {}
        self._results: dict[tuple[Any, ...], tuple[Any, Exception | None]] = {}

    def evaluate(self, name: str, raw: Mapping[str, Any], template: Callable[[Any], Any]) -> Any:
        """Return the variable's value.

        Raises:
            UnwieldyError: it or what it refers to is too large or too deep.
            Exception: what ``template`` raises; the same object for all that share the result.

        """
        inputs = self._inputs(name, raw)
        if inputs is None:
            return template(raw[name])
        key = (id(raw[name]), *inputs)
        if key not in self._results:
            try:
                self._results[key] = template(raw[name]), None
            except Exception as error:  # noqa: BLE001  kept for all hosts that share it, and raised for each
                self._results[key] = None, error
        value, failure = self._results[key]
        if failure is not None:
            raise failure
        return value

    def calls_outside(self, name: str, raw: Mapping[str, Any]) -> bool:
        """Whether evaluating it can read or write files, run programs or use the network: it has a lookup."""
        return any(self._words(raw[each]) & _LOOKUPS for each in (name, *self._dependencies(name, raw)))

    def is_constant(self, value: Any) -> bool:
        """Whether it is the same whatever other variables are: it has no template that could refer to one."""
        try:
            return not self._words(value)
        except UnwieldyError:
            return False

    def _inputs(self, name: str, raw: Mapping[str, Any]) -> tuple[Any, ...] | None:
        """Return which objects the value is made of; ``None`` if its text does not tell."""
        if not self._words(raw[name]):
            return ()
        dependencies = self._dependencies(name, raw)
        if any(self._words(raw[each]) & _UNPREDICTABLE for each in (name, *dependencies)):
            return None
        return tuple((each, self._identity(raw[each])) for each in dependencies)

    def _identity(self, value: Any) -> Any:
        """Return what tells a value from another: of plain texts their letters, of all else which object it is."""
        return str(value) if isinstance(value, str) and not self._words(value) else id(value)

    def _dependencies(self, name: str, raw: Mapping[str, Any]) -> list[str]:
        """Return the variables that the value can refer to, in a fixed order."""
        found: dict[str, None] = {}
        pending = [name]
        while pending:
            for word in sorted(self._words(raw[pending.pop()])):
                if word != name and word not in found and word in raw and word not in _UNPREDICTABLE:
                    found[word] = None
                    pending.append(word)
        return list(found)

    def _words(self, value: Any) -> frozenset[str]:
        """Return the identifiers in a value's templates."""
        known = self._identifiers.get(id(value))
        if known is None:
            if reason := unwieldy(value):
                raise UnwieldyError(f"{reason} (it, or a variable that it refers to)")
            words = frozenset(word for text in _templates(value) for word in _IDENTIFIER.findall(text))
            known = self._identifiers[id(value)] = (value, words)
        return known[1]


def unwieldy(value: Any) -> str:
    """Say why a value is too large or too deep to be anybody's setting; empty for one that is not.

    YAML's aliases let a few lines stand for more values than a machine can hold, so that each is counted as often as it
    is meant.
    """
    pending: list[tuple[Any, int]] = [(value, 0)]
    count = 0
    while pending:
        each, depth = pending.pop()
        count += 1
        if depth > MAX_DEPTH:
            return f"it is nested more than {MAX_DEPTH} levels deep"
        if count > MAX_VALUES:
            return f"it has more than {MAX_VALUES:,} values"
        if isinstance(each, dict):
            pending.extend((item, depth + 1) for pair in dict.items(each) for item in pair)
        elif isinstance(each, (list, tuple)):
            pending.extend((item, depth + 1) for item in each)
    return ""


def _templates(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        if "{{" in value or "{%" in value:
            yield value
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from _templates(key)
            yield from _templates(item)
    elif isinstance(value, (list, tuple)):
        for item in value:
            yield from _templates(item)
