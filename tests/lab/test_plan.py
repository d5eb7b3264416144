"""A plan is seen, kept, carried out, or refused because something is no longer as it was."""

from __future__ import annotations

import contextlib
import os
import pty
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from kubewright.errors import ExitCode
from tests.lab.support.cluster import Cluster
from tests.lab.support.flows import assert_nothing_left, assert_works
from tests.lab.support.lab import TestLab, lab_up
from tests.lab.support.snapshot import assert_unchanged, flat_node, snapshot

pytestmark = [pytest.mark.lab, pytest.mark.flow, pytest.mark.full]

SYSCTL = "net.ipv4.ip_forward"
INTERRUPT = "^C"


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
    """The plan of a cluster that is not there yet."""

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
