"""All variables of a host as ansible-core merges them, where most of them are the same for hosts of the same groups.

For each host ansible-core merges a dozen layers anew, most of which are those of the host's groups. They come first in
its order of precedence, and what is the same for all hosts comes last; so both are asked for once for all hosts of the
same groups, and only the host's own is put between them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kubewright.inventory.ansible_state import NOBODY
from kubewright.inventory.values import RawVariables


class MergedVariables:
    """Variables of hosts, out of the ``VariableManager`` and the ``InventoryManager`` of a ``HostVars``.

    To be used within :func:`~kubewright.inventory.ansible_state.variables_made_quickly`.
    """

    def __init__(self, manager: Any, inventory: Any, loader: Any) -> None:
        self._manager = manager
        self._inventory = inventory
        self._loader = loader
        self._of_groups: dict[tuple[str, ...], tuple[Mapping[str, Any], Mapping[str, Any]]] = {}

    def of(self, name: str) -> RawVariables:
        """Return what ``VariableManager.get_vars`` returns for a host, without a play and a task."""
        from ansible.vars.reserved import warn_if_reserved  # noqa: PLC0415  slow to import

        host = self._inventory.get_host(name)
        if not self._is_only_inventory(host):
            return RawVariables.of_one(self._manager.get_vars(host=host))
        common, stronger = self._around(host)
        own = self._own(host)
        warn_if_reserved(own)
        return RawVariables({**common, **own, **stronger}, {str(variable) for variable in own}, common)

    def _is_only_inventory(self, host: Any) -> bool:
        """Whether all that it has is the inventory's and replaces what is weaker, as is Ansible's default."""
        from ansible import constants  # noqa: PLC0415

        manager, name = self._manager, host.name
        return (
            constants.DEFAULT_HASH_BEHAVIOUR != "merge"
            and not manager._vars_cache.get(name)  # noqa: SLF001  Ansible offers no public way to any of these
            and not manager._nonpersistent_fact_cache.get(name)  # noqa: SLF001
            and not _has_facts(manager._fact_cache, name)  # noqa: SLF001
        )

    def _around(self, host: Any) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
        """Return all that is not a host's own, and what of that is stronger than its own."""
        key = tuple(group.name for group in host.groups)
        if key not in self._of_groups:
            from ansible.inventory.host import Host  # noqa: PLC0415

            from ansible import constants  # noqa: PLC0415

            nobody = Host(NOBODY, gen_uuid=False)
            nobody.groups = host.groups
            # Facts, too, are stronger than what is the host's own, and there are none.
            facts: dict[str, Any] = {"ansible_facts": {}}
            if not constants.INJECT_FACTS_AS_VARS:
                facts["ansible_local"] = {}
            magic = self._manager._get_magic_variables(None, None, None, include_hostvars=True)  # noqa: SLF001
            stronger = {**facts, **self._manager.extra_vars, **magic}
            self._of_groups[key] = {**self._manager.get_vars(host=nobody), **stronger}, stronger
        return self._of_groups[key]

    def _own(self, host: Any) -> Mapping[str, Any]:
        """Return what the inventory and vars plugins give the host itself, beside the inventory and the playbook."""
        from ansible.vars import manager  # noqa: PLC0415

        own: dict[str, Any] = dict(host.get_vars())
        own |= manager.get_vars_from_inventory_sources(
            self._loader,
            self._inventory._sources,  # noqa: SLF001
            [host],
            "task",
        )
        if self._manager.safe_basedir:
            own |= manager.get_vars_from_path(self._loader, self._loader.get_basedir(), [host], "task")
        return own


def _has_facts(cache: Any, name: str) -> bool:
    try:
        return bool(cache.get(name))
    except KeyError:
        return False
