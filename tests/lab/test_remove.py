"""A worker that has a pod under a disruption budget is removed; then the cluster is reset and deployed again."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from tests.lab.support.cluster import Cluster
from tests.lab.support.flows import assert_hosts_files, assert_nothing_left, assert_works, hosts_file
from tests.lab.support.lab import TestLab, lab_up
from tests.lab.support.waiting import wait_until

pytestmark = [pytest.mark.lab, pytest.mark.flow, pytest.mark.full]

REFUSED = 5
BAD_INPUT = 3
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


def assert_clean(lab: TestLab, node: str) -> None:
    """Nothing of Kubernetes is on the node; what is somebody else's is."""
    for unit in ("kubelet", "containerd"):
        assert lab.execute(node, "systemctl", "is-active", unit).stdout.strip() in ("inactive", "unknown"), unit
    paths = (
        "/etc/kubernetes",
        "/etc/kubewright",
        "/etc/cni/net.d",
        "/var/lib/kubelet",
        "/var/lib/etcd",
        "/var/lib/kubewright",
        "/run/flannel",
        "/usr/local/bin/kubelet",
        "/etc/systemd/system/kubelet.service",
        "/etc/containerd/config.toml",
    )
    left = [path for path in paths if lab.execute(node, "test", "-e", path).exit_code == 0]
    assert left == [], f"left on {node}"
    links = lab.read(node, "ip", "-o", "link")
    assert not [name for name in ("flannel.1", "cni0", "veth") if f" {name}" in links], links
    rules = lab.read(node, "iptables-save")
    assert not [line for line in rules.splitlines() if "KUBE-" in line or "FLANNEL-" in line or "CNI-" in line], rules
    assert "/var/lib/kubelet" not in lab.read(node, "cat", "/proc/mounts")
    assert "kubewright" not in lab.read(node, "cat", "/etc/hosts").lower()
    assert lab.execute(node, "pgrep", "-f", "containerd-shim|kube-proxy|flanneld|kube-apiserver|etcd").exit_code == 1


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

    def test_cleans_every_host(self, lab: TestLab) -> None:
        lab.kubewright("reset", "--yes", "--confirm", "cluster.local").check()
        for node in lab.nodes:
            assert_clean(lab, node)

    def test_it_can_be_deployed_again_at_once(self, lab: TestLab, cluster: Cluster) -> None:
        lab.kubewright("deploy").check()
        assert_works(cluster, ["cp1", "w1", "w2"])
