"""Measure a command that works on nodes: time, memory on this machine, remote calls and bytes on the nodes."""

from __future__ import annotations

import contextlib
import os
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.lab.support.commands import Result
from tests.lab.support.lab import TestLab
from tests.lab.support.ssh_sessions import SessionCounter

_SAMPLE_SECONDS = 0.2
_QUIET_SECONDS = 5.0


@dataclass(frozen=True, kw_only=True)
class Measured:
    """What one run took.

    Attributes:
        seconds: wall clock.
        calls: node → SSH commands and file transfers opened on it.
        received: node → bytes that came in over its interfaces.
        sent: node → bytes that it sent.
        stolen: share of this machine's processors that its hypervisor gave to other machines meanwhile, 0 to 1.

    """

    seconds: float
    calls: dict[str, int]
    received: dict[str, int]
    sent: dict[str, int]
    stolen: float


def measured(lab: TestLab, nodes: Sequence[str], action: Callable[[], Result]) -> Measured:
    """Carry out an action that must succeed and measure it on these nodes."""
    counter = SessionCounter(lab, *nodes)
    before = {node: _traffic(lab, node) for node in nodes}
    ticks = _processor_ticks()
    done = action().check()
    stolen = _processor_ticks().stolen_since(ticks)
    after = {node: _traffic(lab, node) for node in nodes}
    return Measured(
        seconds=done.seconds,
        calls={node: counter.count(node).total for node in nodes},
        received={node: after[node][0] - before[node][0] for node in nodes},
        sent={node: after[node][1] - before[node][1] for node in nodes},
        stolen=stolen,
    )


def wait_until_quiet(*, idle: float = 0.6, deadline: float = 180.0) -> None:
    """Wait until this machine idles so far: a cluster that has just been made is busy with itself for a minute.

    Raises:
        TimeoutError: it does not within ``deadline`` seconds.

    """
    end = time.monotonic() + deadline
    share = 0.0
    while time.monotonic() < end:
        before = _processor_ticks()
        time.sleep(_QUIET_SECONDS)
        after = _processor_ticks()
        share = after.idle_since(before)
        if share >= idle:
            return
    raise TimeoutError(f"after {deadline:.0f} s the machine idles only for {share:.0%} of the time")


@dataclass(frozen=True)
class _Ticks:
    """What all processors did since the boot: idle, taken by other machines, everything; see proc_stat(5)."""

    idle: int
    stolen: int
    everything: int

    def idle_since(self, before: _Ticks) -> float:
        return (self.idle - before.idle) / (self.everything - before.everything)

    def stolen_since(self, before: _Ticks) -> float:
        return (self.stolen - before.stolen) / (self.everything - before.everything)


def _processor_ticks() -> _Ticks:
    ticks = [int(word) for word in Path("/proc/stat").read_text().splitlines()[0].split()[1:9]]
    return _Ticks(idle=ticks[3] + ticks[4], stolen=ticks[7], everything=sum(ticks))


def _traffic(lab: TestLab, node: str) -> tuple[int, int]:
    read = "cat /sys/class/net/eth*/statistics/rx_bytes; echo; cat /sys/class/net/eth*/statistics/tx_bytes"
    received, sent = lab.read(node, "sh", "-c", read).split("\n\n")
    return sum(map(int, received.split())), sum(map(int, sent.split()))


@contextlib.contextmanager
def memory_peak() -> Iterator[list[int]]:
    """Sample the memory of everything that this process starts; the list holds the peak in bytes at the end.

    Shared pages count once (proportional set size), so that many forks of one program are not counted many times.
    """
    peak = [0]
    stop = threading.Event()

    def watch() -> None:
        while not stop.wait(_SAMPLE_SECONDS):
            peak[0] = max(peak[0], sum(map(_memory, _descendants(os.getpid()))))

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    try:
        yield peak
    finally:
        stop.set()
        watcher.join()


def _descendants(root: int) -> list[int]:
    parents: dict[int, int] = {}
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            with contextlib.suppress(OSError):
                stat = (folder / "stat").read_text()
                parents[int(folder.name)] = int(stat.rpartition(")")[2].split()[1])
    found = {root}
    for _ in range(len(parents)):
        more = {pid for pid, parent in parents.items() if parent in found} - found
        if not more:
            break
        found |= more
    return sorted(found - {root})


def _memory(pid: int) -> int:
    with contextlib.suppress(OSError):
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1]) * 1024
    return 0


def timed(command: Sequence[str]) -> float:
    """Seconds that a command takes that must succeed and whose output is not wanted."""
    started = time.monotonic()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return time.monotonic() - started
