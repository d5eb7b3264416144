"""What ``--log-format json`` wrote, line by line, against what docs/reports.md promises of it."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

_ROW = re.compile(r"^\| `([a-z_]+)` \|[^|]*\|(.*)\|$", re.MULTILINE)
_MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")


def _documented() -> dict[str, set[str]]:
    """Event → every name in its row of the table: its keys, and what they hold."""
    text = (Path(__file__).parents[3] / "docs" / "reports.md").read_text()
    return {event: set(re.findall(r"`([a-z_]+)`", keys)) for event, keys in _ROW.findall(text)}


def log_events(text: str) -> list[dict[str, Any]]:
    """The events; a line that is no JSON object, or has a name that the documentation lacks, fails the test."""
    documented = _documented()
    found: list[dict[str, Any]] = []
    for line in text.splitlines():
        try:
            event = json.loads(line)
        except json.JSONDecodeError as error:
            raise AssertionError(f"no JSON: {line}") from error
        assert isinstance(event, dict), line
        kind = event.get("event")
        assert kind in documented, line
        assert _MOMENT.fullmatch(event["time"]), line
        assert ("run" in event) is (kind != "error"), line
        undocumented = set(event) - {"time", "event", "run"} - documented[kind]
        assert not undocumented, f"{undocumented}: {line}"
        found.append(event)
    assert found, "nothing was logged"
    return found
