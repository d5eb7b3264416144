"""What the cluster document says beyond what is read in its golden files."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest
import yaml

from kubewright.documents import ClusterDocument, cluster_document
from kubewright.documents.metadata import taints
from kubewright.errors import BadInputError
from kubewright.settings.model import HostSettings
from kubewright.topology import certificate_names
from tests.golden.clusters import (
    Case,
    artifacts,
    cases,
    control_plane,
    external_load_balancer,
    lab,
    local_load_balancer,
    release,
    worker,
)

TAINT = {"key": "node-role.kubernetes.io/control-plane", "effect": "NoSchedule"}


def document(case: Case) -> ClusterDocument:
    return cluster_document(topology=case.topology, settings=case.settings, release=release(), artifacts=artifacts())


def named(case: Case, kind: str, name: str) -> dict[str, Any]:
    return next(found for found in document(case).objects if (found["kind"], found["metadata"]["name"]) == (kind, name))


@pytest.mark.parametrize("case", cases(), ids=lambda case: case.name)
class TestEveryCluster:
    def test_any_control_plane_can_be_the_first(self, case: Case) -> None:
        made = document(case)
        assert set(made.kubeadm_init) == {host.name for host in case.topology.control_planes}
        kinds = [part["kind"] for part in yaml.safe_load_all(made.kubeadm_init["cp1"])]
        assert kinds == [
            "InitConfiguration",
            "ClusterConfiguration",
            "KubeletConfiguration",
            "KubeProxyConfiguration",
        ]

    def test_only_control_planes_join_with_the_certificate_key(self, case: Case) -> None:
        made = document(case)
        with_key = {name for name, text in made.kubeadm_join.items() if "{{certificate_key}}" in text}
        assert with_key == {host.name for host in case.topology.control_planes}

    def test_namespaced_objects_come_after_their_namespace(self, case: Case) -> None:
        seen = {"kube-system"}
        for found in document(case).objects:
            if found["kind"] == "Namespace":
                seen.add(found["metadata"]["name"])
            assert found["metadata"].get("namespace", "kube-system") in seen

    def test_pods_use_images_that_nodes_have(self, case: Case) -> None:
        references = {artifact.reference for artifact in artifacts().artifacts}
        pods = [
            found["spec"]["template"]["spec"] for found in document(case).objects if "template" in found.get("spec", {})
        ]
        assert {container["image"] for pod in pods for container in pod["containers"]} <= references

    def test_the_dns_service_has_the_address_that_kubelets_hand_out(self, case: Case) -> None:
        kubelet = list(yaml.safe_load_all(document(case).kubeadm_init["cp1"]))[2]
        assert kubelet["clusterDNS"] == [named(case, "Service", "kube-dns")["spec"]["clusterIP"]]


class TestCertificateNames:
    def test_hold_every_address_of_every_control_plane(self) -> None:
        case = local_load_balancer()
        names = certificate_names(case.topology, case.settings.cluster)
        assert {"10.7.0.1", "192.0.2.1", "10.7.0.3", "cp2", "cp2.example.net", "127.0.0.1"} <= set(names)
        assert {"192.0.2.7", "kubernetes.example.org"} <= set(names)

    def test_hold_the_external_load_balancer(self) -> None:
        case = external_load_balancer()
        assert {"api.example.net", "10.7.0.100"} <= set(certificate_names(case.topology, case.settings.cluster))

    def test_leave_out_what_no_certificate_can_have(self) -> None:
        case = lab()
        odd = dataclasses.replace(control_plane(1), ansible_host="jump_host")
        topology = dataclasses.replace(case.topology, hosts=(odd,))
        assert "jump_host" not in certificate_names(topology, case.settings.cluster)


class TestTaints:
    def test_a_control_plane_that_takes_pods_has_none(self) -> None:
        assert taints(control_plane(1, worker=True), HostSettings()) == []

    def test_a_control_plane_keeps_pods_away(self) -> None:
        assert taints(control_plane(1), HostSettings()) == [TAINT]

    def test_value_is_optional(self) -> None:
        settings = HostSettings.model_construct(node_taints=("a=b:NoExecute", "c:PreferNoSchedule"))
        assert taints(worker(1), settings) == [
            {"key": "a", "value": "b", "effect": "NoExecute"},
            {"key": "c", "effect": "PreferNoSchedule"},
        ]

    @pytest.mark.parametrize("text", ["a", "a=b", "a=b:Never", ":NoSchedule", "a=b=c:NoSchedule"])
    def test_what_is_no_taint_is_an_error(self, text: str) -> None:
        with pytest.raises(BadInputError, match="worker1: node_taints"):
            taints(worker(1), HostSettings.model_construct(node_taints=(text,)))


class TestCoreDns:
    def test_has_one_replica_on_one_host(self) -> None:
        case = lab()
        alone = dataclasses.replace(case, topology=dataclasses.replace(case.topology, hosts=(control_plane(1),)))
        assert named(alone, "Deployment", "coredns")["spec"]["replicas"] == 1
        assert named(case, "Deployment", "coredns")["spec"]["replicas"] == 2
