"""A small cluster grows by one worker while another one is down, is stopped and started again, and shrinks.

This is the failure that kubewright exists for: nothing about the stopped worker may be needed to add another.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator

import pytest

from kubewright.errors import ExitCode
from tests.lab.support.cluster import Cluster
from tests.lab.support.flows import (
    assert_hosts_files,
    assert_nothing_left,
    assert_works,
    hosts_file,
    running_services,
)
from tests.lab.support.lab import TestLab, lab_up
from tests.lab.support.removal import assert_clean
from tests.lab.support.snapshot import assert_unchanged, flat_node, snapshot
from tests.lab.support.ssh_sessions import SessionCounter

pytestmark = [pytest.mark.lab, pytest.mark.flow]

MOST_CALLS_FOR_A_NEW_WORKER = 10
HOSTS_LEFT_OUT = 7
SYSCTLS = "/etc/sysctl.d/99-kubewright.conf"


@pytest.fixture(scope="module")
def lab(kubernetes_version: str, keep_labs: bool) -> Iterator[TestLab]:
    """One control plane and one worker, nothing deployed yet."""
    with lab_up("grow", control_planes=1, workers=1, kubernetes=kubernetes_version, keep=keep_labs) as booted:
        yield booted


@pytest.fixture(scope="module")
def cluster(lab: TestLab) -> Cluster:
    """The cluster on it, asked through its one control plane."""
    return Cluster(lab, "cp1")


class TestDeploy:
    """The first deploy, and the same again."""

    def test_makes_a_cluster_that_works(self, lab: TestLab, cluster: Cluster) -> None:
        inventory = "".join(path.read_text() for path in lab.inventory.rglob("*") if path.is_file())
        words = {word.partition("=")[0] for line in inventory.splitlines() for word in line.split()}
        assert not words & {"ip", "access_ip"}, "the flow has to show that no address is needed in the inventory"
        lab.kubewright("deploy").check()
        assert_works(cluster, ["cp1", "w1"])
        assert_hosts_files(lab, ["cp1", "w1"])
        assert_nothing_left(cluster, ["cp1", "w1"])

    def test_fetches_a_kubeconfig_that_others_cannot_read(self, lab: TestLab) -> None:
        kubeconfig = lab.inventory / ".artifacts" / "admin.conf"
        assert kubeconfig.stat().st_mode & 0o777 == 0o600
        # The user's own kubectl is not there in general; a node's stands in for it, with the file's content.
        text = kubeconfig.read_text()
        answer = lab.execute(
            "cp1", "kubectl", "--kubeconfig=/dev/stdin", "get", "nodes", "-o", "name", stdin=text
        ).check()
        assert sorted(answer.stdout.split()) == ["node/cp1", "node/w1"]

    def test_again_changes_nothing_and_says_so(self, lab: TestLab, cluster: Cluster) -> None:
        before = snapshot(cluster, "cp1", "w1")
        done = lab.kubewright("deploy").check()
        assert_unchanged(before, snapshot(cluster, "cp1", "w1"))
        assert "nothing" in done.output.lower()


class TestScaleWithAStoppedWorker:
    """A worker is added with --limit while another one is down."""

    def test_adds_the_worker(self, lab: TestLab, cluster: Cluster) -> None:
        lab.stop("w1")
        assert lab.grow(workers=1) == ["w2"]
        shutil.rmtree(
            lab.inventory / ".kubewright"
        )  # nothing that an earlier run noted may be needed, addresses above all
        before = running_services(cluster, "cp1")
        calls = SessionCounter(lab, "w2")
        done = lab.kubewright("scale", "--limit", "w2")
        assert done.exit_code == HOSTS_LEFT_OUT, str(done)
        assert "hosts w1: " in done.output, "the run has to name the host that it could not bring up to date"
        assert_works(cluster, ["cp1", "w2"])
        assert_hosts_files(lab, ["cp1", "w2"])
        assert_nothing_left(cluster, ["cp1", "w2"])
        assert running_services(cluster, "cp1") == before, "adding a node must restart nothing on another"
        assert calls.count("w2").total <= MOST_CALLS_FOR_A_NEW_WORKER, calls.count("w2")

    def test_again_changes_nothing(self, lab: TestLab, cluster: Cluster) -> None:
        cluster.wait_dns_left("w1")
        before = snapshot(cluster, "cp1", "w2")
        done = lab.kubewright("scale", "--limit", "w2")
        assert done.exit_code == HOSTS_LEFT_OUT, str(done)
        assert_unchanged(before, snapshot(cluster, "cp1", "w2"))

    def test_the_next_run_does_what_was_left(self, lab: TestLab, cluster: Cluster) -> None:
        lab.start("w1")
        cluster.wait_ready("cp1", "w1", "w2")
        lab.kubewright("deploy").check()
        assert_hosts_files(lab, ["cp1", "w1", "w2"])
        assert_works(cluster, ["cp1", "w1", "w2"])


class TestStopAndStart:
    """All nodes are stopped and started again."""

    def test_the_cluster_comes_back_by_itself(self, lab: TestLab, cluster: Cluster) -> None:
        files = {node: _files(lab, node) for node in lab.nodes}
        for node in lab.nodes:
            lab.stop(node)
        for node in lab.nodes:
            lab.start(node)
        cluster_after = Cluster(lab, "cp1")
        cluster_after.wait_ready("cp1", "w1", "w2", deadline=240)
        assert_works(cluster_after, ["cp1", "w1", "w2"])
        for node, before in files.items():
            assert_unchanged(before, _files(lab, node))


class TestDriftAndRemoval:
    """What somebody changed is seen and mended, and a worker leaves."""

    def test_drift_is_planned_and_mended(self, lab: TestLab, cluster: Cluster) -> None:
        before = [running_services(cluster, node) for node in lab.nodes]
        lab.read("w1", "sh", "-c", f"echo '# by hand' >> {SYSCTLS}")
        planned = lab.kubewright("plan", "--detailed-exitcode")
        assert planned.exit_code == ExitCode.DIFFERENCES, str(planned)
        assert SYSCTLS in planned.output
        assert "# by hand" in lab.read("w1", "cat", SYSCTLS), "a plan changes nothing"
        lab.kubewright("deploy").check()
        assert "# by hand" not in lab.read("w1", "cat", SYSCTLS)
        assert lab.kubewright("plan", "--detailed-exitcode").exit_code == ExitCode.DONE
        assert [running_services(cluster, node) for node in lab.nodes] == before

    def test_a_worker_leaves(self, lab: TestLab, cluster: Cluster) -> None:
        staying = ("cp1", "w1")
        before = [running_services(cluster, node) for node in staying]
        lab.kubewright("remove", "--limit", "w2", "--yes").check()
        assert sorted(cluster.node_conditions()) == list(staying)
        assert_clean(lab, "w2")
        for node in staying:
            assert "w2" not in hosts_file(lab, node)
        assert [running_services(cluster, node) for node in staying] == before
        assert_works(cluster, ["cp1", "w1"])
        assert_nothing_left(cluster, ["cp1", "w1"])


def _files(lab: TestLab, node: str) -> dict[str, object]:
    return {
        name: value for name, value in flat_node(lab, node).items() if " /etc/kubernetes" in name or "/bin/" in name
    }
