"""Read the plain block YAML that Kubernetes' own tools write, without PyYAML (a bare node has none).

Only mappings, lists, and plain or quoted scalars on one line are understood, all scalars as text; anything else
(anchors, flow collections with content, block scalars) is an error, never a guess. JSON, being YAML, is read too.
:func:`written` gives one spelling to what says the same, so that two texts can be compared line by line.
"""

from __future__ import annotations

import json
import re
from typing import Any, Iterator

_KEY = re.compile(r"""^("(?:[^"\\]|\\.)*"|'[^']*'|[^\s"'\[\]{}#&*!|>%@`,:-][^:#"']*?)\s*:(?:\s+(.*))?$""")
_UNSUPPORTED = tuple("&*!|>%@`[{")
_PLAIN = re.compile(r"[A-Za-z0-9./_+-]([A-Za-z0-9 ./_:=,@+*-]*[A-Za-z0-9./_=,@+*-])?\Z")


class PlainYamlError(ValueError):
    """The text has something that this reader does not know."""


def parse(text: str) -> Any:
    """The document's value: dict, list, str or None.

    Raises:
        PlainYamlError: the text is no JSON and no plain block YAML.

    """
    if text.lstrip().startswith("{"):
        try:
            return json.loads(text)
        except ValueError as error:
            raise PlainYamlError("not JSON: %s" % error) from error
    lines = _lines(text)
    if not lines:
        return None
    value, rest = _block(lines, 0)
    if rest != len(lines):
        raise PlainYamlError("unexpected indentation at %r" % lines[rest][1][:60])
    return value


def written(value: Any) -> str:
    """A value as :func:`parse` gives it, with sorted keys, one scalar a line, quoted only where it has to be."""
    return "".join(line + "\n" for line in _written(value, ""))


def _written(value: Any, indent: str) -> Iterator[str]:
    if isinstance(value, dict) and value:
        for key, item in sorted(value.items()):
            yield from _entry("%s%s:" % (indent, _quoted(key)), item, indent)
    elif isinstance(value, list) and value:
        for item in value:
            first, *others = list(_written(item, indent + "  "))
            yield "%s- %s" % (indent, first.lstrip(" "))
            yield from others
    else:
        yield indent + _quoted(value)


def _entry(head: str, value: Any, indent: str) -> Iterator[str]:
    if isinstance(value, (dict, list)) and value:
        yield head
        yield from _written(value, indent + ("  " if isinstance(value, dict) else ""))
    else:
        yield "%s %s" % (head, _quoted(value))


def _quoted(value: Any) -> str:
    if value is None:
        return "null"
    if isinstance(value, (dict, list)):
        # Empty: others are written over several lines.
        return "{}" if isinstance(value, dict) else "[]"
    if isinstance(value, bool):
        return str(value).lower()
    text = str(value)
    return text if _PLAIN.match(text) else json.dumps(text)


def _lines(text: str) -> list[tuple[int, str]]:
    lines = []
    for raw in text.splitlines():
        content = raw.strip()
        if not content or content.startswith("#") or content == "---":
            continue
        if "\t" in raw[: len(raw) - len(raw.lstrip())]:
            raise PlainYamlError("a tab as indentation")
        lines.append((len(raw) - len(raw.lstrip(" ")), content))
    return lines


def _block(lines: list[tuple[int, str]], start: int) -> tuple[Any, int]:
    if _is_item(lines[start][1]):
        return _list(lines, start)
    return _mapping(lines, start)


def _is_item(content: str) -> bool:
    return content == "-" or content.startswith("- ")


def _list(lines: list[tuple[int, str]], start: int) -> tuple[list[Any], int]:
    indent = lines[start][0]
    items: list[Any] = []
    at = start
    while at < len(lines) and lines[at][0] == indent and _is_item(lines[at][1]):
        content = lines[at][1][1:].lstrip()
        if _KEY.match(content):
            # The item's first key is on the dash's own line: seen as a line of its own where the key stands.
            lines[at] = (indent + len(lines[at][1]) - len(content), content)
            value, at = _mapping(lines, at)
        elif content:
            value, at = _scalar(content), at + 1
        else:
            raise PlainYamlError("an empty list item")
        items.append(value)
    return items, at


def _mapping(lines: list[tuple[int, str]], start: int) -> tuple[dict[str, Any], int]:
    indent = lines[start][0]
    result: dict[str, Any] = {}
    at = start
    while at < len(lines) and lines[at][0] == indent and not _is_item(lines[at][1]):
        match = _KEY.match(lines[at][1])
        if not match:
            raise PlainYamlError("no key in %r" % lines[at][1][:60])
        key, text = _scalar(match.group(1)), match.group(2) or ""
        if key in result:
            raise PlainYamlError("key %s twice" % key)
        at += 1
        if text and not text.startswith("#"):
            result[str(key)] = _scalar(text)
        elif at < len(lines) and (lines[at][0] > indent or (lines[at][0] == indent and _is_item(lines[at][1]))):
            result[str(key)], at = _block(lines, at)
        else:
            result[str(key)] = None
    return result, at


def _scalar(text: str) -> Any:
    if text in ("{}", "[]"):
        return {} if text == "{}" else []
    if text in ("null", "~"):
        return None
    if text.startswith('"'):
        try:
            return json.loads(text)
        except ValueError as error:
            raise PlainYamlError("quoting of %r" % text[:60]) from error
    if text.startswith("'"):
        if len(text) < 2 or not text.endswith("'"):
            raise PlainYamlError("quoting of %r" % text[:60])
        return text[1:-1].replace("''", "'")
    if text.startswith(_UNSUPPORTED):
        raise PlainYamlError("cannot read %r" % text[:60])
    return text.split(" #", 1)[0].rstrip()
