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
from tests.lab.support.locking import holder, started
from tests.lab.support.waiting import wait_until

pytestmark = [pytest.mark.lab, pytest.mark.flow, pytest.mark.full]

STORE = "/var/lib/kubewright"
STORE_BYTES = 1_400_000_000
"""More than the artifacts of a worker need."""

# Waits for a file in a folder and fills its file system. All artifacts arrive within a second or two, so whoever holds
# the node's lock stands still meanwhile. Prints how many bytes there were to be filled.
_FILL = """
import errno, json, os, signal, sys, time
store = sys.argv[1]
end = time.monotonic() + 120
while not any(names for _, _, names in os.walk(store)):
    assert time.monotonic() < end, "nothing arrives"
    time.sleep(0.01)
with open("/run/kubewright/lock") as lock:
    holder = json.load(lock)["pid"]
os.kill(holder, signal.SIGSTOP)
filled = 0
try:
    with open(store + "/somebody-elses", "wb", buffering=0) as file:
        while True:
            filled += file.write(bytes(4 << 20))
except OSError as error:
    if error.errno != errno.ENOSPC:
        raise
finally:
    os.kill(holder, signal.SIGCONT)
print(json.dumps(filled))
"""


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


def scale_with_trouble(lab: TestLab, moment: Callable[[], bool], trouble: Callable[[], None], *options: str) -> Result:
    """Run scale and make trouble once the moment is seen; return how the run ended."""
    with started(lab, "scale", *options) as process:
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
    """Fill the store when the first of them begins to lie in it."""
    lab.python(node, _FILL, STORE, timeout=150)


@pytest.fixture(scope="module")
def to_fill(lab: TestLab) -> tuple[str, str]:
    """Two new workers, of which the first is the one whose disk fills up."""
    full, other = lab.grow(workers=2)
    return full, other


class TestDiskFillsUp:
    """Of two workers that join, one has a disk that somebody else fills while artifacts arrive."""

    def test_more_failures_than_may_be_end_the_run(
        self, lab: TestLab, cluster: Cluster, to_fill: tuple[str, str]
    ) -> None:
        full, other = to_fill
        members = sorted(cluster.node_conditions())
        with small_store(lab, full):
            ended = scale_with_trouble(
                lab, lambda: True, lambda: fill_when_artifacts_arrive(lab, full), "--max-failures", "0"
            )
        assert ended.exit_code == ExitCode.STEP_FAILED, ended
        assert f"--max-failures 0: 1 host has failed ({full})" in ended.output, ended
        assert "No space left" in ended.output, ended
        assert lab.read(other, "systemctl", "is-active", "containerd").strip() == "active", "it was under way"
        assert sorted(cluster.node_conditions()) == members, "no worker may have begun to join"
        assert cluster.leftovers() == []
        assert holder(cluster) == ""

    def test_without_a_bound_the_other_joins(self, lab: TestLab, cluster: Cluster, to_fill: tuple[str, str]) -> None:
        full, _ = to_fill
        with small_store(lab, full):
            ended = scale_with_trouble(lab, lambda: True, lambda: fill_when_artifacts_arrive(lab, full))
        assert "No space left" in ended.output, ended
        assert_the_others_are_done(lab, cluster, ended, full)

    def test_the_next_run_completes(self, lab: TestLab, cluster: Cluster) -> None:
        assert_the_next_run_completes(lab, cluster)
