"""Where a variable was given, for the values that Ansible cannot tag.

ansible-core tags texts, numbers, lists and mappings with the file and line that they come from, but not booleans and
nulls. Their keys are tagged; merging layers of variables keeps the key of the weakest layer, though, so the layers are
looked at one by one, the strongest first, in ansible-core's order of precedence.
"""

from __future__ import annotations

import functools
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any


def origin_of(value: Any) -> str:
    """Return ``file:line`` of a value or key that Ansible loaded, or an empty string."""
    from ansible._internal._datatag._tags import Origin  # noqa: PLC0415  slow to import

    tag = value if isinstance(value, Origin) else Origin.get_tag(value)
    if tag is None or not tag.path:
        return ""
    path = _shortened(str(tag.path), os.getcwd())  # noqa: PTH109  called for each value; a path object is slow
    return f"{path}:{tag.line_num}" if tag.line_num else path


class KeyOrigins:
    """Origins by key of one inventory's variables. What hosts share (groups, ``-e``) is read once, not once a host."""

    def __init__(self, hostvars: Any) -> None:
        # Ansible offers no public way to what a HostVars was made of.
        self._manager = hostvars._variable_manager  # noqa: SLF001
        self._inventory = hostvars._inventory  # noqa: SLF001
        self._loader = hostvars._loader  # noqa: SLF001
        self._given: dict[str, str] = {}
        self._groups: dict[str, tuple[Mapping[str, Any], Mapping[str, Any]]] = {}
        self._of_groups: dict[tuple[tuple[str, ...], str], str] = {}
        self._of_host: tuple[str, tuple[Mapping[str, Any], ...], tuple[str, ...]] = ("", (), ())

    def find(self, host_name: str, variable: str) -> str:
        """Return where the host's variable was given, or an empty string."""
        extra = self._manager.extra_vars
        if variable in extra:
            if variable not in self._given:
                self._given[variable] = _origin_in(extra, variable)
            return self._given[variable]
        own, groups = self._host(host_name)
        for layer in own:
            if variable in layer:
                return _origin_in(layer, variable)
        if (key := (groups, variable)) not in self._of_groups:
            layers = (layer for layer in self._group_layers(groups) if variable in layer)
            self._of_groups[key] = next((_origin_in(layer, variable) for layer in layers), "")
        return self._of_groups[key]

    def _host(self, name: str) -> tuple[tuple[Mapping[str, Any], ...], tuple[str, ...]]:
        """Return the host's own layers and its groups, the strongest first; hosts are asked about one after another."""
        from ansible.inventory.helpers import sort_groups  # noqa: PLC0415

        if self._of_host[0] != name:
            host = self._inventory.get_host(name)
            own = (self._from_plugins(host), host.vars)
            self._of_host = (name, own, tuple(group.name for group in reversed(sort_groups(host.get_groups()))))
        return self._of_host[1], self._of_host[2]

    def _group_layers(self, names: tuple[str, ...]) -> Iterator[Mapping[str, Any]]:
        groups = [self._group(self._inventory.groups[name]) for name in names]
        yield from (files for files, _ in groups)
        yield from (inventory for _, inventory in groups)

    def _group(self, group: Any) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
        if group.name not in self._groups:
            self._groups[group.name] = (self._from_plugins(group), group.vars)
        return self._groups[group.name]

    def _from_plugins(self, entity: Any) -> Mapping[str, Any]:
        """Return what ``group_vars``, ``host_vars`` and other vars plugins give a group or host."""
        from ansible.vars.plugins import get_vars_from_inventory_sources  # noqa: PLC0415

        sources = self._inventory._sources  # noqa: SLF001
        found: Mapping[str, Any] = get_vars_from_inventory_sources(self._loader, sources, [entity], "task")
        return found


def _origin_in(layer: Mapping[str, Any], variable: str) -> str:
    key = next(key for key in layer if key == variable)
    return origin_of(layer[variable]) or origin_of(key)


@functools.lru_cache(maxsize=1024)
def _shortened(path: str, here: str) -> str:
    """Return the path relative to the working directory where it is inside, as the user would name it."""
    return str(Path(path).relative_to(here)) if Path(path).is_relative_to(here) else path
