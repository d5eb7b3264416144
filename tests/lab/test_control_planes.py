"""One control plane grows to three; then the first one dies and work goes on.

Everything after the death is asked through a surviving control plane or a worker's local load balancer.
"""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from tests.lab.support.cluster import Cluster, api_through_endpoint
from tests.lab.support.flows import assert_hosts_files, assert_nothing_left, assert_works, running_services
from tests.lab.support.lab import TestLab, lab_up
from tests.lab.support.snapshot import assert_unchanged, snapshot
from tests.lab.support.ssh_sessions import SessionCounter
from tests.lab.support.states import found_about, status
from tests.lab.support.waiting import wait_until

pytestmark = [pytest.mark.lab, pytest.mark.flow]

HOSTS_LEFT_OUT = 7


@pytest.fixture(scope="module")
def lab(kubernetes_version: str, keep_labs: bool) -> Iterator[TestLab]:
    """One control plane and one worker with a cluster on them."""
    with lab_up("planes", control_planes=1, workers=1, kubernetes=kubernetes_version, keep=keep_labs) as booted:
        booted.kubewright("deploy").check()
        yield booted


class TestOneBecomesThree:
    """``scale`` adds control planes."""

    def test_scale_adds_two_control_planes_and_a_worker(self, lab: TestLab) -> None:
        cluster = Cluster(lab, "cp1")
        cluster.wait_ready("cp1", "w1")
        assert sorted(lab.grow(control_planes=2, workers=1)) == ["cp2", "cp3", "w2"]
        before = running_services(cluster, "w1")
        lab.kubewright("scale", "--limit", "cp2,cp3,w2").check()
        everywhere = ["cp1", "cp2", "cp3", "w1", "w2"]
        assert_works(cluster, everywhere)
        assert_hosts_files(lab, everywhere)
        assert_nothing_left(cluster, everywhere)
        assert cluster.etcd_voters() == ["cp1", "cp2", "cp3"]
        assert running_services(cluster, "w1") == before, "adding a node must restart nothing on another"

    def test_etcds_data_was_kept_before(self, lab: TestLab) -> None:
        (kept,) = lab.read("cp1", "find", "/var/lib/kubewright/snapshots", "-type", "f", "-perm", "0600").split()
        lab.read("cp1", "cp", kept, "/var/lib/etcd/kept.db")
        etcdutl = ("exec", "--namespace=kube-system", "etcd-cp1", "--", "etcdutl", "--write-out=json")
        status = json.loads(Cluster(lab, "cp1").kubectl(*etcdutl, "snapshot", "status", "/var/lib/etcd/kept.db"))
        lab.read("cp1", "rm", "/var/lib/etcd/kept.db")
        assert status["totalKey"] > 100

    def test_no_configuration_names_a_single_control_plane(self, lab: TestLab) -> None:
        cluster = Cluster(lab, "cp1")
        planes = {name: str(lab.nodes[name].address) for name in lab.control_planes}
        texts = {node: lab.read(node, "cat", "/etc/kubernetes/kubelet.conf") for node in lab.nodes}
        texts["kube-proxy"] = cluster.kubectl("-n", "kube-system", "get", "configmap", "kube-proxy", "-o", "yaml")
        texts["cluster-info"] = cluster.kubectl("-n", "kube-public", "get", "configmap", "cluster-info", "-o", "yaml")
        # A control plane's kubelet uses the API server beside it.
        naming = {
            name: plane
            for name, text in texts.items()
            for plane, address in planes.items()
            if address in text and plane != name
        }
        assert naming == {}

    def test_workers_balance_over_all_three(self, lab: TestLab) -> None:
        for worker in ("w1", "w2"):
            configuration = lab.read(worker, "cat", "/etc/kubernetes/haproxy/haproxy.cfg")
            unknown = [name for name in lab.control_planes if str(lab.nodes[name].address) not in configuration]
            assert unknown == [], f"{worker}'s load balancer does not know them"

    def test_scale_again_changes_nothing(self, lab: TestLab) -> None:
        cluster = Cluster(lab, "cp1")
        before = snapshot(cluster, *lab.nodes)
        lab.kubewright("scale", "--limit", "cp2,cp3,w2").check()
        lab.kubewright("deploy").check()
        assert_unchanged(before, snapshot(cluster, *lab.nodes))


class TestTheFirstControlPlaneDies:
    """Nothing depends on the control plane that was first."""

    def test_the_api_answers_through_a_workers_load_balancer(self, lab: TestLab) -> None:
        lab.stop("cp1", kill=True)
        # Not the first answer counts but that it keeps answering: for seconds the dead server is still chosen at times.
        for worker in ("w1", "w2"):
            wait_until(
                lambda worker=worker: all(api_through_endpoint(lab, worker) for _ in range(3)),  # type: ignore[misc]
                deadline=30,
                what=f"the API answers {worker} through its load balancer",
            )

    def test_pods_can_be_made_and_services_answer_from_every_live_node(self, lab: TestLab) -> None:
        assert_works(Cluster(lab, "cp2"), ["cp2", "cp3", "w1", "w2"])

    def test_status_says_degraded_and_who_is_to_be_brought_back(self, lab: TestLab) -> None:
        told = status(lab)
        state = told["state"]
        assert state["kind"] == "degraded", state
        assert told["cluster"]["via"] == "cp2"
        assert found_about(state, ["cp1"]) == {"API server of cp1", "etcd member cp1", "node cp1"}
        assert found_about(state, ["cp2", "cp3", "w1", "w2"]) == set()
        assert state["next"] == state["findings"][0]["remedy"]
        assert any("cp1" in sentence for sentence in state["unknown"]), state

    def test_a_new_worker_joins(self, lab: TestLab) -> None:
        cluster = Cluster(lab, "cp2")
        assert lab.grow(workers=1) == ["w3"]
        calls = SessionCounter(lab, "w1", "w3")
        done = lab.kubewright("scale", "--limit", "w3")
        assert done.exit_code == HOSTS_LEFT_OUT, str(done)
        assert "hosts cp1: " in done.output
        assert_works(cluster, ["cp2", "cp3", "w1", "w2", "w3"])
        assert_hosts_files(lab, ["cp2", "cp3", "w1", "w2", "w3"])
        assert_nothing_left(cluster, ["cp2", "cp3", "w1", "w2", "w3"])
        assert calls.count("w3").total <= 10, calls.count("w3")
        assert calls.count("w1").total <= 1, f"the block in /etc/hosts is one call: {calls.count('w1')}"
