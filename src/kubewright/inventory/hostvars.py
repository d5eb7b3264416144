"""The inventory as a running play sees it: what an action plugin has in its task variables."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from kubewright.errors import BadInputError, BadInputErrors
from kubewright.inventory.groups import CANONICAL_GROUPS, canonical_groups, cluster_order
from kubewright.inventory.model import Inventory, InventoryHost
from kubewright.inventory.values import read_host


def from_hostvars(
    hostvars: Mapping[str, Mapping[str, Any]],
    groups: Mapping[str, Sequence[str]],
    *,
    inventory_sources: Sequence[str],
    limited: Sequence[str] | None,
) -> Inventory:
    """Return the inventory out of ``task_vars['hostvars']`` and ``task_vars['groups']``, which have all hosts whatever the limit.

    Args:
        hostvars: Ansible's own (then variables that are not needed are never templated and ``group_vars`` of groups that only the
            normalisation makes apply too), or a plain mapping.
        groups: all groups with their hosts.
        inventory_sources: ``task_vars['ansible_inventory_sources']``.
        limited: the hosts of the play under ``--limit``; ``None`` without one.

    Raises:
        BadInputErrors: a variable that is needed cannot be templated.

    """
    manager = getattr(hostvars, "_inventory", None)
    members = canonical_groups(groups)
    if manager is not None:
        add_canonical_groups(manager, members)
    hosts, errors = _read_hosts(cluster_order(members), hostvars, groups)
    if errors:
        raise BadInputErrors(tuple(errors))
    limit = None if limited is None else frozenset(str(name) for name in limited)
    return Inventory(tuple(hosts), members, limit, inventory_directory(inventory_sources))


def add_canonical_groups(manager: Any, members: Mapping[str, tuple[str, ...]]) -> None:
    """Put hosts into the canonical groups in Ansible's own inventory, so that the ``group_vars`` of those groups apply.

    Hosts are added one by one and not as child groups: nesting would change the depth of groups and with it the precedence of variables.
    """
    for name in CANONICAL_GROUPS:
        if not members[name]:
            continue
        if name not in manager.groups:
            manager.add_group(name)
            manager.groups["all"].add_child_group(manager.groups[name])
        group = manager.groups[name]
        present = {host.name for host in group.get_hosts()}
        for host in members[name]:
            if host not in present and (known := manager.get_host(host)) is not None:
                group.add_host(known)
                group.clear_hosts_cache()
    manager.clear_caches()


def inventory_directory(sources: Sequence[str]) -> Path | None:
    """Return the folder of the first source that is a file or folder."""
    for source in sources:
        path = Path(str(source))
        if "," not in str(source) and path.exists():
            return path.resolve() if path.is_dir() else path.resolve().parent
    return None


def _read_hosts(
    names: Sequence[str], hostvars: Mapping[str, Mapping[str, Any]], groups: Mapping[str, Sequence[str]]
) -> tuple[list[InventoryHost], list[BadInputError]]:
    hosts: list[InventoryHost] = []
    errors: list[BadInputError] = []
    groups_of: dict[str, list[str]] = {}
    for group, members in groups.items():
        for member in members:
            groups_of.setdefault(str(member), []).append(str(group))
    for name in names:
        raw, template = _variables(hostvars, name)
        host, found = read_host(name, tuple(groups_of.get(name, ())), raw, template)
        hosts.append(host)
        errors.extend(found)
    return hosts, errors


def _variables(hostvars: Mapping[str, Mapping[str, Any]], name: str) -> tuple[Mapping[str, Any], Callable[[Any], Any]]:
    """Return the host's raw variables and what templates them."""
    manager = getattr(hostvars, "_variable_manager", None)
    if manager is None:
        return hostvars[name], lambda value: value
    from ansible.template import Templar  # noqa: PLC0415  slow to import

    inventory, loader = hostvars._inventory, hostvars._loader  # type: ignore[attr-defined]  # noqa: SLF001  Ansible offers no public way
    raw = manager.get_vars(host=inventory.get_host(name), include_hostvars=True)
    return raw, Templar(loader=loader, variables=raw).template
