"""A worker that has a pod under a disruption budget is removed; then the cluster is reset and deployed again."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.lab.support.cluster import Cluster
from tests.lab.support.flows import assert_hosts_files, assert_nothing_left, assert_works, hosts_file
from tests.lab.support.frozen import freeze_when_at_work, thaw
from tests.lab.support.lab import TestLab, lab_up
from tests.lab.support.locking import has_file, held_elsewhere, started
from tests.lab.support.removal import assert_clean
from tests.lab.support.waiting import wait_until

pytestmark = [pytest.mark.lab, pytest.mark.flow, pytest.mark.full]

REFUSED = 5
BAD_INPUT = 3
LOCKED = 6
NAMED = ("--yes", "--confirm", "cluster.local")
FOREIGN = "made-by-somebody-else"
FOREIGN_RULE = ("INPUT", "-p", "tcp", "--dport", "9", "-m", "comment", "--comment", FOREIGN, "-j", "ACCEPT")


@pytest.fixture(scope="module")
def lab(kubernetes_version: str, keep_labs: bool) -> Iterator[TestLab]:
    """One control plane and two workers with a cluster on them."""
    with lab_up("remove", control_planes=1, workers=2, kubernetes=kubernetes_version, keep=keep_labs) as booted:
        booted.kubewright("deploy").check()
        yield booted


@pytest.fixture(scope="module")
def cluster(lab: TestLab) -> Cluster:
    """The cluster on it."""
    return Cluster(lab, "cp1")


def workload(cluster: Cluster, *, replicas: int, min_available: int) -> None:
    """Pods that wait, and a disruption budget for them."""
    deployment = cluster.get("-n", "kube-system", "deployment", "coredns")
    image = deployment["spec"]["template"]["spec"]["containers"][0]["image"]
    labels = {"app": "guarded"}
    container = {"name": "guarded", "image": image, "imagePullPolicy": "Never", "args": ["-dns.port", "5353"]}
    pod = {"terminationGracePeriodSeconds": 0, "containers": [container]}
    items = [
        {
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "metadata": {"name": "guarded", "namespace": "default"},
            "spec": {
                "replicas": replicas,
                "selector": {"matchLabels": labels},
                "template": {"metadata": {"labels": labels}, "spec": pod},
            },
        },
        {
            "apiVersion": "policy/v1",
            "kind": "PodDisruptionBudget",
            "metadata": {"name": "guarded", "namespace": "default"},
            "spec": {"minAvailable": min_available, "selector": {"matchLabels": labels}},
        },
    ]
    cluster.kubectl("apply", "-f", "-", stdin=json.dumps({"apiVersion": "v1", "kind": "List", "items": items}))
    cluster.kubectl("rollout", "status", "deployment", "guarded", "--timeout=60s", timeout=90)
    wait_until(
        lambda: cluster.get("pdb", "guarded")["status"].get("expectedPods") == replicas,
        deadline=60,
        what="the budget counts its pods",
    )


def nodes_of(cluster: Cluster) -> set[str]:
    """Where the guarded pods run."""
    return {str(pod["spec"]["nodeName"]) for pod in cluster.get("pods", "-l", "app=guarded")["items"]}


class TestWorker:
    """A worker is removed."""

    def test_a_budget_that_can_never_pass_is_refused(self, lab: TestLab, cluster: Cluster) -> None:
        workload(cluster, replicas=2, min_available=2)
        node = min(nodes_of(cluster))
        done = lab.kubewright("remove", "--limit", node, "--yes")
        assert done.exit_code == REFUSED, str(done)
        assert "default/guarded" in done.output
        assert not cluster.get("node", node)["spec"].get("unschedulable"), "a refused run must change nothing"

    def test_nobody_confirmed_it(self, lab: TestLab, cluster: Cluster) -> None:
        assert lab.kubewright("remove", "--limit", "w1").exit_code == BAD_INPUT
        assert sorted(cluster.node_conditions()) == ["cp1", "w1", "w2"]

    def test_a_saved_plan_is_refused_after_a_change(self, lab: TestLab, cluster: Cluster, tmp_path: Path) -> None:
        workload(cluster, replicas=2, min_available=1)
        file = str(tmp_path / "w1.plan")
        lab.kubewright("plan", "remove", "--limit", "w1", "--out", file).check()
        cluster.kubectl("patch", "pdb", "guarded", "--type=merge", "-p", '{"spec":{"minAvailable":0}}')
        done = lab.kubewright("apply", file, "--yes")
        assert done.exit_code == REFUSED, str(done)
        assert "guarded" in done.output, str(done)
        assert sorted(cluster.node_conditions()) == ["cp1", "w1", "w2"]
        assert not cluster.get("node", "w1")["spec"].get("unschedulable"), "a refused run must change nothing"

    def test_is_drained_by_the_budget_and_cleaned(self, lab: TestLab, cluster: Cluster) -> None:
        workload(cluster, replicas=2, min_available=1)
        lab.execute("w1", "iptables", "-A", *FOREIGN_RULE).check()
        lab.kubewright("remove", "--limit", "w1", "--yes").check()
        cluster.wait_ready("cp1", "w2")
        assert sorted(cluster.node_conditions()) == ["cp1", "w2"]
        assert nodes_of(cluster) <= {"w2"}
        assert_clean(lab, "w1")
        assert FOREIGN in lab.read("w1", "iptables-save")
        record = json.loads(cluster.get("-n", "kube-system", "configmap", "kubewright")["data"]["record"])
        assert sorted(record["fan_out"]) == ["cp1", "w2"]
        assert "w1" not in hosts_file(lab, "w2"), "the others have to forget it"
        assert_nothing_left(cluster, ["cp1", "w2"])

    def test_again_does_nothing(self, lab: TestLab, cluster: Cluster) -> None:
        done = lab.kubewright("remove", "--limit", "w1", "--yes").check()
        assert "nothing" in done.output.lower()

    def test_can_come_back_at_once(self, lab: TestLab, cluster: Cluster) -> None:
        lab.kubewright("scale", "--limit", "w1").check()
        assert_works(cluster, ["cp1", "w1", "w2"])
        assert_hosts_files(lab, ["cp1", "w1", "w2"])


class TestReset:
    """The whole cluster goes."""

    def test_needs_the_name(self, lab: TestLab, cluster: Cluster) -> None:
        assert lab.kubewright("reset", "--yes").exit_code == BAD_INPUT
        assert lab.kubewright("reset", "--yes", "--confirm", "another").exit_code == BAD_INPUT
        cluster.wait_ready("cp1", "w1", "w2")

    def test_is_refused_while_another_run_is_at_work(self, lab: TestLab, cluster: Cluster) -> None:
        with held_elsewhere(cluster):
            refused = lab.kubewright("reset", *NAMED)
        assert refused.exit_code == LOCKED, str(refused)
        assert "somebody-else on elsewhere" in refused.output
        assert not has_file(lab)
        cluster.wait_ready("cp1", "w1", "w2")

    def test_cleans_every_host_and_lets_nobody_else_at_it(self, lab: TestLab, tmp_path: Path) -> None:
        with started(lab, "reset", *NAMED) as first:
            frozen = freeze_when_at_work(lab, "w2")
            try:
                second = lab.kubewright("reset", *NAMED, "--state-dir", str(tmp_path))
            finally:
                thaw(lab, frozen)
        assert first.returncode == 0, lab.history[-1]
        assert second.exit_code == LOCKED, str(second)
        assert "with: reset" in second.output
        assert not has_file(lab)
        for node in lab.nodes:
            assert_clean(lab, node)

    def test_it_can_be_deployed_again_at_once(self, lab: TestLab, cluster: Cluster) -> None:
        lab.kubewright("deploy").check()
        assert_works(cluster, ["cp1", "w1", "w2"])
