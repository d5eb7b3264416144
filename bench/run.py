"""Compare kubewright with raw kubeadm over SSH: the same nodes, bytes and readiness, alternating, medians of three.

``python -m bench.run`` prints a table and writes ``build/bench.json``; what finds nothing to do is run five times on
each of the three clusters. Both tools bring up nodes that were booted a moment before; a run's time begins with the
first SSH connection and ends when every node works.
"""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import json
import platform
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from tests.lab.support.commands import Result
from tests.lab.support.lab import TestLab

from bench.kit import make_kit
from bench.measure import Measured, measured, memory_peak, wait_until_quiet
from bench.raw import raw_kubeadm
from kubewright.lab import Lab

NAME = "bench"
OUTPUT = Path("build/bench.json")
WANTED_RATIO = 1.3
WANTED_CALLS = 10
WANTED_MEMORY = 300 * 10**6
IDLE = {
    ("deploy",): ("nothing to do on 5 nodes", 6.0),
    ("plan",): ("plan of 5 healthy nodes", 4.0),
}
"""What is run on a cluster of five nodes that is as it should be: the scenario, and the seconds wanted at most."""
IDLE_RUNS = 5
"""How often on each cluster: it takes seconds, and one run and the next may differ by half of them.

One during which other machines had more than :data:`STOLEN` of this one's processors says nothing of kubewright: it is
taken again, :data:`ATTEMPTS` times at most, and the quietest counts.

Memory is asked for during the first run only: five times a second, that takes a share of a processor, which counts as
the run's own.
"""

STOLEN = 0.02
ATTEMPTS = 4


@dataclasses.dataclass(frozen=True, kw_only=True)
class Sample:
    """One measured run: what was done, by which tool, and what it took; memory in bytes, None where nobody asked."""

    scenario: str
    tool: str
    measured: Measured
    memory: int | None = None


class Bench:
    """The runs and what they gave."""

    def __init__(self, kit: Path, version: str) -> None:
        self._kit = kit
        self._version = version
        self.samples: list[Sample] = []

    def compare(self, control_planes: int, workers: int, *, grow: bool) -> None:
        """Deploy a cluster of that shape by each tool, on nodes booted for it, and perhaps add a worker to it."""
        for tool in ("raw kubeadm", "kubewright"):
            with self._booted(control_planes, workers) as (lab, nodes):
                self._deploy(tool, lab, nodes, f"deploy {control_planes}+{workers}")
                if grow:
                    self._add_worker(tool, lab, nodes)
                if tool == "kubewright" and control_planes + workers == 5:
                    self._idle(tool, nodes)

    def _idle(self, tool: str, nodes: TestLab) -> None:
        for number in range(IDLE_RUNS):
            for command, (scenario, _) in IDLE.items():
                action = partial(nodes.kubewright, *command)
                self._undisturbed(scenario, tool, nodes, action, memory=number == 0)

    def _undisturbed(
        self, scenario: str, tool: str, nodes: TestLab, action: Callable[[], Result], *, memory: bool
    ) -> None:
        attempts: list[Sample] = []
        while len(attempts) < ATTEMPTS and not any(attempt.measured.stolen <= STOLEN for attempt in attempts):
            wait_until_quiet()
            attempts.append(self._measure(scenario, tool, nodes, action, memory=memory))
        self.samples.append(min(attempts, key=lambda attempt: attempt.measured.stolen))

    @contextlib.contextmanager
    def _booted(self, control_planes: int, workers: int) -> Iterator[tuple[Lab, TestLab]]:
        lab = Lab(NAME)
        lab.down()
        try:
            lab.up(control_planes, workers, kubernetes=self._version)
            yield lab, TestLab(lab)
        finally:
            lab.down()

    def _deploy(self, tool: str, lab: Lab, nodes: TestLab, scenario: str) -> None:
        action = self._raw("deploy", lab) if tool == "raw kubeadm" else lambda: nodes.kubewright("deploy")
        self.samples.append(self._measure(scenario, tool, nodes, action))

    def _add_worker(self, tool: str, lab: Lab, nodes: TestLab) -> None:
        (added,) = nodes.grow(workers=1)
        action = self._raw("join", lab, added) if tool == "raw kubeadm" else lambda: _scale(nodes, added)
        self.samples.append(self._measure("add one worker", tool, nodes, action))

    def _raw(self, mode: str, lab: Lab, *names: str) -> Callable[[], Result]:
        def act() -> Result:
            done = raw_kubeadm(mode, lab, self._kit, *names)
            print(done.output, flush=True)
            return done

        return act

    def _measure(
        self, scenario: str, tool: str, nodes: TestLab, action: Callable[[], Result], *, memory: bool = True
    ) -> Sample:
        with memory_peak() if memory else contextlib.nullcontext() as peak:
            figures = measured(nodes, list(nodes.nodes), action)
        stolen = f"  {figures.stolen:.0%} of the processors taken by others" if figures.stolen > STOLEN else ""
        print(f"{scenario:<26} {tool:<12} {figures.seconds:7.1f} s  calls {figures.calls}{stolen}", flush=True)
        return Sample(scenario=scenario, tool=tool, measured=figures, memory=peak[0] if peak else None)


def _scale(nodes: TestLab, added: str) -> Result:
    return nodes.kubewright("scale", "--limit", added)


def median_seconds(samples: list[Sample], scenario: str, tool: str) -> float:
    """Median of the seconds; 0 where there is no sample."""
    seconds = _seconds(samples, scenario, tool)
    return statistics.median(seconds) if seconds else 0.0


def _seconds(samples: list[Sample], scenario: str, tool: str) -> list[float]:
    return [sample.measured.seconds for sample in samples if (sample.scenario, sample.tool) == (scenario, tool)]


def _spread(samples: list[Sample], scenario: str) -> str:
    seconds = _seconds(samples, scenario, "kubewright")
    return f"{min(seconds):.1f} to {max(seconds):.1f} s, {len(seconds)} runs"


def table(samples: list[Sample]) -> str:
    """Seconds and ratio by scenario, then calls and bytes by node, then what was wanted."""
    lines = [f"{'median of runs':<26} {'raw kubeadm':>12} {'kubewright':>12} {'ratio':>7}"]
    for scenario in dict.fromkeys(sample.scenario for sample in samples):
        raw, own = (median_seconds(samples, scenario, tool) for tool in ("raw kubeadm", "kubewright"))
        ratio = f"{own / raw:7.2f}" if raw else f"{'':>7}"
        lines.append(
            f"{scenario:<26} {raw or '':>11.5} s {own:>11.1f} s {ratio}"
            if raw
            else f"{scenario:<26} {'-':>12} {own:>11.1f} s         {_spread(samples, scenario)}"
        )
    lines += ["", f"{'per node, last run':<26} {'tool':<12} {'node':<6} {'calls':>6} {'received':>12} {'sent':>12}"]
    last = {(sample.scenario, sample.tool): sample for sample in samples}
    for (scenario, tool), sample in last.items():
        for node, calls in sample.measured.calls.items():
            received, sent = (_megabytes(side[node]) for side in (sample.measured.received, sample.measured.sent))
            lines.append(f"{scenario:<26} {tool:<12} {node:<6} {calls:>6} {received:>12} {sent:>12}")
    memory = max(sample.memory or 0 for sample in samples if sample.tool == "kubewright")
    return "\n".join([*lines, "", f"controller memory at most {_megabytes(memory)}"])


def _megabytes(number: int) -> str:
    return f"{number / 10**6:.1f} MB"


def misses(samples: list[Sample]) -> list[str]:
    """Say which of the wanted figures were not reached."""
    found = []
    for scenario in dict.fromkeys(sample.scenario for sample in samples):
        raw, own = (median_seconds(samples, scenario, tool) for tool in ("raw kubeadm", "kubewright"))
        if raw and own / raw > WANTED_RATIO:
            found.append(f"{scenario}: {own / raw:.2f} times raw kubeadm, wanted at most {WANTED_RATIO}")
    for scenario, wanted in IDLE.values():
        seconds = median_seconds(samples, scenario, "kubewright")
        if seconds > wanted:
            found.append(f"{scenario}: {seconds:.1f} s, wanted at most {wanted:.0f}")
    for sample in samples:
        if sample.tool == "kubewright" and sample.memory is not None and sample.memory > WANTED_MEMORY:
            found.append(
                f"{sample.scenario}: {_megabytes(sample.memory)} of memory, wanted at most {_megabytes(WANTED_MEMORY)}"
            )
        if (sample.scenario, sample.tool) == ("add one worker", "kubewright"):
            new = list(sample.measured.calls)[-1]
            if sample.measured.calls[new] > WANTED_CALLS:
                found.append(
                    f"a new worker took {sample.measured.calls[new]} remote calls, wanted at most {WANTED_CALLS}"
                )
    return list(dict.fromkeys(found))


def main() -> int:
    """Run it all; the exit code is 1 where a wanted figure was not reached."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=3, help="runs of each scenario and tool")
    parser.add_argument("--kubernetes", default="1.37.2")
    parser.add_argument("--small", action="store_true", help="only 1+1 and the added worker")
    arguments = parser.parse_args()
    OUTPUT.parent.mkdir(exist_ok=True)
    bench = Bench(make_kit(OUTPUT.parent / "bench-kit", arguments.kubernetes), arguments.kubernetes)
    started = time.monotonic()
    for number in range(arguments.runs):
        if number:
            left = (time.monotonic() - started) / number * (arguments.runs - number)
            print(f"run {number + 1} of {arguments.runs}, about {left / 60:.0f} min left", flush=True)
        bench.compare(1, 1, grow=True)
        if not arguments.small:
            bench.compare(3, 2, grow=False)
    not_reached = misses(bench.samples)
    report = {
        "machine": platform.uname()._asdict(),
        "kubernetes": arguments.kubernetes,
        "samples": [dataclasses.asdict(sample) for sample in bench.samples],
        "not_reached": not_reached,
    }
    OUTPUT.write_text(json.dumps(report, indent=2) + "\n")
    print(f"\n{table(bench.samples)}\n")
    print("\n".join(f"not reached: {line}" for line in not_reached) or "all wanted figures reached")
    return 1 if not_reached else 0


if __name__ == "__main__":
    sys.exit(main())
