"""Add a worker to clusters of 10 and of 1,000 nodes, and remove it: what it takes must not grow with the cluster.

``python -m bench.many_nodes`` prints a table. One control plane and one worker are nodes of the lab, the others are
simulated (see :mod:`bench.simulator`), with inventory hosts that nobody may need to reach. It fails if a figure is
above its bound. The worker is removed with pods, as one in use has them (see :mod:`bench.tenants`), and empty.

Whatever a run does, it reads the inventory and asks for all Nodes, and the cluster's own work for a thousand nodes goes
on beside it on the same processors. Together that is a millisecond or two for each node, which is little beside what
it takes to add a worker, or to drain one that is in use. An empty worker is gone after five seconds, beside which it is
not: so that figure has a bound for each further node. What Ansible alone needs to read the inventory is printed, too.
Single runs scatter by a second, hence so many of them.

With management of ``/etc/hosts`` each node has to be told of a new one, so that figure grows with the cluster and has
no bound; simulated nodes refuse the connection, on a port of this machine where nobody listens.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import statistics
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from tests.lab.support.cluster import Cluster
from tests.lab.support.commands import run
from tests.lab.support.lab import TestLab, lab_up

from bench.measure import measured, wait_until_quiet
from bench.simulator import CONTROLLERS, Simulator
from bench.tenants import tenants
from kubewright.errors import ExitCode

SIZES = (10, 1000)
RATIO = 1.1
"""How much more it may take in the largest cluster than in the smallest to add a worker, or to remove one in use."""
PER_NODE = 0.002
"""Seconds that each further node may add to the removal of an empty worker."""
IDLE = 0.8
"""What share of the machine has to be idle before a run: a cluster of 1,000 nodes takes an eighth of two processors."""
HOSTS_FILES = "populate_inventory_to_hosts_file"
SETTINGS = {
    "kube_pods_subnet": "10.96.0.0/12",
    HOSTS_FILES: False,
    "kube_kubeadm_controller_extra_args": CONTROLLERS,
}
NOWHERE = "ansible_host=127.0.0.1 ansible_port=9"
STAYS = "w1"
ADD, REMOVE, REMOVE_EMPTY = "add a worker", "remove it", "remove it, empty"
READ = "Ansible alone"


@dataclass(frozen=True)
class Sample:
    """One measured run in a cluster of ``size`` nodes: wall clock, and the remote calls as they are printed."""

    size: int
    what: str
    seconds: float
    calls: str = ""


def main() -> int:
    """Return 1 if a bound is broken."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=7, help="runs of each, of which the median counts")
    parser.add_argument("--kubernetes", default="1.37.2")
    arguments = parser.parse_args()
    with lab_up("many", control_planes=1, workers=1, kubernetes=arguments.kubernetes) as lab:
        bench = Bench(lab, arguments.kubernetes)
        # By turns, so that a machine that grows slower or faster meanwhile does so for both.
        for _ in range(arguments.runs):
            for size in SIZES:
                bench.measure(size)
        bench.measure_hosts_files(SIZES[-1])
    broken = list(report(bench.samples))
    print("\n".join(broken) or "All within their bounds.")
    return int(bool(broken))


class Bench:
    """The runs on one lab and what they gave."""

    def __init__(self, lab: TestLab, version: str) -> None:
        self._lab = lab
        self._variables = lab.inventory / "group_vars" / "k8s_cluster.yml"
        self._variables.write_text(json.dumps(SETTINGS))
        self._hosts = lab.inventory / "hosts.ini"
        self._plain = self._hosts.read_text()
        lab.kubewright("deploy").check()
        (self._worker,) = lab.grow(workers=1)
        self._plain = self._hosts.read_text()
        self._cluster = Cluster(lab, "cp1")
        self._simulator = Simulator(lab.inventory / ".artifacts" / "admin.conf", f"v{version}")
        self.samples: list[Sample] = []

    def measure(self, size: int) -> None:
        """Add the worker and remove it, twice, in a cluster of this size, counted with the worker."""
        with self._simulated(size):
            self._read(size)
            for what in (REMOVE, REMOVE_EMPTY):
                self._note(size, ADD, "scale", "--limit", self._worker)
                with tenants(self._cluster, self._worker) if what == REMOVE else contextlib.nullcontext():
                    self._note(size, what, "remove", "--limit", self._worker, "--yes")

    def measure_hosts_files(self, size: int) -> None:
        """The same once, with each node's ``/etc/hosts``; nodes that refuse the connection are left for a next run."""
        self._variables.write_text(json.dumps({**SETTINGS, HOSTS_FILES: True}))
        self._lab.kubewright("deploy").check()
        with self._simulated(size):
            for what, verb in ((ADD, "scale"), (REMOVE, "remove")):
                done = self._lab.kubewright(verb, "--limit", self._worker, *(["--yes"] if verb == "remove" else []))
                if done.exit_code != ExitCode.STEP_FAILED or "left for the next run" not in done.output:
                    done.check()
                print(f"{size:>6} nodes  {what:<16} {done.seconds:7.1f} s  with each node's /etc/hosts", flush=True)

    @contextlib.contextmanager
    def _simulated(self, size: int) -> Iterator[None]:
        """Have a cluster of this size, counted with the worker, while the block runs."""
        names = [f"simulated{number:04}" for number in range(size - 3)]
        addresses = {name: _address(number) for number, name in enumerate(names)}
        self._write_inventory(addresses)
        with self._simulator.nodes(addresses):
            self._record(names)
            yield
        self._write_inventory({})

    def _note(self, size: int, what: str, verb: str, *arguments: str) -> None:
        wait_until_quiet(idle=IDLE)
        figures = measured(self._lab, list(self._lab.nodes), lambda: self._lab.kubewright(verb, *arguments))
        self._keep(Sample(size, what, figures.seconds, f"calls {figures.calls}"))

    def _read(self, size: int) -> None:
        """Have Ansible read the inventory and do nothing."""
        wait_until_quiet(idle=IDLE)
        arguments = ("ansible", "localhost", "-i", str(self._lab.inventory), "--list-hosts")
        self._keep(Sample(size, READ, run(arguments, timeout=60).check().seconds))

    def _keep(self, sample: Sample) -> None:
        self.samples.append(sample)
        print(f"{sample.size:>6} nodes  {sample.what:<16} {sample.seconds:7.1f} s  {sample.calls}".rstrip(), flush=True)

    def _write_inventory(self, addresses: dict[str, str]) -> None:
        lines = [f"{name} ip={address} {NOWHERE}" for name, address in addresses.items()]
        self._hosts.write_text("\n".join([self._plain, "[all]", *lines, "", "[kube_node]", *addresses, ""]))

    def _record(self, names: Sequence[str]) -> None:
        """Note in the cluster's record that the simulated nodes know of the others what the lab's worker knows."""
        reference = ("-n", "kube-system", "configmap", "kubewright")
        record = json.loads(self._cluster.get(*reference)["data"]["record"])
        record["fan_out"] = {**record["fan_out"], **dict.fromkeys(names, record["fan_out"][STAYS])}
        patch = json.dumps({"data": {"record": json.dumps(record)}})
        self._cluster.kubectl("-n", "kube-system", "patch", "configmap", "kubewright", "--type=merge", "-p", patch)


def _address(number: int) -> str:
    return f"10.64.{number // 250}.{number % 250 + 1}"


def report(samples: Sequence[Sample]) -> list[str]:
    """Print medians side by side; say what is above its bound."""
    broken = []
    small, large = SIZES
    print(f"{'median of runs':<16} {f'{small} nodes':>12} {f'{large} nodes':>12} {'ratio':>7}")
    for what in dict.fromkeys(sample.what for sample in samples):
        few, many = (
            statistics.median(s.seconds for s in samples if (s.size, s.what) == (size, what)) for size in SIZES
        )
        print(f"{what:<16} {few:>10.1f} s {many:>10.1f} s {many / few:>7.2f}")
        if what in (ADD, REMOVE) and many / few > RATIO:
            broken.append(f"Above its bound of {RATIO}: {what}, {many / few:.2f} times")
        further = (many - few) / (large - small)
        if what == REMOVE_EMPTY and further > PER_NODE:
            broken.append(f"Above its bound of {PER_NODE * 1000:.0f} ms a node: {what}, {further * 1000:.1f} ms")
        calls = [{s.calls for s in samples if (s.size, s.what) == (size, what)} for size in SIZES]
        if calls[0] != calls[1]:
            broken.append(f"Remote calls to {what} differ: {calls[0]} and {calls[1]}")
    return broken


if __name__ == "__main__":
    sys.exit(main())
