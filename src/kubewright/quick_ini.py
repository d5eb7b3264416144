"""Have ansible-core read large INI inventories in half the time, to the very same values.

Two things that few lines need take it half of its time: each line of a host is split letter by letter as a shell
would, for the sake of quotes and comments, and each value is handed to Python's compiler, to see whether it is a list
or a number. Lines without any quote, and values that are plainly an address, a name or a number, need neither; all
others are left to ansible-core.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable, Iterator
from typing import Any

_UNQUOTED = re.compile(r"[!$-&(-\[\]-~ \t]*")
"""Printable ASCII without what a shell's rules give a meaning to: both quotes, the backslash, the comment's sign."""

_TEXT = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]*|[0-9]+(?:\.[0-9]+){3}")
"""Names and IPv4 addresses: what is no Python literal, but for the three constants."""

_CONSTANTS = frozenset({"True", "False", "None"})

_NUMBER = re.compile(r"0|[1-9][0-9]{0,17}")


@contextlib.contextmanager
def ini_read_quickly() -> Iterator[None]:
    """Have it so while the block runs."""
    from ansible.plugins.inventory import ini  # noqa: PLC0415  slow to import

    split, parse_value = ini.shlex_split, ini.InventoryModule._parse_value  # noqa: SLF001
    ini.shlex_split = _split_quickly(split)
    ini.InventoryModule._parse_value = _parse_value_quickly(parse_value)  # noqa: SLF001
    try:
        yield
    finally:
        ini.shlex_split, ini.InventoryModule._parse_value = split, parse_value  # noqa: SLF001


def _split_quickly(split: Callable[..., list[str]]) -> Callable[..., list[str]]:
    """The function that splits a line as a shell does, quick for lines that need not be."""

    def splitting(line: str, comments: bool = False, posix: bool = True) -> list[str]:
        return line.split() if _UNQUOTED.fullmatch(line) else split(line, comments=comments, posix=posix)

    return splitting


def _parse_value_quickly(parse_value: Callable[[Any, str], Any]) -> Callable[[Any, str], Any]:
    """The method that makes a value of what is written, quick for what is plainly a text or a number."""

    def parsing(plugin: Any, text: str) -> Any:
        if _TEXT.fullmatch(text) and text not in _CONSTANTS:
            return plugin._parse_recursive_coerce_types_and_tag(text)  # noqa: SLF001
        if _NUMBER.fullmatch(text):
            return plugin._parse_recursive_coerce_types_and_tag(int(text))  # noqa: SLF001
        return parse_value(plugin, text)

    return parsing
