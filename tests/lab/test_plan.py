"""A plan is seen, kept, carried out, or refused because something is no longer as it was."""

from __future__ import annotations

import contextlib
import json
import os
import pty
import re
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from kubewright.errors import ExitCode
from tests.lab.support.cluster import Cluster
from tests.lab.support.flows import assert_hosts_files, assert_nothing_left, assert_works
from tests.lab.support.lab import TestLab, lab_up
from tests.lab.support.log_lines import log_events
from tests.lab.support.plans import changes
from tests.lab.support.snapshot import assert_unchanged, differences, flat_node, snapshot
from tests.lab.support.states import status

pytestmark = [pytest.mark.lab, pytest.mark.flow, pytest.mark.full]

SYSCTL = "net.ipv4.ip_forward"
INTERRUPT = "^C"
STEPS_OF_A_WORKER = [
    ("converge", "w2"),
    ("prepare-join", "cp1"),
    ("join-worker", "w2"),
    ("fan-out", "cp1"),
    ("fan-out", "w1"),
    ("check", "w2"),
    ("cleanup", "cp1"),
]
"""What ``scale`` does for one more worker: there, by the control plane that speaks, and to tell the others of it."""


@pytest.fixture(scope="module")
def lab(kubernetes_version: str, keep_labs: bool) -> Iterator[TestLab]:
    """One control plane and one worker, nothing deployed yet."""
    with lab_up("plan", control_planes=1, workers=1, kubernetes=kubernetes_version, keep=keep_labs) as booted:
        yield booted


@pytest.fixture(scope="module")
def cluster(lab: TestLab) -> Cluster:
    """The cluster on it, asked through its one control plane."""
    return Cluster(lab, "cp1")


@pytest.fixture(scope="module")
def plan_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the plan is kept."""
    return tmp_path_factory.mktemp("plan") / "cluster.plan"


def nodes(lab: TestLab) -> dict[str, Any]:
    """All that is on the nodes."""
    return flat_node(lab, "cp1") | flat_node(lab, "w1")


class TestNewCluster:
    """The plan of a cluster that is not there yet, which status says."""

    def test_status_says_nothing_is_there(self, lab: TestLab) -> None:
        before = nodes(lab)
        state = status(lab)["state"]
        assert (state["kind"], state["findings"]) == ("nothing there", []), state
        assert state["next"] == "Make the cluster: kubewright deploy"
        assert_unchanged(before, nodes(lab))

    def test_touches_no_node(self, lab: TestLab, plan_file: Path) -> None:
        before = nodes(lab)
        done = lab.kubewright("plan", "--detailed-exitcode", "--out", str(plan_file))
        assert done.exit_code == ExitCode.DIFFERENCES, str(done)
        assert_unchanged(before, nodes(lab))
        assert plan_file.stat().st_mode & 0o777 == 0o600

    def test_is_that_of_the_dry_run_byte_for_byte(self, lab: TestLab) -> None:
        for output in ("table", "json"):
            plan = lab.kubewright("plan", "-o", output).check().stdout
            assert plan == lab.kubewright("deploy", "--dry-run", "-o", output).check().stdout

    def test_is_refused_when_a_setting_changed(self, lab: TestLab, plan_file: Path) -> None:
        before = nodes(lab)
        settings = lab.inventory / "group_vars" / "all.yml"
        text = settings.read_text()
        settings.write_text(f"{text}kubelet_max_pods: 99\n")
        done = lab.kubewright("apply", str(plan_file))
        settings.write_text(text)
        assert done.exit_code == ExitCode.REFUSED, str(done)
        assert "the cluster: its document is another one" in done.stderr
        assert_unchanged(before, nodes(lab))

    def test_is_carried_out(self, lab: TestLab, cluster: Cluster, plan_file: Path) -> None:
        lab.kubewright("apply", str(plan_file)).check()
        assert_works(cluster, ["cp1", "w1"])
        assert_nothing_left(cluster, ["cp1", "w1"])

    def test_status_says_healthy(self, lab: TestLab, cluster: Cluster) -> None:
        cluster.kubectl(
            "-n",
            "kube-system",
            "wait",
            "--for=condition=Available",
            "deployments",
            "--all",
            "--timeout=60s",
            timeout=70,
        )
        before = snapshot(cluster, "cp1", "w1")
        shown = lab.kubewright("status").check().stdout.splitlines()
        assert "State: healthy" in shown
        assert any(line.startswith("Next: Nothing; ") for line in shown), shown
        state = status(lab)["state"]
        assert (state["kind"], state["findings"], state["unknown"]) == ("healthy", [], []), state
        assert_unchanged(before, snapshot(cluster, "cp1", "w1"))

    def test_is_refused_now_that_the_cluster_is_there(self, lab: TestLab, cluster: Cluster, plan_file: Path) -> None:
        before = snapshot(cluster, "cp1", "w1")
        done = lab.kubewright("apply", str(plan_file))
        assert done.exit_code == ExitCode.REFUSED, str(done)
        assert "the cluster: exists was no and is yes" in done.stderr
        assert_unchanged(before, snapshot(cluster, "cp1", "w1"))


class TestDrift:
    """Somebody changed a kernel setting on the worker; what else may drift is in ``test_drift.py``."""

    def test_a_plan_is_refused_when_somebody_else_mended_it(
        self, lab: TestLab, cluster: Cluster, plan_file: Path
    ) -> None:
        lab.read("w1", "sysctl", "-w", f"{SYSCTL}=0")
        lab.kubewright("plan", "--out", str(plan_file)).check()
        lab.read("w1", "sysctl", "-w", f"{SYSCTL}=1")
        before = snapshot(cluster, "cp1", "w1")
        done = lab.kubewright("apply", str(plan_file))
        assert done.exit_code == ExitCode.REFUSED, str(done)
        assert "host w1: nothing is to be done any more" in done.stderr
        assert_unchanged(before, snapshot(cluster, "cp1", "w1"))


def on_terminal(lab: TestLab, answer: str) -> tuple[int, str]:
    """Deploy at a terminal, and type an answer when the question stands there; ^C as the signal that it is."""
    keyboard, terminal = pty.openpty()
    with subprocess.Popen(
        ("kubewright", "deploy", "-i", str(lab.inventory)), stdin=terminal, stdout=terminal, stderr=terminal
    ) as process:
        os.close(terminal)
        screen = b""
        typed = False
        with contextlib.suppress(OSError):  # what reading a terminal ends with when nobody has the other end open
            while some := os.read(keyboard, 65536):
                screen += some
                if not typed and b"[y/N]" in screen:
                    typed = True
                    if answer == INTERRUPT:
                        process.send_signal(signal.SIGINT)
                    else:
                        os.write(keyboard, f"{answer}\n".encode())
        code = process.wait(timeout=60)
    os.close(keyboard)
    return code, screen.decode(errors="replace")


class TestQuestion:
    """At a terminal nothing changes before somebody said yes."""

    @pytest.mark.parametrize("answer", ["n", "", INTERRUPT])
    def test_no_changes_nothing(self, lab: TestLab, cluster: Cluster, answer: str) -> None:
        lab.read("w1", "sysctl", "-w", f"{SYSCTL}=0")
        before = snapshot(cluster, "cp1", "w1")
        code, screen = on_terminal(lab, answer)
        assert code == ExitCode.INTERRUPTED, screen
        assert f"{SYSCTL}" in screen, "the plan has to be seen before the question"
        assert lab.read("w1", "sysctl", "-n", SYSCTL).strip() == "0"
        assert_unchanged(before, snapshot(cluster, "cp1", "w1"))

    def test_yes_carries_it_out(self, lab: TestLab) -> None:
        code, screen = on_terminal(lab, "y")
        assert code == ExitCode.DONE, screen
        assert lab.read("w1", "sysctl", "-n", SYSCTL).strip() == "1"

    def test_nothing_to_do_is_not_asked_about(self, lab: TestLab) -> None:
        code, screen = on_terminal(lab, "n")
        assert code == ExitCode.DONE, screen
        assert "[y/N]" not in screen


@pytest.fixture(scope="module")
def scale_plan(plan_file: Path) -> Path:
    """Where the plan of one more worker is kept."""
    return plan_file.with_name("scale.plan")


OF_THE_OTHERS = {
    "cp1 /etc/hosts",
    "cp1 /etc/kubewright/manifest.json",
    "w1 /etc/hosts",
    "w1 /etc/kubewright/manifest.json",
    "object Node//w2",
    "object ConfigMap/kube-system/kubewright",
}
"""What changes beside the new worker: the two fan-outs, which the hosts' manifests note, its Node, and the record."""


def listed_paths(plan: dict[str, Any]) -> set[str]:
    """Files that a plan says it creates or changes on the new worker, but for the members of archives."""
    listed = [change for step in plan["steps"] for change in step["changes"]]
    files = [change for change in listed if not change["id"].startswith("directory:")]
    subjects = {change["id"].partition(":")[2] for change in files}
    summaries = {change["summary"].removeprefix("create ") for change in files}
    return {text for text in subjects | summaries if text.startswith("/")}


def assert_told(events: list[dict[str, Any]], plan: dict[str, Any]) -> None:
    """A run for machines tells of each of the plan's steps that it began and ended well, and of nothing that failed."""
    planned = sorted((step["stage"], step["host"]) for step in plan["steps"])
    for kind in ("begin", "end"):
        told = sorted((event["stage"], event["host"]) for event in events if event["event"] == kind)
        assert told == planned, kind
    assert all(event["ok"] for event in events if event["event"] == "end")
    assert events[0]["event"] == "begun"
    (finished,) = (event for event in events if event["event"] == "finished")
    assert (finished["failed"], finished["left"]) == (0, [])


class TestOneMoreWorker:
    """The plan of a worker that joins names what is done there and whom it is told to, and that is what changes."""

    def test_names_the_worker_and_whom_it_is_told_to(self, lab: TestLab, cluster: Cluster, scale_plan: Path) -> None:
        assert lab.grow(workers=1) == ["w2"]
        before = snapshot(cluster, *lab.nodes)
        table = lab.kubewright("plan", "scale").check().stdout
        text = lab.kubewright("plan", "scale", "-o", "json", "--out", str(scale_plan)).check().stdout
        plan = json.loads(text)
        assert (plan["verb"], plan["via"], plan["limit"], plan["left"]) == ("scale", "cp1", None, [])
        assert [(step["stage"], step["host"]) for step in plan["steps"]] == STEPS_OF_A_WORKER
        assert set(changes(plan)) == {"w2"}, "who only learns of it is not changed otherwise"
        shown = [line.partition(" (")[0] for line in table.splitlines() if re.match(r"  \S", line)]
        assert sorted(shown) == sorted(f"  {step['host']}: {step['title']}" for step in plan["steps"])
        assert table == lab.kubewright("scale", "--dry-run").check().stdout
        assert text == lab.kubewright("scale", "--dry-run", "-o", "json").check().stdout
        assert_unchanged(before, snapshot(cluster, *lab.nodes))

    def test_what_was_listed_is_what_changes(self, lab: TestLab, cluster: Cluster, scale_plan: Path) -> None:
        before = snapshot(cluster, *lab.nodes)
        done = lab.kubewright("apply", str(scale_plan), "--log-format", "json", "-o", "json").check()
        assert_works(cluster, ["cp1", "w1", "w2"])
        assert_hosts_files(lab, ["cp1", "w1", "w2"])
        assert_nothing_left(cluster, ["cp1", "w1", "w2"])
        changed = {line.partition(": ")[0] for line in differences(before, snapshot(cluster, *lab.nodes))}
        new = {name for name in changed if name.startswith("w2 ")}
        plan = json.loads(scale_plan.read_text())["plan"]
        assert changed - new == OF_THE_OTHERS
        assert listed_paths(plan) <= {name.removeprefix("w2 ") for name in new}
        assert json.loads(done.stdout)["changed"] > 0
        assert_told(log_events(done.stderr), plan)

    def test_a_refusal_is_told_to_machines_too(self, lab: TestLab, cluster: Cluster, scale_plan: Path) -> None:
        before = snapshot(cluster, *lab.nodes)
        done = lab.kubewright("apply", str(scale_plan), "--log-format", "json")
        assert done.exit_code == ExitCode.REFUSED, str(done)
        assert done.stdout == ""
        errors = [event for event in log_events(done.stderr) if event["event"] == "error"]
        assert [error["exit_code"] for error in errors] == [ExitCode.REFUSED], errors
        assert "host w2: nothing is to be done any more" in errors[0]["cause"]
        assert_unchanged(before, snapshot(cluster, *lab.nodes))


class TestNobodyAnswers:
    """The only control plane is off; what becomes of the lab after that is its end."""

    def test_status_says_that_it_is_not_known(self, lab: TestLab) -> None:
        lab.stop("cp1", kill=True)
        state = status(lab, ExitCode.UNREACHABLE)["state"]
        assert state["kind"] == "not known", state
        assert state["next"].startswith("Bring back the control planes that do not answer"), state
        assert any("cp1" in sentence for sentence in state["unknown"]), state
