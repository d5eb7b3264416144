"""Vars plugin ``kubewright.cluster.topology``: hosts' addresses as variables of every playbook, under any limit."""

from __future__ import annotations

from typing import Any

from ansible.inventory.group import Group
from ansible.plugins.vars import BaseVarsPlugin

from kubewright.inventory.variables import templates

DOCUMENTATION = """
name: topology
short_description: Addresses of every host of the inventory
description:
  - Gives every host of the inventory C(main_ip), C(main_access_ip), C(main_ips) and C(main_access_ips), so that
    C(hostvars[other].main_access_ip) has its value in every play and under any limit.
  - An address is evaluated where it is used. One that nothing gives is an error with the host, the variable and what
    to do.
requirements:
  - Enabled in ansible.cfg by C(vars_plugins_enabled = host_group_vars, kubewright.cluster.topology).
author: kubewright
"""


class VarsModule(BaseVarsPlugin):  # type: ignore[misc]
    """Variables of the group ``all``: they are templates, the same for every host."""

    is_stateless = True

    def get_vars(self, loader: Any, path: str, entities: Any) -> dict[str, Any]:
        """Return the variables where ``all`` is among the groups that are asked for."""
        super().get_vars(loader, path, entities)
        wanted = entities if isinstance(entities, list) else [entities]
        everyone = any(isinstance(entity, Group) and entity.name == "all" for entity in wanted)
        return templates() if everyone else {}
