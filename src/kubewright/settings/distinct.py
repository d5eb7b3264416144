"""The different values that hosts give, each once: settings of large inventories are the same for most hosts."""

from __future__ import annotations

import json
from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from typing import Any, Protocol


class HasVariables(Protocol):
    """A host's values."""

    @property
    def variables(self) -> Mapping[str, Any]:
        """Values by name."""


def distinct(hosts: Mapping[str, HasVariables], names: AbstractSet[str]) -> dict[str, list[tuple[str, Any]]]:
    """Return, by name, the first host that gives each different value and the value; nulls are as if not given.

    Values that are one object are one value without being compared.
    """
    found: dict[str, dict[str, tuple[str, Any]]] = {}
    seen: set[tuple[str, int]] = set()
    for host_name, host in hosts.items():
        variables = host.variables
        for name in names & variables.keys():
            raw = variables[name]
            if raw is None or (name, id(raw)) in seen:
                continue
            seen.add((name, id(raw)))
            found.setdefault(name, {}).setdefault(json.dumps(raw, sort_keys=True, default=str), (host_name, raw))
    return {name: list(found[name].values()) for name in sorted(found)}
