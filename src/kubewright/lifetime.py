"""Whether a process still lives, on this machine."""

from __future__ import annotations

import subprocess
from pathlib import Path


def process_start(pid: int) -> str:
    """What tells a process from a later one with the same id; empty where there is no such process."""
    stat = Path(f"/proc/{pid}/stat")
    if Path("/proc/self/stat").exists():
        try:
            # The command's name, in parentheses, may hold anything; behind it come fields 3, the state, and 22, the
            # start (see proc_pid_stat(5)). A dead process whose end nobody took note of yet is as good as gone.
            fields = stat.read_text().rpartition(")")[2].split()
            return "" if fields[0] in "ZX" else fields[19]
        except (FileNotFoundError, ProcessLookupError):
            return ""
    return subprocess.run(
        ["ps", "-o", "lstart=", "-p", str(pid)], check=False, capture_output=True, text=True
    ).stdout.strip()
