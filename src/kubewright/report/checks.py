"""Checks of nodes as a table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rich.markup import escape
from rich.table import Table


def check_table(checks: Mapping[str, Sequence[Mapping[str, Any]]]) -> Table:
    """One row a host and check, with what was found."""
    table = Table(box=None, header_style="bold")
    for title in ("HOST", "CHECK", "RESULT", "DETAIL"):
        table.add_column(title)
    for host, results in checks.items():
        for result in results:
            verdict = "[green]ok[/]" if result["ok"] else "[red]failed[/]"
            table.add_row(host, str(result["check"]), verdict, escape(str(result["detail"])))
    return table
