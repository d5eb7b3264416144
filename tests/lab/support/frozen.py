"""Modules that still work on nodes after their run was killed: held there, until the next run has been seen to wait."""

from __future__ import annotations

import os
import subprocess
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from tests.lab.support.commands import Result
from tests.lab.support.lab import TestLab

BEGINS_SECONDS = 120.0
TELLS_SECONDS = 60.0
ENDS_SECONDS = 600.0

# Stops the process that holds the node's lock, and prints its id; nothing where nobody holds it.
_FREEZE = """
import fcntl, json, os, signal
try:
    lock = open("/run/kubewright/lock")
    fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
except FileNotFoundError:
    print(0)
except BlockingIOError:
    holder = json.loads(lock.read() or "{}").get("pid", 0)
    if holder:
        os.kill(holder, signal.SIGSTOP)
    print(holder)
else:
    print(0)
"""

# The same as soon as somebody works there, for work of seconds: whoever waits for it has to be on the node. Only the
# holder of the node's lock writes its process id into the file.
_FREEZE_WHEN_AT_WORK = """
import json, os, signal, sys, time
end, holder = time.monotonic() + float(sys.argv[1]), 0
while not holder and time.monotonic() < end:
    try:
        holder = json.loads(open("/run/kubewright/lock").read()).get("pid", 0)
        os.kill(holder, signal.SIGSTOP)
    except (FileNotFoundError, ProcessLookupError, ValueError):
        holder = 0
        time.sleep(0.01)
print(holder)
"""


def freeze(lab: TestLab, nodes: Sequence[str]) -> dict[str, int]:
    """Stop the modules that hold a lock on these nodes where they are; node → process id there."""
    holders = {node: int(lab.python(node, _FREEZE)) for node in nodes}
    return {node: holder for node, holder in holders.items() if holder}


def freeze_when_at_work(lab: TestLab, node: str) -> dict[str, int]:
    """Wait until a module works on the node and stop it where it is; node → process id there."""
    holder = int(lab.python(node, _FREEZE_WHEN_AT_WORK, str(BEGINS_SECONDS), timeout=BEGINS_SECONDS + 30))
    assert holder, f"nobody began to work on {node} within {BEGINS_SECONDS:.0f} seconds"
    return {node: holder}


def thaw(lab: TestLab, frozen: dict[str, int]) -> None:
    """Let them go on."""
    for node, holder in frozen.items():
        lab.read(node, "kill", "-CONT", str(holder))


def run_beside(lab: TestLab, verb: str, *arguments: str, frozen: dict[str, int], temporary: Path) -> Result:
    """Run kubewright while earlier modules are frozen; they go on when it has said for which nodes it waits.

    Args:
        lab: whose inventory is used.
        verb: of kubewright.
        arguments: of the verb.
        frozen: what :func:`freeze` returned.
        temporary: folder for the command's temporary files.

    """
    command = ("kubewright", verb, "-i", str(lab.inventory), *arguments)
    environment = {**os.environ, "TMPDIR": str(temporary), "NO_COLOR": "1", "COLUMNS": "200"}
    started = time.monotonic()
    with tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace") as output:
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT, env=environment
        )
        try:
            told = _wait_until_told(process, output.fileno(), frozen)
        finally:
            thaw(lab, frozen)
        process.wait(timeout=ENDS_SECONDS)
        output.seek(0)
        said = output.read()
    done = Result(
        arguments=command,
        exit_code=process.returncode,
        stdout=said,
        stderr="",
        seconds=time.monotonic() - started,
    )
    assert told, f"{sorted(frozen)} still worked, and the run did not say that it waited\n{done}"
    return lab.note(done)


def _wait_until_told(process: subprocess.Popen[bytes], output: int, frozen: dict[str, int]) -> bool:
    """Whether the command says within a minute that it waits for one of the nodes."""
    wanted = [f"waiting for {node}: " for node in frozen]
    end = time.monotonic() + TELLS_SECONDS
    while wanted and process.poll() is None and time.monotonic() < end:
        said = os.pread(output, 1_000_000, 0).decode(errors="replace")
        if any(words in said for words in wanted):
            return True
        time.sleep(0.2)
    return not wanted
