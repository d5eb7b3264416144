"""A node dies, a cable is pulled or a disk fills up in the middle of scale; the others are done, and it can go on."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator

import pytest

from kubewright.errors import ExitCode
from tests.lab.support.cluster import Cluster
from tests.lab.support.commands import Result
from tests.lab.support.flows import assert_hosts_files, assert_nothing_left, assert_works
from tests.lab.support.lab import TestLab, lab_up
from tests.lab.support.locking import started
from tests.lab.support.waiting import wait_until

pytestmark = [pytest.mark.lab, pytest.mark.flow, pytest.mark.full]

STORE = "/var/lib/kubewright"
STORE_BYTES = 1_400_000_000
"""More than the artifacts of a worker need."""


@pytest.fixture(scope="module")
def lab(kubernetes_version: str, keep_labs: bool) -> Iterator[TestLab]:
    """One control plane and one worker with a cluster on them."""
    with lab_up("troubles", control_planes=1, workers=1, kubernetes=kubernetes_version, keep=keep_labs) as booted:
        booted.kubewright("deploy").check()
        yield booted


@pytest.fixture(scope="module")
def cluster(lab: TestLab) -> Cluster:
    """The cluster on it."""
    return Cluster(lab, "cp1")


def scale_with_trouble(lab: TestLab, moment: Callable[[], bool], trouble: Callable[[], None]) -> Result:
    """Run scale and make trouble once the moment is seen; return how the run ended."""
    with started(lab, "scale") as process:
        wait_until(moment, deadline=120, what="the moment for the trouble", every=0.1)
        trouble()
        assert process.poll() is None, "the run ended before the trouble"
    return lab.history[-1]


def has(lab: TestLab, node: str, path: str) -> bool:
    """Whether a node has a file."""
    return lab.execute(node, "test", "-e", path).exit_code == 0


def assert_the_others_are_done(lab: TestLab, cluster: Cluster, ended: Result, lost: str) -> None:
    """The run told of the lost host and did all for the others."""
    assert ended.exit_code in (ExitCode.UNREACHABLE, ExitCode.STEP_FAILED), ended
    assert lost in ended.output, ended
    assert_works(cluster, [name for name in lab.nodes if name != lost])
    assert cluster.leftovers() == []
    newest = max((lab.inventory / ".kubewright" / "runs").iterdir(), key=lambda folder: folder.stat().st_mtime)
    report = (newest / "report.html").read_text()
    assert lost in report
    assert "src=" not in report, "the report must load nothing"


def assert_the_next_run_completes(lab: TestLab, cluster: Cluster) -> None:
    """The same command again does what is left."""
    lab.kubewright("scale").check()
    assert_works(cluster, list(lab.nodes))
    assert_hosts_files(lab, list(lab.nodes))
    assert_nothing_left(cluster, list(lab.nodes))


class TestNodeDies:
    """Of two workers that join, one loses its power while it is prepared."""

    def test_the_other_joins(self, lab: TestLab, cluster: Cluster) -> None:
        lost, _ = lab.grow(workers=2)
        ended = scale_with_trouble(lab, lambda: has(lab, lost, STORE), lambda: lab.stop(lost, kill=True))
        assert_the_others_are_done(lab, cluster, ended, lost)
        lab.start(lost)

    def test_the_next_run_completes(self, lab: TestLab, cluster: Cluster) -> None:
        assert_the_next_run_completes(lab, cluster)


class TestNetworkIsCut:
    """Of two workers that join, one loses its network: nothing tells the controller that it is gone."""

    def test_the_other_joins(self, lab: TestLab, cluster: Cluster) -> None:
        lost, _ = lab.grow(workers=2)
        try:
            ended = scale_with_trouble(lab, lambda: has(lab, lost, STORE), lambda: lab.cut_network(lost))
            assert_the_others_are_done(lab, cluster, ended, lost)
        finally:
            lab.heal_network(lost)

    def test_the_next_run_completes(self, lab: TestLab, cluster: Cluster) -> None:
        assert_the_next_run_completes(lab, cluster)


@contextlib.contextmanager
def small_store(lab: TestLab, node: str) -> Iterator[None]:
    """Put kubewright's store on a small disk of its own for a while."""
    lab.read(node, "mkdir", "-p", STORE)
    lab.read(node, "mount", "-t", "tmpfs", "-o", f"size={STORE_BYTES}", "tmpfs", STORE)
    try:
        yield
    finally:
        lab.read(node, "umount", STORE)


def fill_when_artifacts_arrive(lab: TestLab, node: str) -> None:
    """Fill the store as soon as something lies in it; on the node itself, for all of it arrives within seconds."""
    arriving = f"until find {STORE} -type f | grep -q .; do sleep 0.02; done"
    lab.execute(node, "sh", "-c", f"{arriving}; exec dd if=/dev/zero of={STORE}/somebody-elses bs=4M", timeout=120)


class TestDiskFillsUp:
    """Of two workers that join, one has a disk that somebody else fills while artifacts arrive."""

    def test_the_other_joins(self, lab: TestLab, cluster: Cluster) -> None:
        full, _ = lab.grow(workers=2)
        with small_store(lab, full):
            ended = scale_with_trouble(lab, lambda: True, lambda: fill_when_artifacts_arrive(lab, full))
            assert "No space left" in ended.output, ended
            assert_the_others_are_done(lab, cluster, ended, full)
            lab.read(full, "rm", f"{STORE}/somebody-elses")

    def test_the_next_run_completes(self, lab: TestLab, cluster: Cluster) -> None:
        assert_the_next_run_completes(lab, cluster)
