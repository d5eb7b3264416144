"""Inventory plugin ``kubewright.cluster.topology``: a file that gives all hosts of the inventory their addresses."""

from __future__ import annotations

from typing import Any

from ansible.plugins.inventory import BaseInventoryPlugin

from kubewright.inventory.variables import templates

DOCUMENTATION = """
name: topology
short_description: Addresses of every host of the inventory
description:
  - Gives every host that the other sources of the inventory have C(main_ip), C(main_access_ip), C(main_ips) and
    C(main_access_ips), so that C(hostvars[other].main_access_ip) has its value in every play and under any limit.
  - The file is called C(kubewright.yml) or C(kubewright.yaml) and lies in the inventory's folder, or is named by a
    further C(-i). Nothing has to be enabled.
options:
  plugin:
    description: The name of this plugin.
    required: true
    choices: [kubewright.cluster.topology]
author: kubewright
"""

EXAMPLES = """
# kubewright.yml
plugin: kubewright.cluster.topology
"""


class InventoryModule(BaseInventoryPlugin):  # type: ignore[misc]
    """Variables of the group ``all``: the order of the inventory's sources does not matter."""

    NAME = "kubewright.cluster.topology"

    def verify_file(self, path: str) -> bool:
        """Whether the file's name says that it is this plugin's."""
        return bool(super().verify_file(path)) and path.endswith(("kubewright.yml", "kubewright.yaml"))

    def parse(self, inventory: Any, loader: Any, path: str, cache: bool = True) -> None:
        """Give the group ``all`` the variables."""
        super().parse(inventory, loader, path, cache)
        self._read_config_data(path)
        for name, template in templates().items():
            self.inventory.set_variable("all", name, template)
