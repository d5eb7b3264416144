"""The same growth by plain ``ansible-playbook``: no command line of ours, no ansible.cfg, any directory."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.lab.support.cluster import Cluster
from tests.lab.support.flows import assert_hosts_files, assert_nothing_left, assert_works
from tests.lab.support.lab import TestLab, lab_up
from tests.lab.support.playbooks import playbook
from tests.lab.support.snapshot import assert_unchanged, snapshot

pytestmark = [pytest.mark.lab, pytest.mark.flow]


@pytest.fixture(scope="module")
def lab(kubernetes_version: str, keep_labs: bool) -> Iterator[TestLab]:
    """One control plane and one worker, nothing deployed yet."""
    with lab_up("plain", control_planes=1, workers=1, kubernetes=kubernetes_version, keep=keep_labs) as booted:
        yield booted


class TestPlaybooks:
    """``cluster`` and ``scale``."""

    def test_cluster_makes_a_cluster_that_works(self, lab: TestLab, tmp_path: Path) -> None:
        playbook(lab, tmp_path, "cluster").check()
        cluster = Cluster(lab, "cp1")
        assert_works(cluster, ["cp1", "w1"])
        assert_hosts_files(lab, ["cp1", "w1"])
        assert_nothing_left(cluster, ["cp1", "w1"])

    def test_cluster_again_changes_nothing(self, lab: TestLab, tmp_path: Path) -> None:
        cluster = Cluster(lab, "cp1")
        before = snapshot(cluster, "cp1", "w1")
        done = playbook(lab, tmp_path, "cluster").check()
        assert_unchanged(before, snapshot(cluster, "cp1", "w1"))
        recap = done.stdout.partition("PLAY RECAP")[2]
        assert recap.count("changed=0") == len(recap.strip().splitlines()) - 1, recap

    def test_check_mode_with_diff_changes_nothing(self, lab: TestLab, tmp_path: Path) -> None:
        cluster = Cluster(lab, "cp1")
        before = snapshot(cluster, "cp1", "w1")
        playbook(lab, tmp_path, "cluster", "--check", "--diff").check()
        assert_unchanged(before, snapshot(cluster, "cp1", "w1"))

    def test_scale_with_limit_adds_a_worker_while_another_is_down(self, lab: TestLab, tmp_path: Path) -> None:
        cluster = Cluster(lab, "cp1")
        lab.stop("w1")
        assert lab.grow(workers=1) == ["w2"]
        done = playbook(lab, tmp_path, "scale", "--limit", "w2").check()
        assert_works(cluster, ["cp1", "w2"])
        assert_hosts_files(lab, ["w2"])
        assert_nothing_left(cluster, ["cp1", "w2"])
        assert "w1" in done.stdout.partition("PLAY RECAP")[0], "the fan-out that was left has to be named"

    def test_a_run_that_leaves_a_host_out_has_not_succeeded(self, lab: TestLab, tmp_path: Path) -> None:
        done = playbook(lab, tmp_path, "cluster")
        assert done.exit_code == 2, str(done)
        assert "hosts w1: they did not answer and were left out" in done.stdout

    def test_a_run_without_limit_does_the_fan_out(self, lab: TestLab, tmp_path: Path) -> None:
        lab.start("w1")
        Cluster(lab, "cp1").wait_ready("cp1", "w1", "w2")
        playbook(lab, tmp_path, "scale").check()
        assert_hosts_files(lab, ["cp1", "w1", "w2"])
        assert_works(Cluster(lab, "cp1"), ["cp1", "w1", "w2"])
