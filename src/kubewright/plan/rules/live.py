"""What a live cluster forbids: settings that cannot be changed in place, and versions that only an upgrade may change.

Source: kubeadm keeps these in its ClusterConfiguration and offers no way to change the networks or the endpoint of a
running cluster (Kubernetes documentation, "Reconfiguring a kubeadm cluster"); the order of an upgrade is the version
skew policy's.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from kubewright.plan.rules.refusals import Refusal, Rule

FIXED = Rule(
    "fixed-setting",
    "a setting that cannot be changed in a running cluster",
    "Kubernetes, Reconfiguring a kubeadm cluster",
)
UPGRADE_ONLY = Rule("upgrade-only", "another kube_version than the cluster runs", "Kubernetes version skew policy")
LOST = Rule(
    "lost-configuration",
    "a cluster of ours whose kubeadm-config no longer has what cannot be changed, so that nothing can be compared",
    "Kubernetes, Reconfiguring a kubeadm cluster",
)
RULES = (FIXED, UPGRADE_ONLY, LOST)
RESTORE = (
    "restore it from observations/*.json of an earlier run's folder (kubewright's documentation, Status, says how)"
)
"""A part of the remedies for what the cluster has lost, without a full stop."""

_FIXED: tuple[tuple[tuple[str, ...], str], ...] = (
    (("clusterName",), "cluster_name"),
    (("controlPlaneEndpoint",), "loadbalancer_apiserver"),
    (("certificatesDir",), "kube_cert_dir"),
    (("networking", "podSubnet"), "kube_pods_subnet"),
    (("networking", "serviceSubnet"), "kube_service_addresses"),
    (("networking", "dnsDomain"), "dns_domain"),
    (("etcd", "local", "dataDir"), "etcd_data_dir"),
)
"""Paths in ClusterConfiguration and the setting that decides each."""

_ROLLED_OUT = (
    ("apiServer", "extraArgs"),
    ("controllerManager", "extraArgs"),
    ("scheduler", "extraArgs"),
    ("etcd", "local", "extraArgs"),
)


def refuse(wanted: Mapping[str, Any], live: Mapping[str, Any]) -> None:
    """Refuse a run whose inventory contradicts the live cluster.

    Args:
        wanted: ClusterConfiguration as the inventory makes it.
        live: ClusterConfiguration as the cluster has it.

    Raises:
        RefusedError: with the setting, both values and what to do.

    """
    for path, setting in _FIXED:
        before, after = _at(live, path), _at(wanted, path)
        if before is not None and before != after:
            raise Refusal(
                FIXED,
                f"setting {setting}",
                f"the cluster was made with {before!r}, the inventory says {after!r}; this cannot be changed in place",
                "Set it back, or make a new cluster",
            ).error()
    before, after = _at(live, ("kubernetesVersion",)), _at(wanted, ("kubernetesVersion",))
    if before is not None and before != after:
        raise Refusal(
            UPGRADE_ONLY,
            "setting kube_version",
            f"the cluster runs {before} and the inventory says {after}; only an upgrade may change it",
            f"Set kube_version: {str(before).removeprefix('v')}",
        ).error()


def refuse_lost(wanted: Mapping[str, Any], live: Mapping[str, Any]) -> None:
    """Refuse a run on a cluster of ours that no longer tells what it was made with.

    The inventory's values would be taken for it, and another pod network written.

    Raises:
        RefusedError: with what is missing and how to restore it.

    """
    lost = [".".join(path) for path, _setting in _FIXED if _at(wanted, path) is not None and _at(live, path) is None]
    if lost:
        raise Refusal(
            LOST,
            "ConfigMap kube-system/kubeadm-config",
            f"its ClusterConfiguration lacks {', '.join(lost)}" if live else "its ClusterConfiguration is not there",
            f"Write it with kubeadm init phase upload-config kubeadm --config FILE, or {RESTORE}",
        ).error()


def not_rolled_out(wanted: Mapping[str, Any], live: Mapping[str, Any], verb: str) -> Iterator[str]:
    """Sentences about differences of ClusterConfiguration that a verb which only adds leaves to ``deploy``."""
    for path in _ROLLED_OUT:
        before, after = _at(live, path) or [], _at(wanted, path) or []
        if before != after:
            yield f"{'.'.join(path)} differ from the running cluster's; {verb} only adds, deploy rolls them out"


def component_not_rolled_out(kind: str, wanted: Mapping[str, Any], live: Mapping[str, Any], verb: str) -> Iterator[str]:
    """The same of a component's configuration (KubeletConfiguration and the like).

    The live one has every default; what the inventory leaves to them is not compared.
    """
    names = sorted(key for key, value in wanted.items() if not _contains(live.get(key), value))
    if names:
        yield f"{kind} differs from the running cluster's ({', '.join(names)}); {verb} only adds, deploy rolls it out"


def _contains(live: Any, wanted: Any) -> bool:
    if isinstance(wanted, Mapping):
        return isinstance(live, Mapping) and all(_contains(live.get(key), value) for key, value in wanted.items())
    return bool(live == wanted)


def _at(value: Mapping[str, Any], path: tuple[str, ...]) -> Any:
    found: Any = value
    for key in path:
        found = found.get(key) if isinstance(found, Mapping) else None
    return found


def with_certificate_names(live: Mapping[str, Any], wanted: Mapping[str, Any]) -> dict[str, Any] | None:
    """The live configuration with all certificate names that the inventory wants, or None where it has them.

    A control plane that joins takes its names from the live configuration. Names that are there already stay.
    """
    server = dict(live.get("apiServer") or {})
    names = list(server.get("certSANs") or [])
    new = [name for name in _at(wanted, ("apiServer", "certSANs")) or [] if name not in names]
    if not new:
        return None
    return {**live, "apiServer": {**server, "certSANs": [*names, *new]}}
