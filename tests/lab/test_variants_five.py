"""Five control planes: the largest stacked etcd that is supported; it stands two that die, and is told of a third."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from kubewright.errors import ExitCode
from tests.lab.support.cluster import Cluster
from tests.lab.support.flows import assert_nothing_left, assert_works
from tests.lab.support.lab import TestLab, lab_up
from tests.lab.support.snapshot import assert_unchanged, snapshot
from tests.lab.support.states import found_about, status

pytestmark = [pytest.mark.lab, pytest.mark.flow, pytest.mark.full]

FIVE = ["cp1", "cp2", "cp3", "cp4", "cp5"]


@pytest.fixture(scope="module")
def lab(kubernetes_version: str, keep_labs: bool) -> Iterator[TestLab]:
    """Five control planes and a worker, nothing deployed yet."""
    with lab_up("five", control_planes=5, workers=1, kubernetes=kubernetes_version, keep=keep_labs) as booted:
        yield booted


class TestFive:
    """``deploy`` of five at once."""

    def test_makes_a_cluster_that_works(self, lab: TestLab) -> None:
        lab.kubewright("deploy").check()
        cluster = Cluster(lab, "cp1")
        assert cluster.etcd_voters() == FIVE
        assert_works(cluster, [*FIVE, "w1"])
        assert_nothing_left(cluster, [*FIVE, "w1"])

    def test_again_changes_nothing(self, lab: TestLab) -> None:
        cluster = Cluster(lab, "cp1")
        before = snapshot(cluster, *lab.nodes)
        lab.kubewright("deploy").check()
        assert_unchanged(before, snapshot(cluster, *lab.nodes))

    def test_two_may_die(self, lab: TestLab) -> None:
        for node in ("cp1", "cp2"):
            lab.stop(node, kill=True)
        assert_works(Cluster(lab, "cp3"), ["cp3", "cp4", "cp5", "w1"])


class TestQuorum:
    """A third one dies, and comes back."""

    def test_without_it_status_names_who_is_to_be_brought_back(self, lab: TestLab) -> None:
        lab.stop("cp3", kill=True)
        told = status(lab, ExitCode.UNREACHABLE)
        state = told["state"]
        assert state["kind"] == "quorum lost", state
        named = re.match(r"Bring back etcd members \((.*)\) until ", state["next"])
        assert named is not None, state
        assert sorted(named[1].split(", ")) == ["cp1", "cp2", "cp3"], "those that live are not to be brought back"
        assert "Remove or reset nothing" in state["next"]
        assert told["cluster"] is None, "nobody can speak for a cluster whose etcd has no majority"
        for alive in ("cp4", "cp5"):
            assert told["control_planes"][alive]["known"], "what the disks of those tell that live has to be shown"

    def test_with_one_of_them_the_cluster_is_degraded_and_works(self, lab: TestLab) -> None:
        lab.start("cp3")
        cluster = Cluster(lab, "cp4")
        cluster.wait_ready("cp3", "cp4", "cp5", "w1", deadline=240)
        assert_works(cluster, ["cp3", "cp4", "cp5", "w1"])
        state = status(lab)["state"]
        assert state["kind"] == "degraded", state
        assert {"etcd member cp1", "etcd member cp2"} <= found_about(state, ["cp1", "cp2"])
        assert found_about(state, ["cp3", "cp4", "cp5", "w1"]) == set()
