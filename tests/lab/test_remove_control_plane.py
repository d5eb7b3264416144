"""The first of three control planes is removed alive, put back, removed dead, and another one put in its place.

Then Nodes leave that the inventory does not have any more. Whatever is asked of the cluster is asked through a control
plane that stays.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.lab.support.cluster import Cluster
from tests.lab.support.flows import assert_hosts_files, assert_nothing_left, assert_works, hosts_file, running_services
from tests.lab.support.lab import TestLab, lab_up
from tests.lab.support.playbooks import playbook
from tests.lab.support.removal import assert_clean, take_out_of_inventory

pytestmark = [pytest.mark.lab, pytest.mark.flow, pytest.mark.full]

UNREACHABLE = 4
REFUSED = 5
LOGIN = ("-u", "admin")
SNAPSHOTS = "/var/lib/kubewright/snapshots"


@pytest.fixture(scope="module")
def lab(kubernetes_version: str, keep_labs: bool) -> Iterator[TestLab]:
    """Three control planes and one worker with a cluster on them."""
    with lab_up("leave", control_planes=3, workers=1, kubernetes=kubernetes_version, keep=keep_labs) as booted:
        booted.kubewright("deploy").check()
        yield booted


@pytest.fixture(scope="module")
def cluster(lab: TestLab) -> Cluster:
    """The cluster, asked through its second control plane."""
    return Cluster(lab, "cp2")


def record(cluster: Cluster) -> list[str]:
    """Nodes that kubewright's record in the cluster has."""
    value = json.loads(cluster.get("-n", "kube-system", "configmap", "kubewright")["data"]["record"])
    return sorted(value["fan_out"])


def balanced(lab: TestLab, worker: str = "w1") -> set[str]:
    """Control planes that a worker's local load balancer knows."""
    configuration = lab.read(worker, "cat", "/etc/kubernetes/haproxy/haproxy.cfg")
    words = {word.partition(":")[0] for word in configuration.split()}
    return {name for name in lab.control_planes if str(lab.nodes[name].address) in words}


def snapshots(lab: TestLab, node: str) -> set[str]:
    """Snapshots of etcd that are kept on a node, for root alone."""
    return set(lab.execute(node, "find", SNAPSHOTS, "-type", "f", "-perm", "0600").stdout.split())


def assert_others_forgot(lab: TestLab, gone: str, *staying: str) -> None:
    """No hosts file and no load balancer names a host that left."""
    assert [node for node in staying if gone in hosts_file(lab, node)] == []
    assert gone not in balanced(lab)


class TestTheFirstLeavesAlive:
    """The control plane that was first is removed while it is up, and put back."""

    def test_is_removed_and_cleaned(self, lab: TestLab, cluster: Cluster) -> None:
        before, kept = running_services(cluster, "w1"), snapshots(lab, "cp2")
        done = lab.kubewright("remove", "--limit", "cp1", "--yes").check()
        assert_works(cluster, ["cp2", "cp3", "w1"])
        assert sorted(cluster.node_conditions()) == ["cp2", "cp3", "w1"]
        assert cluster.etcd_voters() == ["cp2", "cp3"]
        assert record(cluster) == ["cp2", "cp3", "w1"]
        assert_clean(lab, "cp1")
        assert_others_forgot(lab, "cp1", "cp2", "cp3", "w1")
        assert_nothing_left(cluster, ["cp2", "cp3", "w1"])
        assert running_services(cluster, "w1") == before, "a node that leaves must restart nothing on another"
        (snapshot,) = snapshots(lab, "cp2") - kept
        assert snapshot in done.output, "the place of the snapshot has to be said"

    def test_the_kubeconfig_names_one_that_stays(self, lab: TestLab) -> None:
        text = (lab.inventory / ".artifacts" / "admin.conf").read_text()
        assert str(lab.nodes["cp1"].address) not in text
        answer = lab.execute("cp3", "kubectl", "--kubeconfig=/dev/stdin", "get", "nodes", "-o", "name", stdin=text)
        assert sorted(answer.check().stdout.split()) == ["node/cp2", "node/cp3", "node/w1"]

    def test_again_does_nothing(self, lab: TestLab, cluster: Cluster) -> None:
        done = lab.kubewright("remove", "--limit", "cp1", "--yes").check()
        assert "nothing" in done.output.lower()
        assert cluster.etcd_voters() == ["cp2", "cp3"]

    def test_scale_puts_it_back(self, lab: TestLab, cluster: Cluster) -> None:
        lab.kubewright("scale", "--limit", "cp1").check()
        everywhere = ["cp1", "cp2", "cp3", "w1"]
        assert_works(cluster, everywhere)
        assert cluster.etcd_voters() == ["cp1", "cp2", "cp3"]
        assert balanced(lab) == {"cp1", "cp2", "cp3"}
        assert_hosts_files(lab, everywhere)
        assert_nothing_left(cluster, everywhere)


class TestTheFirstDies:
    """The control plane that was first is dead for good; another one takes its place."""

    def test_a_dead_host_is_not_removed_unless_that_is_said(self, lab: TestLab, cluster: Cluster) -> None:
        lab.stop("cp1", kill=True)
        refused = lab.kubewright("remove", "--limit", "cp1", "--yes")
        assert refused.exit_code == UNREACHABLE, str(refused)
        assert "--offline" in refused.output
        assert cluster.etcd_voters() == ["cp1", "cp2", "cp3"]
        assert not cluster.get("node", "cp1")["spec"].get("unschedulable"), "a refused run must change nothing"

    def test_offline_takes_it_out_of_the_cluster(self, lab: TestLab, cluster: Cluster) -> None:
        kept = snapshots(lab, "cp2")
        done = lab.kubewright("remove", "--limit", "cp1", "--offline", "--yes").check()
        assert_works(cluster, ["cp2", "cp3", "w1"])
        assert sorted(cluster.node_conditions()) == ["cp2", "cp3", "w1"]
        assert cluster.etcd_voters() == ["cp2", "cp3"]
        assert record(cluster) == ["cp2", "cp3", "w1"]
        pods = cluster.get("pods", "-A", "--field-selector=spec.nodeName=cp1")["items"]
        assert [pod["metadata"]["name"] for pod in pods] == []
        assert_others_forgot(lab, "cp1", "cp2", "cp3", "w1")
        (snapshot,) = snapshots(lab, "cp2") - kept
        assert snapshot in done.output, "the place of the snapshot has to be said"
        assert "cp1 is dead and is not cleaned" in done.output

    def test_a_new_one_in_its_place(self, lab: TestLab, cluster: Cluster) -> None:
        take_out_of_inventory(lab, "cp1")
        assert lab.grow(control_planes=1) == ["cp4"]
        lab.kubewright("scale", "--limit", "cp4").check()
        everywhere = ["cp2", "cp3", "cp4", "w1"]
        assert_works(cluster, everywhere)
        assert cluster.etcd_voters() == ["cp2", "cp3", "cp4"]
        assert balanced(lab) == {"cp2", "cp3", "cp4"}
        assert record(cluster) == everywhere
        for node in everywhere:
            assert {*everywhere} <= hosts_file(lab, node).keys()
        assert_others_forgot(lab, "cp1", *everywhere)
        assert_nothing_left(cluster, everywhere)

    def test_the_next_plan_is_empty(self, lab: TestLab) -> None:
        done = lab.kubewright("plan", "--detailed-exitcode").check()
        assert "nothing" in done.output.lower()


class TestGoneFromTheInventory:
    """Nodes that the inventory does not have any more are left until they are named."""

    def test_other_verbs_leave_them_and_name_them(self, lab: TestLab, cluster: Cluster) -> None:
        assert lab.grow(workers=2) == ["w2", "w3"]
        lab.kubewright("scale", "--limit", "w2,w3").check()
        take_out_of_inventory(lab, "w2", "w3")
        done = lab.kubewright("deploy").check()
        for node in ("w2", "w3"):
            assert f"kubewright remove --limit {node}" in done.output
        cluster.wait_ready("cp2", "cp3", "cp4", "w1", "w2", "w3")

    def test_by_the_command(self, lab: TestLab, cluster: Cluster) -> None:
        """The host is found by its Node's address; its login was in the inventory's line that is gone."""
        done = lab.kubewright("remove", "--limit", "w2", "--yes", *LOGIN).check()
        assert "not cleaned" not in done.output
        assert_clean(lab, "w2")
        cluster.wait_ready("cp2", "cp3", "cp4", "w1", "w3")
        assert sorted(cluster.node_conditions()) == ["cp2", "cp3", "cp4", "w1", "w3"]
        assert record(cluster) == ["cp2", "cp3", "cp4", "w1", "w3"]

    def test_one_that_lives_is_not_removed_as_a_dead_one(self, lab: TestLab, cluster: Cluster) -> None:
        refused = lab.kubewright("remove", "--limit", "w3", "--offline", "--yes", *LOGIN)
        assert refused.exit_code == REFUSED, str(refused)
        assert "offline-host-alive" in refused.output
        assert not cluster.get("node", "w3")["spec"].get("unschedulable"), "a refused run must change nothing"

    def test_a_dead_one_by_the_playbook(self, lab: TestLab, cluster: Cluster, tmp_path: Path) -> None:
        lab.stop("w3", kill=True)
        given = ("node=w3", "kubewright_offline=true", "skip_confirmation=true")
        done = playbook(lab, tmp_path, "remove_node", *(word for each in given for word in ("-e", each))).check()
        assert "w3 is not in the inventory and is not cleaned: it is dead" in done.output
        assert_works(cluster, ["cp2", "cp3", "cp4", "w1"])
        assert sorted(cluster.node_conditions()) == ["cp2", "cp3", "cp4", "w1"]
        assert record(cluster) == ["cp2", "cp3", "cp4", "w1"]
        assert_nothing_left(cluster, ["cp2", "cp3", "cp4", "w1"])

    def test_nobody_knows_it_any_more(self, lab: TestLab) -> None:
        refused = lab.kubewright("remove", "--limit", "w2", "--yes")
        assert refused.exit_code == 3, str(refused)
        assert "neither the inventory nor the cluster has it" in refused.output
