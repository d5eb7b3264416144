"""Ansible inventories as plain values: every host of the cluster with the variables that kubewright knows.

Read through ansible-core's own classes, so that formats, plugins, vault, ``group_vars`` and precedence are Ansible's.
Groups are normalised to today's names. Nothing here depends on a play, a fact cache or on who is reachable.
"""

from __future__ import annotations

from kubewright.inventory.groups import CANONICAL_GROUPS, canonical_groups, missing_groups, renamed_groups
from kubewright.inventory.hostvars import from_hostvars
from kubewright.inventory.loading import load
from kubewright.inventory.model import Inventory, InventoryHost

__all__ = [
    "CANONICAL_GROUPS",
    "Inventory",
    "InventoryHost",
    "canonical_groups",
    "from_hostvars",
    "load",
    "missing_groups",
    "renamed_groups",
]
