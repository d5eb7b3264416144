"""What a live cluster forbids to change."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kubewright.errors import RefusedError
from kubewright.plan.rules.live import (
    component_not_rolled_out,
    not_rolled_out,
    refuse,
    refuse_lost,
    with_certificate_names,
)

LIVE: dict[str, Any] = {
    "apiVersion": "kubeadm.k8s.io/v1beta4",
    "kind": "ClusterConfiguration",
    "clusterName": "cluster.local",
    "kubernetesVersion": "v1.37.2",
    "controlPlaneEndpoint": "127.0.0.1:6443",
    "certificatesDir": "/etc/kubernetes/ssl",
    "networking": {
        "podSubnet": "10.233.64.0/18",
        "serviceSubnet": "10.233.0.0/18",
        "dnsDomain": "cluster.local",
    },
    "etcd": {"local": {"dataDir": "/var/lib/etcd"}},
    "apiServer": {"certSANs": ["127.0.0.1", "cp1"], "extraArgs": [{"name": "v", "value": "2"}]},
    "controllerManager": {},
    "scheduler": {},
}


def changed(path: str, value: Any) -> dict[str, Any]:
    """The live configuration with one value set, by its dotted path."""
    made = copy.deepcopy(LIVE)
    *parents, last = path.split(".")
    target = made
    for parent in parents:
        target = target[parent]
    if value is None:
        del target[last]
    else:
        target[last] = value
    return made


FIXED = [
    ("clusterName", "other", "cluster_name"),
    ("controlPlaneEndpoint", "api.example.net:6443", "loadbalancer_apiserver"),
    ("certificatesDir", "/etc/kubernetes/pki", "kube_cert_dir"),
    ("networking.podSubnet", "10.0.0.0/16", "kube_pods_subnet"),
    ("networking.serviceSubnet", "10.1.0.0/16", "kube_service_addresses"),
    ("networking.dnsDomain", "example.net", "dns_domain"),
    ("etcd.local.dataDir", "/srv/etcd", "etcd_data_dir"),
    ("kubernetesVersion", "v1.36.3", "kube_version"),
]


class TestRefuse:
    def test_the_same_is_allowed(self) -> None:
        refuse(copy.deepcopy(LIVE), LIVE)

    @pytest.mark.parametrize(("path", "value", "setting"), FIXED)
    def test_what_cannot_change_in_place(self, path: str, value: str, setting: str) -> None:
        """The message has the setting and both values."""
        with pytest.raises(RefusedError) as caught:
            refuse(changed(path, value), LIVE)
        assert caught.value.subject == f"setting {setting}"
        assert value in caught.value.cause
        assert caught.value.remedy

    @pytest.mark.parametrize(("path", "value", "setting"), FIXED)
    def test_what_the_live_configuration_does_not_say_is_not_compared(
        self, path: str, value: str, setting: str
    ) -> None:
        refuse(changed(path, value), changed(path, None))

    def test_both_ways_of_a_version(self) -> None:
        with pytest.raises(RefusedError, match=r"Set kube_version: 1\.36\.3"):
            refuse(LIVE, changed("kubernetesVersion", "v1.36.3"))

    @pytest.mark.parametrize("live", [{}, {"networking": None}, {"etcd": {"external": {"endpoints": []}}}])
    def test_a_configuration_of_another_shape(self, live: dict[str, Any]) -> None:
        refuse(LIVE, live)

    def test_flags_and_names_may_differ(self) -> None:
        refuse(changed("apiServer.extraArgs", []), LIVE)
        refuse(changed("apiServer.certSANs", ["127.0.0.1", "cp1", "cp2"]), LIVE)


class TestNotRolledOut:
    def test_nothing_differs(self) -> None:
        assert list(not_rolled_out(LIVE, LIVE, "scale")) == []

    def test_absent_is_the_same_as_empty(self) -> None:
        assert list(not_rolled_out(changed("scheduler.extraArgs", []), LIVE, "scale")) == []
        assert list(not_rolled_out(LIVE, changed("scheduler", None), "scale")) == []

    @pytest.mark.parametrize("component", ["apiServer", "controllerManager", "scheduler"])
    def test_flags_that_differ_are_named(self, component: str) -> None:
        wanted = changed(f"{component}.extraArgs", [{"name": "v", "value": "4"}])
        sentences = list(not_rolled_out(wanted, LIVE, "scale"))
        assert len(sentences) == 1
        assert sentences[0].startswith(f"{component}.extraArgs")
        assert "scale only adds, deploy rolls them out" in sentences[0]
        assert not sentences[0].endswith(".")

    @pytest.mark.parametrize(
        ("wanted", "named"),
        [
            ({"maxPods": 110}, ""),
            ({"maxPods": 50}, "maxPods"),
            ({"featureGates": {"A": True}}, ""),
            ({"featureGates": {"A": True, "B": True}}, "featureGates"),
            ({"maxPods": 9, "new": [1]}, "maxPods, new"),
        ],
    )
    def test_fields_of_a_component_that_differ_are_named(self, wanted: dict[str, Any], named: str) -> None:
        running = {"maxPods": 110, "featureGates": {"A": True, "C": False}, "healthzPort": 10248}
        sentences = list(component_not_rolled_out("KubeletConfiguration", wanted, running, "scale"))
        assert [named] * bool(named) == [sentence.partition("(")[2].partition(")")[0] for sentence in sentences]


names = st.lists(st.sampled_from(["127.0.0.1", "cp1", "cp2", "cp3", "api.example.net"]), unique=True)


class TestCertificateNames:
    def test_none_where_all_are_there(self) -> None:
        assert with_certificate_names(LIVE, LIVE) is None

    def test_new_ones_follow_and_all_else_stays(self) -> None:
        after = with_certificate_names(LIVE, changed("apiServer.certSANs", ["cp2", "127.0.0.1"]))
        assert after == changed("apiServer.certSANs", ["127.0.0.1", "cp1", "cp2"])

    def test_live_configuration_without_names(self) -> None:
        after = with_certificate_names(changed("apiServer", None), LIVE)
        assert after is not None
        assert after["apiServer"] == {"certSANs": ["127.0.0.1", "cp1"]}

    @given(live=names, wanted=names)
    def test_nothing_is_lost_and_a_second_time_nothing_is_new(self, live: list[str], wanted: list[str]) -> None:
        before = changed("apiServer.certSANs", live)
        untouched = copy.deepcopy(before)
        target = changed("apiServer.certSANs", wanted)
        after = with_certificate_names(before, target)
        assert before == untouched
        if after is None:
            assert set(wanted) <= set(live)
            return
        found = after["apiServer"]["certSANs"]
        assert found[: len(live)] == live
        assert set(found) == set(live) | set(wanted)
        assert len(found) == len(set(found))
        assert with_certificate_names(after, target) is None


class TestLost:
    """What cannot be changed has to be known; the inventory's word is not what the cluster was made with."""

    def test_all_is_there(self) -> None:
        refuse_lost(LIVE, LIVE)

    def test_nothing_is_there(self) -> None:
        with pytest.raises(
            RefusedError, match=r"ClusterConfiguration is not there \(rule lost-configuration\)"
        ) as told:
            refuse_lost(LIVE, {})
        assert "upload-config" in str(told.value)

    @pytest.mark.parametrize("path", ["networking.podSubnet", "networking", "controlPlaneEndpoint", "etcd"])
    def test_a_part_is_gone(self, path: str) -> None:
        with pytest.raises(RefusedError, match=rf"lacks .*{path}"):
            refuse_lost(LIVE, changed(path, None))
