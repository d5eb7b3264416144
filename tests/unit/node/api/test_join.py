"""A join that is killed before any one of its steps is completed by the next one, with nothing left over."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.kubewright.cluster.plugins.module_utils import join, kubeadm, kubeconfig, markers
from ansible_collections.kubewright.cluster.plugins.module_utils.errors import FOREIGN, REFUSED, NodeError
from tests.unit.node.api.made import write
from tests.unit.node.api.pki import Pki, serve
from tests.unit.node.api.simulated import ADDRESS, LOAD_BALANCER, Cluster, KilledError, Node

WORKER = "kind: JoinConfiguration\ncaCertPath: /etc/kubernetes/ssl/ca.crt\n"
CONTROL_PLANE = WORKER + (
    f"controlPlane:\n  certificateKey: {{{{certificate_key}}}}\n  localAPIEndpoint:\n    advertiseAddress: {ADDRESS}\n"
)
KINDS = pytest.mark.parametrize("config", [WORKER, CONTROL_PLANE], ids=["worker", "control-plane"])


@pytest.fixture
def cluster(pki: Pki) -> Iterator[Cluster]:
    living = Cluster(pki)
    with serve(pki, living.answer) as server:
        living.url = server.url
        yield living


@pytest.fixture
def node(tmp_path: Path, cluster: Cluster) -> Node:
    made = Node(root=tmp_path, cluster=cluster)
    write(made, LOAD_BALANCER, "static pod")
    return made


def arguments(cluster: Cluster, config: str) -> dict[str, Any]:
    return {
        "node_name": "n2",
        "config": config,
        "discovery": kubeconfig.with_token(cluster.url, cluster.pki.pem("ca.crt"), "abcdef.0123456789abcdef"),
        "certificate_key": "ab" * 32,
        # The simulated endpoint is the same server by another name.
        "endpoint": cluster.url.replace("127.0.0.1", "localhost"),
        "etcd_data_directory": "/var/lib/etcd",
        "ignore_preflight_errors": [],
        "timeout": 5.0,
        "ready_timeout": 2.0,
        "network_ready_file": "",
    }


def assert_joined(node: Node, cluster: Cluster, config: str) -> None:
    assert cluster.registered
    assert node.kubelet_runs
    assert markers.read(node, "join") is None
    for left_over in (kubeadm.DISCOVERY, kubeadm.CONFIGURATION, "/etc/kubernetes/bootstrap-kubelet.conf"):
        assert not node.path(left_over).exists()
    assert node.path(LOAD_BALANCER).exists()
    if config == WORKER:
        assert "https://localhost" in node.path(kubeconfig.KUBELET_CONF).read_text()
        assert not node.path("/etc/kubernetes/manifests/etcd.yaml").exists()
    else:
        assert cluster.member == "voter"
        assert kubeconfig.server_of(node.path(kubeconfig.ADMIN_CONF).read_text()) == "https://127.0.0.1:1"


@KINDS
class TestJoin:
    def test_joins_and_then_does_nothing(self, node: Node, cluster: Cluster, config: str) -> None:
        result = join.join(node, arguments(cluster, config))
        assert (result["changed"], result["action"], result["node_uid"]) == (True, "join", "u-1")
        assert_joined(node, cluster, config)
        steps = node.steps
        again = join.join(node, arguments(cluster, config))
        assert (again["changed"], again["action"]) == (False, "nothing")
        assert node.steps == steps

    def test_is_completed_after_a_kill_before_any_step(self, tmp_path: Path, pki: Pki, config: str) -> None:
        killed = 0
        for number in range(100):
            living = Cluster(pki)
            with serve(pki, living.answer) as server:
                living.url = server.url
                node = Node(root=tmp_path / str(number), cluster=living, kill_at=number)
                write(node, LOAD_BALANCER, "static pod")
                try:
                    join.join(node, arguments(living, config))
                except KilledError:
                    killed += 1
                else:
                    break
                node.kill_at = -1
                join.join(node, arguments(living, config))
                assert_joined(node, living, config)
        assert killed >= (5 if config == WORKER else 12)

    def test_is_completed_after_kills_at_every_step_in_turn(self, node: Node, cluster: Cluster, config: str) -> None:
        """The worst luck: each run comes one step further than the one before."""
        for number in range(60):
            node.steps, node.kill_at = 0, number
            try:
                join.join(node, arguments(cluster, config))
            except KilledError:
                continue
            break
        assert_joined(node, cluster, config)

    def test_refuses_a_node_of_another_cluster(self, node: Node, cluster: Cluster, config: str) -> None:
        write(node, "/etc/kubernetes/kubelet.conf", "somebody's")
        with pytest.raises(NodeError) as caught:
            join.join(node, arguments(cluster, config))
        assert caught.value.exit_code == FOREIGN
        assert node.commands == []
        assert markers.read(node, "join") is None


class TestControlPlane:
    def test_starts_anew_when_its_member_was_removed_meanwhile(self, node: Node, cluster: Cluster) -> None:
        self._killed_after_data(node, cluster)
        cluster.member = ""
        assert join.join(node, arguments(cluster, CONTROL_PLANE))["action"] == "restart"
        assert_joined(node, cluster, CONTROL_PLANE)

    def test_refuses_to_give_a_started_member_an_empty_disk(self, node: Node, cluster: Cluster) -> None:
        self._killed_after_data(node, cluster)
        node.wiped()
        with pytest.raises(NodeError, match="its data is gone") as caught:
            join.join(node, arguments(cluster, CONTROL_PLANE))
        assert caught.value.exit_code == REFUSED

    def test_does_not_join_an_etcd_that_can_take_no_member(
        self, node: Node, cluster: Cluster, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(join, "_ETCD_WAIT", 0.3)
        healthy = cluster.answer
        cluster.answer = lambda request: (503, {}) if request.path.startswith("/health") else healthy(request)  # type: ignore[method-assign]
        with serve(cluster.pki, cluster.answer) as server:
            cluster.url = server.url
            with pytest.raises(
                NodeError, match="before this node is added to it: not within 0 s; last answer: only 0 of 1"
            ) as caught:
                join.join(node, arguments(cluster, CONTROL_PLANE))
        assert caught.value.exit_code == REFUSED
        assert cluster.member == ""

    def test_needs_the_certificate_key(self, node: Node, cluster: Cluster) -> None:
        with pytest.raises(NodeError, match="certificate_key"):
            join.join(node, {**arguments(cluster, CONTROL_PLANE), "certificate_key": None})

    @staticmethod
    def _killed_after_data(node: Node, cluster: Cluster) -> None:
        for number in range(100):
            node.steps, node.kill_at = 0, number
            with pytest.raises(KilledError):
                join.join(node, arguments(cluster, CONTROL_PLANE))
            if cluster.member == "learner":
                break
        node.kill_at = -1
