"""The plan of a deploy as programs read it."""

from __future__ import annotations

import json
from typing import Any

from tests.lab.support.lab import TestLab


def plan(lab: TestLab) -> dict[str, Any]:
    """The plan of a deploy."""
    made: dict[str, Any] = json.loads(lab.kubewright("plan", "-o", "json").check().stdout)
    return made


def steps(lab: TestLab) -> list[dict[str, Any]]:
    """Steps of the plan of a deploy."""
    found: list[dict[str, Any]] = plan(lab)["steps"]
    return found


def changes(made: dict[str, Any]) -> dict[str, set[str]]:
    """Ids of what a plan changes, by host; what it restarts, as ``restart:UNIT``."""
    found: dict[str, set[str]] = {}
    for step in made["steps"]:
        ids = {change["id"] for change in step["changes"]} | {f"restart:{unit}" for unit in step["restarts"]}
        found.setdefault(step["host"], set()).update(ids)
    return {host: ids for host, ids in found.items() if ids}
