"""The documents of a few clusters, compared with files that people read in reviews."""

from __future__ import annotations

import dataclasses

import pytest

from kubewright.settings.model import ClusterSettings, HostSettings
from tests.golden.clusters import Case, cases, rendered
from tests.golden.conftest import Golden

# Settings that say how a run goes or that the topology is made from; the others must show in a document.
ELSEWHERE = {
    "kube_version",
    "kubewright_artifact_source",
    "kubewright_artifact_mirror",
    "kubewright_artifact_bundle",
    "kubewright_artifact_delivery",
    "kubewright_artifact_urls",
    "kubewright_fact_max_age",
    "artifacts_dir",
    "serial",
}
# These have one value so far.
SINGLE = {
    "kube_network_plugin",
    "loadbalancer_apiserver_type",
    "container_manager",
    "etcd_deployment_type",
    "kube_config_dir",
}
TOPOLOGY = {"ip", "access_ip", "ip6", "access_ip6", "ansible_host", "kube_override_hostname", "etcd_member_name"}
REQUIRED_DEFAULTS = {"kube_proxy_mode": "iptables"}


@pytest.mark.parametrize("case", cases(), ids=lambda case: case.name)
def test_documents_are_as_in_the_golden_files(case: Case, golden: Golden) -> None:
    golden(case.name, rendered(case))


@pytest.mark.parametrize("name", sorted(ClusterSettings.model_fields.keys() - ELSEWHERE - SINGLE))
def test_cluster_setting_is_honoured(name: str) -> None:
    """Some golden case has another value than the default, and with the default its documents would differ."""
    default = REQUIRED_DEFAULTS.get(name, ClusterSettings.model_fields[name].get_default(call_default_factory=True))
    differing = [case for case in cases() if getattr(case.settings.cluster, name) != default]
    assert any(rendered(case) != rendered(_with_cluster(case, name, default)) for case in differing)


@pytest.mark.parametrize("name", sorted(HostSettings.model_fields.keys() - TOPOLOGY))
def test_host_setting_is_honoured(name: str) -> None:
    default = HostSettings.model_fields[name].get_default(call_default_factory=True)
    assert any(rendered(case) != rendered(_with_hosts(case, name, default)) for case in cases())


def _with_cluster(case: Case, name: str, value: object) -> Case:
    cluster = case.settings.cluster.model_copy(update={name: value})
    return dataclasses.replace(case, settings=dataclasses.replace(case.settings, cluster=cluster))


def _with_hosts(case: Case, name: str, value: object) -> Case:
    hosts = {host: settings.model_copy(update={name: value}) for host, settings in case.settings.hosts.items()}
    return dataclasses.replace(case, settings=dataclasses.replace(case.settings, hosts=hosts))
