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
    """Counts from the moment it is made; a node that was not up then cannot be counted."""

    def __init__(self, lab: TestLab, *nodes: str) -> None:
        self._lab = lab
        self._cursors = {node: self._cursor(node) for node in nodes}

    def _cursor(self, node: str) -> str:
        shown = self._lab.read(node, "journalctl", "-n", "0", "--show-cursor", "--no-pager", "-q")
        return shown.rpartition("-- cursor: ")[2].strip()

    def count(self, node: str) -> Sessions:
        """Sessions opened on a node since the counter was made."""
        command = (
            "journalctl",
            f"--after-cursor={self._cursors[node]}",
            "--no-pager",
            "-o",
            "cat",
            "SYSLOG_FACILITY=4",
        )
        lines = self._lab.read(node, *command).splitlines()
        commands = sum(line.startswith(("Starting session: command", "Starting session: shell")) for line in lines)
        transfers = sum(line.startswith("Starting session: subsystem") for line in lines)
        return Sessions(commands=commands, transfers=transfers)
