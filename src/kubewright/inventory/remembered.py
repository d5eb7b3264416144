"""Addresses that earlier runs found, from the state folder beside the inventory."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from kubewright.places import beside, of_user

ADDRESS_FILE = "addresses.json"


@dataclass(frozen=True)
class Remembered:
    """Addresses by host, of those that are young enough; ``silent`` says why a host of the file has none.

    ``nothing`` says why a host that is in neither has none.
    """

    addresses: Mapping[str, str] = field(default_factory=dict, hash=False)
    silent: Mapping[str, str] = field(default_factory=dict, hash=False)
    nothing: str = ""

    def reason(self, host: str) -> str:
        """Say why nothing is remembered of a host."""
        return self.silent.get(host, self.nothing)


def state_directory(inventory_directory: Path | None, cluster_name: str) -> Path:
    """Return where runs of a cluster keep what they found: beside the inventory, else the user's state folder."""
    return beside(inventory_directory) or of_user(cluster_name)


def entries(state_directory: Path) -> dict[str, Any]:
    """Return the file's entries by host; none where it is absent or damaged, which costs a question to the hosts."""
    try:
        value = json.loads((state_directory / ADDRESS_FILE).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return {str(host): entry for host, entry in value.items() if _is_entry(entry)} if isinstance(value, dict) else {}


def remembered(state_directory: Path, *, max_age: float) -> Remembered:
    """Return the remembered addresses that are at most ``max_age`` seconds old."""
    addresses: dict[str, str] = {}
    silent: dict[str, str] = {}
    now = time.time()
    for host, entry in entries(state_directory).items():
        age = now - entry["time"]
        if age <= max_age:
            addresses[host] = entry["address"]
        else:
            silent[host] = f"{entry['address']} was found {age / 3600:.0f} h ago, longer than kubewright_fact_max_age"
    return Remembered(addresses, silent, f"{state_directory / ADDRESS_FILE} has no address of the host")


def _is_entry(entry: object) -> bool:
    return (
        isinstance(entry, dict)
        and isinstance(entry.get("address"), str)
        and isinstance(entry.get("time"), (int, float))
    )
