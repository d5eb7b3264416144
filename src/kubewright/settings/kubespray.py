"""Kubespray's variable names, as data: what is not a misspelt name but one that kubewright does not honour.

For each name: the kind of its values, the minor releases it is in, and the default where that is a plain value. The
table is made by ``tests/manual/kubespray_names.py``. Reading a file of the package itself is the only thing here that
is not a pure function of its arguments.
"""

from __future__ import annotations

import functools
import importlib.resources
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

OLDEST = "2.10"
"""The oldest release that was looked at: a name that is said to be in it may be older."""
NEWEST = "2.32"
"""The release that is being made of the newest state that was looked at."""


@dataclass(frozen=True)
class KubesprayName:
    """One name.

    ``kind`` is boolean, integer, number, text, list, mapping or any. ``first`` and ``last`` are minor releases;
    ``last`` is empty for a name that is still there. ``sample`` says whether the sample inventory mentions it.
    ``default`` is ``None`` where there is none, or where it is not a plain value.
    """

    name: str
    kind: str
    first: str
    last: str
    sample: bool
    default: Any

    @property
    def removed_in(self) -> str:
        """The first minor release without the name; empty for one that is still there."""
        if not self.last:
            return ""
        major, _, minor = self.last.partition(".")
        return f"{major}.{int(minor) + 1}"


@functools.cache
def load() -> Mapping[str, KubesprayName]:
    """All names, of removed ones too."""
    table = importlib.resources.files("kubewright.settings") / "data" / "kubespray.tsv"
    return {entry.name: entry for entry in map(_entry, table.read_text(encoding="utf-8").splitlines())}


def _entry(line: str) -> KubesprayName:
    name, kind, first, last, sample, default = line.split("\t")
    return KubesprayName(name, kind, first, last, bool(sample), json.loads(default) if default else None)
