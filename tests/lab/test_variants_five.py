"""Five control planes: the largest stacked etcd that is supported, and it stands two that die."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.lab.support.cluster import Cluster
from tests.lab.support.flows import assert_nothing_left, assert_works
from tests.lab.support.lab import TestLab, lab_up
from tests.lab.support.snapshot import assert_unchanged, snapshot

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
