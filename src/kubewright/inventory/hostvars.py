"""The inventory as a running play sees it: what an action plugin has in its task variables."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from kubewright.errors import BadInputError, BadInputErrors
from kubewright.inventory.ansible_state import variables_made_quickly
from kubewright.inventory.groups import CANONICAL_GROUPS, canonical_groups, cluster_order
from kubewright.inventory.merging import MergedVariables
from kubewright.inventory.model import Inventory, InventoryHost
from kubewright.inventory.origins import KeyOrigins
from kubewright.inventory.values import HostReader, RawVariables
from kubewright.places import inventory_directory

_Raw = Mapping[str, Any]


def from_hostvars(
    hostvars: Mapping[str, Mapping[str, Any]],
    groups: Mapping[str, Sequence[str]],
    *,
    inventory_sources: Sequence[str],
    limited: Sequence[str] | None,
) -> Inventory:
    """Return the inventory out of ``task_vars['hostvars']`` and ``task_vars['groups']``: all hosts, whatever the limit.

    With Ansible's own ``hostvars`` (not a plain mapping), variables that are not needed are never templated, and the
    ``group_vars`` of groups that only the normalisation makes apply too.

    Args:
        hostvars: all variables of all hosts.
        groups: all groups with their hosts.
        inventory_sources: ``task_vars['ansible_inventory_sources']``.
        limited: the hosts of the play under ``--limit``; ``None`` without one.

    Raises:
        BadInputErrors: variables that are needed cannot be templated.

    """
    members = canonical_groups(groups)
    reader = _AnsibleReader(hostvars, members) if hasattr(hostvars, "_variable_manager") else _PlainReader(hostvars)
    groups_of, host_reader = _groups_of(groups), HostReader()
    hosts: list[InventoryHost] = []
    errors: list[BadInputError] = []
    with variables_made_quickly():
        for name in cluster_order(members):
            raw, template, key_origin = reader.variables(name)
            spelled = tuple(groups_of.get(name, ()))
            host, found = host_reader.read(name, spelled, raw, template=template, key_origin=key_origin)
            hosts.append(host)
            errors.extend(found)
    if errors:
        # An expression in group_vars fails in the same way for each host of the group.
        raise BadInputErrors(tuple({str(error): error for error in errors}.values()))
    limit = None if limited is None else frozenset(str(name) for name in limited)
    return Inventory(tuple(hosts), members, limit, inventory_directory(inventory_sources))


class _PlainReader:
    """Variables that somebody else has templated."""

    def __init__(self, hostvars: Mapping[str, _Raw]) -> None:
        self._hostvars = hostvars

    def variables(self, name: str) -> tuple[RawVariables, Callable[[Any], Any], Callable[[str], str]]:
        """Return the host's variables, what templates them, and what tells the origin of an untagged one."""
        return RawVariables.of_one(self._hostvars[name]), lambda value: value, lambda _variable: ""


class _AnsibleReader:
    """Variables out of Ansible's own ``HostVars``, each host's as its own tasks would see them."""

    def __init__(self, hostvars: Any, members: Mapping[str, tuple[str, ...]]) -> None:
        # Ansible offers no public way to what a HostVars was made of.
        inventory = hostvars._inventory  # noqa: SLF001
        self._loader = hostvars._loader  # noqa: SLF001
        self._merged = MergedVariables(hostvars._variable_manager, inventory, self._loader)  # noqa: SLF001
        self._origins = KeyOrigins(hostvars)
        _add_canonical_groups(inventory, members)

    def variables(self, name: str) -> tuple[RawVariables, Callable[[Any], Any], Callable[[str], str]]:
        """Return the host's variables, what templates them, and what tells the origin of an untagged one."""
        from ansible.template import Templar  # noqa: PLC0415  slow to import

        raw = self._merged.of(name)

        @functools.cache
        def templar() -> Any:
            return Templar(loader=self._loader, variables=raw.all)

        return raw, lambda value: templar().template(value), lambda variable: self._origins.find(name, variable)


def _add_canonical_groups(inventory: Any, members: Mapping[str, tuple[str, ...]]) -> None:
    """Put hosts into the canonical groups in Ansible's own inventory, so that the ``group_vars`` of those apply.

    Hosts are added one by one and not as child groups: nesting would change the depth of groups and with it the
    precedence of variables.
    """
    for name in CANONICAL_GROUPS:
        if not members[name]:
            continue
        if name not in inventory.groups:
            inventory.add_group(name)
            inventory.groups["all"].add_child_group(inventory.groups[name])
        group = inventory.groups[name]
        present = {host.name for host in group.get_hosts()}
        for host in members[name]:
            if host not in present and (known := inventory.get_host(host)) is not None:
                group.add_host(known)
    inventory.clear_caches()


def _groups_of(groups: Mapping[str, Sequence[str]]) -> dict[str, list[str]]:
    """Return the groups of each host as the inventory spells them."""
    groups_of: dict[str, list[str]] = {}
    for group, members in groups.items():
        for member in members:
            groups_of.setdefault(str(member), []).append(str(group))
    return groups_of
