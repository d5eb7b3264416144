"""What an inventory says, frozen and free of Ansible's types."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class InventoryHost:
    """One host of the cluster.

    ``variables`` holds the templated values of the names that kubewright knows and that are given for the host;
    ``variable_names`` all names that are given for it, for reports. ``origins`` has ``file:line`` by name, where
    Ansible knows it. ``groups`` are the names as the inventory spells them.
    """

    name: str
    groups: tuple[str, ...]
    variables: Mapping[str, Any] = field(default_factory=dict, hash=False)
    variable_names: frozenset[str] = frozenset()
    origins: Mapping[str, str] = field(default_factory=dict, hash=False)

    def origin(self, name: str) -> str:
        """Where the variable was given, as ``file:line``; empty if Ansible does not tell, as for ``-e``."""
        return self.origins.get(name, "")


@dataclass(frozen=True)
class Inventory:
    """The cluster's part of an Ansible inventory.

    ``hosts`` are those in any of the canonical groups, control planes first, in the inventory's order. ``groups`` maps
    each canonical name to its hosts; a group that the inventory does not have is empty. ``limit`` is ``None`` for a run
    without limit. ``directory`` is the folder of the first source that is a file or a folder; ``None`` for a list of
    hosts on the command line. ``warnings`` is what Ansible warned of while loading.
    """

    hosts: tuple[InventoryHost, ...]
    groups: Mapping[str, tuple[str, ...]] = field(hash=False)
    limit: frozenset[str] | None = None
    directory: Path | None = None
    warnings: tuple[str, ...] = ()

    def __getitem__(self, name: str) -> InventoryHost:
        for host in self.hosts:
            if host.name == name:
                return host
        raise KeyError(name)

    @property
    def by_name(self) -> dict[str, InventoryHost]:
        """The hosts by name, in their order: what :func:`kubewright.settings.parse` takes."""
        return {host.name: host for host in self.hosts}
