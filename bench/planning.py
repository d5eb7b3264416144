"""Measure pure planning on large clusters: from the situation to the plan, and to the text that a person reads.

``python -m bench.planning`` prints a table, and fails if a figure is above its bound.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass

from kubewright.observe.model import EtcdMember, ObservedCluster, ObservedNode
from kubewright.plan import Change
from kubewright.plan.compute import compute
from kubewright.plan.rollout import Inspection
from kubewright.plan.situation import Situation
from kubewright.report.text import plan_lines
from kubewright.topology.model import Address, Endpoint, Host, Role, Source, Topology

SIZES = (500, 5000)
SECONDS, MEGABYTES = 2.0, 500
"""Bounds at the largest size: for each case, and for the memory of the whole process."""


@dataclass(frozen=True)
class Case:
    """A situation by what is to be done in it."""

    name: str
    make: Callable[[int], Situation]


def main() -> int:
    """Return 1 if a bound is broken."""
    broken = []
    print(f"{'hosts':>6} {'':<28} {'plan':>8} {'text':>8} {'steps':>7} {'memory':>8}")
    for size in SIZES:
        for case in CASES:
            command = [sys.executable, "-m", "bench.planning", case.name, str(size)]
            told = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout)
            print(
                f"{size:>6} {case.name:<28} {told['plan']:>6.2f} s {told['text']:>6.2f} s {told['steps']:>7}"
                f" {told['megabytes']:>5.0f} MB"
            )
            if told["plan"] > SECONDS or told["megabytes"] > MEGABYTES:
                broken.append(f"Above its bound of {SECONDS} s and {MEGABYTES} MB: {case.name} with {size} hosts")
    print("\n".join(broken) or "All within their bounds.")
    return int(bool(broken))


def measure(case: Case, size: int) -> None:
    """Print what one case takes, in this process."""
    situation = case.make(size)
    started = time.perf_counter()
    plan = compute(situation)
    planned = time.perf_counter()
    plan_lines(plan)
    written = time.perf_counter()
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    figures = {"plan": planned - started, "text": written - planned, "steps": len(plan.steps), "megabytes": memory}
    print(json.dumps(figures))


def _situation(size: int, *, members: int, verb: str = "deploy", changed: bool = False) -> Situation:
    hosts = tuple(_host(number) for number in range(size))
    names = tuple(host.name for host in hosts)
    nodes = tuple(
        ObservedNode(host.name, host.main_ip.value, ready=True, kubelet_version="v1.37.2", control_plane=number < 3)
        for number, host in enumerate(hosts[:members])
    )
    etcd = tuple(
        EtcdMember(host.name, host.name, host.main_ip.value, learner=False, healthy=True) for host in hosts[:3]
    )
    record = {"fan_out": dict.fromkeys(names[:members], "digest")}
    change = (Change("file:/etc/hosts", "update", "block", "-192.0.2.1 a\n+192.0.2.2 a\n"),)
    return Situation(
        verb=verb,
        version="1.37.2",
        topology=Topology(hosts, Endpoint("127.0.0.1", 6443, local=True)),
        cluster_name="bench",
        scope=names if verb == "deploy" else names[members:],
        limit=None if verb == "deploy" else names[members:],
        cluster=ObservedCluster(names[0], "v1.37.2", record, nodes, etcd),
        inspections={name: Inspection(change) for name in (names if changed else names[members:])},
        fan_out=dict.fromkeys(names, "another" if verb == "scale" else "digest"),
        object_changes=(),
    )


def _host(number: int) -> Host:
    address = Address(f"10.{number >> 16}.{number >> 8 & 255}.{number & 255}", Source.IP)
    roles = {Role.CONTROL_PLANE, Role.ETCD} if number < 3 else {Role.WORKER}
    name = f"node{number:05}"
    return Host(name, name, address, address, address.value, frozenset(roles))


CASES = (
    Case("nothing to do", lambda size: _situation(size, members=size)),
    Case("one more worker", lambda size: _situation(size, members=size - 1, verb="scale")),
    Case("every host differs", lambda size: _situation(size, members=size, changed=True)),
    Case("half of the hosts are new", lambda size: _situation(size, members=size // 2)),
)


if __name__ == "__main__":
    if len(sys.argv) > 1:
        measure(next(case for case in CASES if case.name == sys.argv[1]), int(sys.argv[2]))
    else:
        sys.exit(main())
