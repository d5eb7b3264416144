"""The cluster document of a run, and kubeadm's configuration as the inventory and the live cluster have it."""

from __future__ import annotations

from typing import Any

import yaml

from kubewright.documents import ClusterDocument
from kubewright.engine.finding import find_cluster
from kubewright.engine.inputs import Inputs
from kubewright.engine.record import Run
from kubewright.errors import StepFailedError
from kubewright.fast_yaml import SafeLoader
from kubewright.observe.model import ObservedCluster
from kubewright.plan import Stage
from kubewright.plan.rules import live


def load_cluster_document(run: Run) -> ClusterDocument:
    """The cluster document of this run."""
    raw = run.read("cluster_document")
    lists = {name: tuple(raw[name]) for name in ("objects", "network_objects")}
    return ClusterDocument(**(raw | lists))


def configurations(document: ClusterDocument, cluster: ObservedCluster) -> tuple[dict[str, Any], dict[str, Any]]:
    """ClusterConfiguration as the inventory makes it, and as the live cluster has it.

    Raises:
        StepFailedError: the live one cannot be read.

    """
    parts = yaml.load_all(next(iter(document.kubeadm_init.values())), SafeLoader)
    wanted = next(part for part in parts if part["kind"] == "ClusterConfiguration")
    return wanted, live_configuration(cluster)


def live_configuration(cluster: ObservedCluster) -> dict[str, Any]:
    """ClusterConfiguration as the live cluster has it; empty where it has none.

    Raises:
        StepFailedError: it cannot be read.

    """
    return _parsed(cluster.cluster_configuration, "kubeadm-config")


def _parsed(text: str, name: str) -> dict[str, Any]:
    try:
        value = yaml.load(text, SafeLoader) or {}
    except yaml.YAMLError as error:
        cause = " ".join(str(error).split())
    else:
        if isinstance(value, dict):
            return value
        cause = "it is no mapping"
    raise StepFailedError(
        f"ConfigMap kube-system/{name}",
        f"its configuration cannot be read: {cause}",
        f"Correct it (kubectl -n kube-system edit configmap {name}), or {live.RESTORE}",
    )


def component_configurations(
    document: ClusterDocument, cluster: ObservedCluster
) -> dict[str, tuple[dict[str, Any], dict[str, Any]]]:
    """KubeletConfiguration and KubeProxyConfiguration, as the inventory makes them and as the live cluster has them.

    Raises:
        StepFailedError: one cannot be read.

    """
    running = {
        "KubeletConfiguration": _parsed(cluster.kubelet_configuration, "kubelet-config"),
        "KubeProxyConfiguration": _parsed(cluster.kube_proxy_configuration, "kube-proxy"),
    }
    parts = {part["kind"]: part for part in yaml.load_all(next(iter(document.kubeadm_init.values())), SafeLoader)}
    return {kind: (parts[kind], found) for kind, found in running.items()}


def configuration_for_joins(run: Run) -> str | None:
    """The live ClusterConfiguration with the names of new control planes added, as YAML.

    None where nothing is to be added, or where this run has made it what the inventory says already.
    """
    if (run.directory / "done" / Stage.CLUSTER_CONFIG.value).exists():
        return None
    cluster = find_cluster(run, Inputs.load(run)).cluster
    if cluster is None:
        return None
    wanted, before = configurations(load_cluster_document(run), cluster)
    after = live.with_certificate_names(before, wanted)
    return None if after is None else str(yaml.safe_dump(after, sort_keys=False))
