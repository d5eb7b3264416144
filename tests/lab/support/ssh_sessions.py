"""Count the commands and file transfers that were opened on a node over SSH, from its sshd's own log."""

from __future__ import annotations

import dataclasses

from tests.lab.support.lab import TestLab


@dataclasses.dataclass(frozen=True, kw_only=True)
class Sessions:
    """Numbers of SSH sessions opened: commands, and subsystems (file transfers)."""

    commands: int
    transfers: int

    @property
    def total(self) -> int:
        """All remote calls."""
        return self.commands + self.transfers


class SessionCounter:
    """Counts from the moment it is made; a node that was not up then cannot be counted.

    It takes the difference of the journal's totals: ``journalctl --after-cursor`` together with a match loses an entry
    where the one at the cursor does not match.
    """

    def __init__(self, lab: TestLab, *nodes: str) -> None:
        self._lab = lab
        self._before = {node: self._total(node) for node in nodes}

    def _total(self, node: str) -> Sessions:
        lines = self._lab.read(node, "journalctl", "--no-pager", "-q", "-o", "cat", "SYSLOG_FACILITY=4").splitlines()
        commands = sum(line.startswith(("Starting session: command", "Starting session: shell")) for line in lines)
        transfers = sum(line.startswith("Starting session: subsystem") for line in lines)
        return Sessions(commands=commands, transfers=transfers)

    def count(self, node: str) -> Sessions:
        """Sessions opened on a node since the counter was made."""
        before, after = self._before[node], self._total(node)
        opened = Sessions(commands=after.commands - before.commands, transfers=after.transfers - before.transfers)
        assert min(opened.commands, opened.transfers) >= 0, f"{node}: its journal has lost entries"
        return opened
