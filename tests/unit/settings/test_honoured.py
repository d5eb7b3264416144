"""Honoured means that it does something: taking a setting back to its default changes what a golden file shows."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import Any

from kubewright.settings import HONOURED_NAMES, ClusterSettings, HostSettings, Settings
from tests.golden.clusters import Case, cases, rendered

ONE_VALUE = {
    "container_manager",
    "etcd_deployment_type",
    "kube_config_dir",
    "kube_network_plugin",
    "loadbalancer_apiserver_type",
}
"""Settings with one supported value, which every golden file shows."""
SEEN_ELSEWHERE = {
    **dict.fromkeys(("ip", "access_ip", "ip6", "access_ip6", "ansible_host"), "tests/unit/topology"),
    **dict.fromkeys(("loadbalancer_apiserver", "kube_override_hostname"), "tests/unit/topology"),
    **dict.fromkeys(("kubewright_fact_max_age", "kubewright_artifact_urls"), "tests/unit"),
    "kube_version": "tests/unit/catalog",
    **dict.fromkeys(("kubewright_artifact_source", "kubewright_artifact_mirror"), "tests/unit/artifacts"),
    **dict.fromkeys(("kubewright_artifact_bundle", "kubewright_artifact_delivery"), "tests/unit/artifacts"),
    "artifacts_dir": "tests/unit/engine",
    "serial": "tests/unit/plan",
    "etcd_member_name": "not applicable: kubeadm names members",
}
"""What no document holds, and where its effect is tested."""


def test_each_setting_does_something() -> None:
    shown = {name for case in cases() for name in _effective(case)}
    missing = HONOURED_NAMES - shown - ONE_VALUE - SEEN_ELSEWHERE.keys()
    assert missing == set(), "give them another value than the default in tests/golden/clusters.py"


def test_exceptions_are_honoured_names() -> None:
    assert (ONE_VALUE | SEEN_ELSEWHERE.keys()) <= HONOURED_NAMES


def _effective(case: Case) -> Iterator[str]:
    """Yield the settings whose value in this cluster shows in its documents."""
    before = rendered(case)
    for name, default in _changed(case.settings.cluster, ClusterSettings):
        cluster = case.settings.cluster.model_copy(update={name: default})
        if _rendered(case, dataclasses.replace(case.settings, cluster=cluster)) != before:
            yield name
    for host, settings in case.settings.hosts.items():
        for name, default in _changed(settings, HostSettings):
            hosts = {**case.settings.hosts, host: settings.model_copy(update={name: default})}
            if _rendered(case, dataclasses.replace(case.settings, hosts=hosts)) != before:
                yield name


def _rendered(case: Case, settings: Settings) -> dict[str, str]:
    return rendered(dataclasses.replace(case, settings=settings))


def _changed(
    settings: ClusterSettings | HostSettings, model: type[ClusterSettings | HostSettings]
) -> Iterator[tuple[str, Any]]:
    """Yield the fields that are not the default, or that have none, with another value."""
    others = {"kube_proxy_mode": "nftables"}
    for name, info in model.model_fields.items():
        default = others.get(name) if info.is_required() else info.get_default(call_default_factory=True)
        if (default is not None or not info.is_required()) and getattr(settings, name) != default:
            yield name, default
