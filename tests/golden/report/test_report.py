"""The report of a run, compared with files that people open in a browser when they review a change."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from kubewright.plan import Change, Plan, Stage, Step
from kubewright.report.account import account
from kubewright.report.html import report_html
from tests.golden.conftest import Golden

BEGAN = 1_795_602_094.0
DIFF = """\
--- /etc/containerd/config.toml
+++ /etc/containerd/config.toml
@@ -3,3 +3,3 @@
 [metrics]
-  address = "0.0.0.0:1338"
+  address = ""
"""
Event = dict[str, Any]


def journal(*events: tuple[float, str, Event], dry_run: bool = False) -> list[Event]:
    """Events by seconds after the begin."""
    begun = {"verb": "deploy", "limit": None, "dry_run": dry_run, "kubewright": "0.1.0"}
    all_events = ((0.0, "begun", begun), *events)
    return [{"time": BEGAN + second, "event": kind, **fields} for second, kind, fields in all_events]


def ran(stage: Stage, host: str, begin: float, end: float, **outcome: Any) -> list[tuple[float, str, Event]]:
    """A step from its begin to its end."""
    step = {"stage": stage.value, "host": host}
    return [(begin, "begin", step), (end, "end", {**step, "seconds": round(end - begin, 3), **outcome})]


def grown() -> tuple[Plan, list[Event]]:
    """A control plane and a worker were added, and a file was put right."""
    plan = Plan(
        "deploy",
        "factory",
        "1.37.2",
        "cp1",
        (
            Step(
                Stage.CONVERGE,
                "cp1",
                "correct what differs",
                "differs from its document",
                (Change("file:/etc/containerd/config.toml", "update", "content", DIFF),),
                ("containerd",),
            ),
            Step(
                Stage.CONVERGE,
                "w1",
                "bring the host to its document",
                "new host",
                (Change("package:conntrack", "create", "is not there"), Change("sysctl:vm.x", "create", "0 -> 1")),
            ),
            Step(Stage.PREPARE_JOIN, "cp1", "make a token", "w1 joins"),
            Step(Stage.JOIN_WORKER, "w1", "join as worker", "new host"),
            Step(Stage.FAN_OUT, "w2", "tell of new hosts", "does not know w1"),
            Step(Stage.CHECK, "w1", "check from the node", "touched"),
        ),
        left=("w9 is in the cluster and not in the inventory: kubewright remove -i INVENTORY --limit w9",),
        notices=("etcd_version: is not a setting of kubewright's",),
    )
    events = journal(
        (1.0, "artifact", {"component": "kubelet", "state": "building", "fraction": 0.0, "seconds": 0.0}),
        (21.0, "artifact", {"component": "all", "state": "done", "fraction": 1.0, "seconds": 20.0}),
        (22.0, "waiting", {"host": "w1", "what": "an earlier run still works there"}),
        (24.0, "waiting", {"host": "w1", "what": "an earlier run still works there"}),
        (25.0, "planned", {"steps": 6}),
        (25.5, "inventory", {"path": "/srv/inventory/.kubewright/runs/1/inventory"}),
        *ran(Stage.CONVERGE, "cp1", 26.0, 28.5, ok=True, changed=True),
        *ran(Stage.CONVERGE, "w1", 26.0, 57.25, ok=True, changed=True),
        (58.0, "snapshot", {"host": "cp1", "path": "/var/lib/kubewright/snapshots/1.db", "bytes": 2_500_000}),
        *ran(Stage.PREPARE_JOIN, "cp1", 57.5, 58.5, ok=True, changed=True),
        *ran(Stage.JOIN_WORKER, "w1", 59.0, 71.0, ok=True, changed=True),
        *ran(Stage.FAN_OUT, "w2", 71.5, 72.0, ok=True, changed=False),
        *ran(Stage.CHECK, "w1", 72.5, 76.0, ok=True),
        (78.0, "finished", {"failed": 0, "left": []}),
    )
    return plan, events


def failed() -> tuple[Plan, list[Event]]:
    """One of two workers ran out of space, and a host did not answer when it was told of them."""
    steps = [Step(Stage.JOIN_WORKER, host, "join as worker", "new host") for host in ("w1", "w2")]
    steps += [Step(Stage.FAN_OUT, "w3", "tell of new hosts", "does not know w1, w2")]
    steps += [Step(Stage.CHECK, host, "check from the node", "touched") for host in ("w1", "w2")]
    error = {
        "subject": "host w1, kubeadm join",
        "cause": "it ended with 1:\nno space left on device: </pre><script>alert(1)</script>",
        "remedy": "Make room on /var",
        "exit_code": 7,
        "text": "",
        "errors": [],
    }
    left = {"host": "w3", "cause": "no SSH connection"}
    events = journal(
        *ran(Stage.JOIN_WORKER, "w1", 10.0, 12.0, ok=False),
        (12.0, "failed", {"host": "w1", "stage": "join-worker", "error": error}),
        *ran(Stage.JOIN_WORKER, "w2", 10.0, 190.0, ok=True, changed=True),
        (191.0, "begin", {"stage": "fan-out", "host": "w3"}),
        (201.0, "left", left),
        (201.0, "end", {"stage": "fan-out", "host": "w3", "seconds": 10.0, "ok": True, "changed": False}),
        (202.0, "begin", {"stage": "check", "host": "w2"}),
        (205.0, "stopping", {"cause": "interrupted", "hint": "once more ends them at once"}),
        (210.0, "finished", {"failed": 1, "left": ["w3"]}),
    )
    return Plan("scale", "factory", "1.37.2", "cp1", tuple(steps), limit=("w1", "w2")), events


def planned() -> tuple[Plan, list[Event]]:
    """A plan that nobody carried out yet."""
    plan, _events = grown()
    return plan, journal((3.0, "planned", {"steps": 6}), (3.1, "finished", {"failed": 0, "left": []}), dry_run=True)


def nothing() -> tuple[Plan, list[Event]]:
    """A cluster that is as it should be."""
    return Plan("deploy", "factory", "1.37.2", "cp1", ()), journal((2.0, "finished", {"failed": 0, "left": []}))


@pytest.mark.parametrize("made", [grown, failed, planned, nothing])
def test_report(made: Callable[[], tuple[Plan, list[Event]]], golden: Golden) -> None:
    plan, events = made()
    golden(f"report/{made.__name__}", {"report.html": report_html(account(plan, events))})
