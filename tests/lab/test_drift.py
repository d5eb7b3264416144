"""Somebody changed something by hand: the plan shows it, a deploy mends it, and nothing else is touched or restarted.

Every resource type drifts, and every kind of object that kubewright or kubeadm put into the cluster. What can be told
apart drifts together: one plan has to show exactly that.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ansible_collections.kubewright.cluster.plugins.module_utils.resources.registry import TYPES
from kubewright.errors import ExitCode
from tests.lab.support import drifts
from tests.lab.support.cluster import Cluster
from tests.lab.support.drift import Drifted
from tests.lab.support.flows import assert_nothing_left, assert_works
from tests.lab.support.lab import TestLab, lab_up
from tests.lab.support.plans import changes, plan
from tests.lab.support.playbooks import playbook

pytestmark = [pytest.mark.lab, pytest.mark.flow, pytest.mark.full]

NODES = ("cp1", "w1")
KUBELET_CONF = "/etc/kubernetes/kubelet.conf"
OF_NODES = (drifts.quiet, drifts.restarting, drifts.engine, drifts.damaged_kubelet, drifts.damaged_kubeadm)

Mend = Callable[[TestLab, Path], object]


@pytest.fixture(scope="module")
def lab(kubernetes_version: str, keep_labs: bool) -> Iterator[TestLab]:
    """One control plane and one worker that has a label, with a cluster on them."""
    with lab_up("drift", control_planes=1, workers=1, kubernetes=kubernetes_version, keep=keep_labs) as booted:
        (booted.inventory / "host_vars").mkdir(exist_ok=True)
        with (booted.inventory / "host_vars" / "w1.yml").open("a") as variables:
            variables.write(f"node_labels: {{{drifts.LABEL}: r1}}\n")
        booted.kubewright("deploy").check()
        yield booted


@pytest.fixture(scope="module")
def cluster(lab: TestLab) -> Cluster:
    """The cluster on it, asked through its one control plane."""
    return Cluster(lab, "cp1")


def by_playbook(lab: TestLab, folder: Path) -> None:
    """Mend it with plain Ansible."""
    playbook(lab, folder, "cluster").check()


def by_plan_file(lab: TestLab, folder: Path) -> None:
    """Keep the plan, and carry out what was kept."""
    lab.kubewright("plan", "--out", str(folder / "drift.plan")).check()
    lab.kubewright("apply", str(folder / "drift.plan")).check()


def by_deploy(lab: TestLab, _folder: Path) -> None:
    """Run deploy."""
    lab.kubewright("deploy").check()


class TestAtOnce:
    """All of a kind at the same time; each kind is mended in another way."""

    def test_a_new_cluster_has_none(self, lab: TestLab, cluster: Cluster) -> None:
        assert_works(cluster, NODES)
        assert lab.kubewright("plan", "--detailed-exitcode").exit_code == ExitCode.DONE

    def test_every_resource_type_drifts(self, lab: TestLab) -> None:
        assert {drift.id.partition(":")[0] for table in OF_NODES for drift in table(lab)} == set(TYPES)

    @pytest.mark.parametrize(
        ("table", "mend"),
        [
            (drifts.quiet, by_playbook),
            (drifts.restarting, by_plan_file),
            (drifts.engine, by_deploy),
            (drifts.objects, by_deploy),
        ],
        ids=["what restarts nothing", "what members are configured by", "the engine", "objects of the cluster"],
    )
    def test_what_is_shown_and_listed_is_what_the_run_changes(
        self, lab: TestLab, cluster: Cluster, tmp_path: Path, table: drifts.Table, mend: Mend
    ) -> None:
        drifted = Drifted(cluster, NODES, table(lab))
        drifted.assert_shown()
        drifted.assert_listed(tmp_path)
        mend(lab, tmp_path)
        drifted.assert_mended()
        assert_works(cluster, NODES)
        assert_nothing_left(cluster, NODES)


class TestAlone:
    """What would hide other drift, or does not last."""

    @pytest.mark.parametrize("unit", ["kubelet", "containerd"])
    def test_a_stopped_unit_is_started_and_its_pods_go_on(self, lab: TestLab, cluster: Cluster, unit: str) -> None:
        drifted = Drifted(cluster, NODES, drifts.stopped(unit))
        drifted.assert_shown()
        lab.kubewright("deploy").check()
        drifted.assert_mended()

    def test_a_damaged_kubelet_is_replaced_while_the_old_one_runs(self, lab: TestLab, cluster: Cluster) -> None:
        drifted = Drifted(cluster, NODES, drifts.damaged_kubelet(lab))
        drifted.assert_shown()
        lab.kubewright("deploy").check()
        drifted.assert_mended()

    def test_lost_credentials_are_named_and_left(self, lab: TestLab, cluster: Cluster) -> None:
        lab.read("w1", "mv", KUBELET_CONF, "/root/kubelet.conf")
        try:
            made = plan(lab)
        finally:
            lab.read("w1", "mv", "/root/kubelet.conf", KUBELET_CONF)
        assert changes(made) == {}
        assert [left for left in made["left"] if "w1" in left and "no credentials" in left], made["left"]
        assert lab.kubewright("plan", "--detailed-exitcode").exit_code == ExitCode.DONE

    def test_a_damaged_kubeadm_is_replaced_and_what_it_could_not_tell_is_said(
        self, lab: TestLab, cluster: Cluster
    ) -> None:
        drifted = Drifted(cluster, NODES, drifts.damaged_kubeadm(lab))
        notices = drifted.assert_shown()["notices"]
        silent = sorted(notice.partition(":")[0] for notice in notices if "kubeadm is not" in notice)
        assert silent == ["cp1", "cp1", "w1"], "cp1 tells of itself and of the cluster's objects"
        lab.kubewright("deploy").check()
        drifted.assert_mended()
        assert_works(cluster, NODES)
