"""Turn what the calls of the node side answer into the types of :mod:`kubewright.observe.model`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kubewright.errors import KubewrightError
from kubewright.observe.model import (
    ApiServer,
    Condition,
    EtcdAlarm,
    EtcdMember,
    EtcdStatus,
    Lock,
    ObservedCluster,
    ObservedHost,
    ObservedNode,
    ServingCertificate,
    Workload,
)


class UnexpectedAnswerError(KubewrightError):
    """A module returned something else than it should.

    The collection on the controller and the package are of different versions.
    """


def answers(raw: Mapping[str, Any]) -> bool:
    """Whether this control plane could tell the cluster's state.

    If not, ``raw["reason"]`` says why, and another one is asked.
    """
    return bool(raw.get("present")) and bool(raw.get("answers"))


def parse_cluster(via: str, raw: Mapping[str, Any]) -> ObservedCluster:
    """The cluster as the call ``cluster_state`` on ``via`` told it.

    Args:
        via: inventory name of the control plane that was asked.
        raw: the module's result, of a control plane for which :func:`answers` holds.

    Raises:
        UnexpectedAnswerError: a part is missing.

    """
    try:
        return ObservedCluster(
            via=via,
            version=raw["version"],
            record=raw["record"],
            nodes=tuple(_node(entry) for entry in raw["nodes"]),
            etcd_members=tuple(EtcdMember(**entry) for entry in raw["etcd_members"]),
            cluster_configuration=raw["cluster_configuration"],
            bootstrap_tokens=tuple(raw["bootstrap_tokens"]),
            kubeadm_certs_secret=raw["kubeadm_certs_secret"],
            object_digests=dict(raw["objects"]),
            certificates=tuple(raw["certificates"]),
            kubelet_configuration=raw["kubelet_configuration"],
            etcd_error=raw["etcd_error"],
            workloads=tuple(Workload(**{**entry, "images": tuple(entry["images"])}) for entry in raw["workloads"]),
            unfinished=dict(raw["unfinished"]),
            check_pods=int(raw["check_pods"]),
            kube_proxy_configuration=raw["kube_proxy_configuration"],
            etcd_status=tuple(EtcdStatus(**entry) for entry in raw["etcd_status"]),
            etcd_alarms=tuple(EtcdAlarm(**entry) for entry in raw["etcd_alarms"]),
            api_servers=tuple(ApiServer(**entry) for entry in raw["api_servers"]),
            serving=tuple(
                ServingCertificate(**{**entry, "names": tuple(entry.get("names", ()))}) for entry in raw["serving"]
            ),
            lock=Lock(**raw["lock"]) if raw["lock"] else None,
        )
    except (KeyError, TypeError) as error:
        raise UnexpectedAnswerError(
            via, f"cluster_state left out {error}", "Install package and collection from one release"
        ) from error


def _node(entry: Mapping[str, Any]) -> ObservedNode:
    parts = {
        "taints": tuple(entry["taints"]),
        "addresses": tuple(map(tuple, entry["addresses"])),
        "conditions": tuple([Condition(**condition) for condition in entry["conditions"]]),
        "pod_cidrs": tuple(entry["pod_cidrs"]),
    }
    return ObservedNode(**{**entry, **parts})


def parse_host(name: str, raw: Mapping[str, Any]) -> ObservedHost:
    """A host as the module ``probe`` told it, or as Ansible failed to reach it.

    Args:
        name: its inventory name.
        raw: the task's result; ``unreachable`` or ``failed`` in it mean that there are no facts.

    """
    if raw.get("unreachable") or raw.get("failed"):
        return ObservedHost(name=name, reachable=not raw.get("unreachable"), error=str(raw.get("msg") or "no answer"))
    return ObservedHost(name=name, reachable=True, facts=dict(raw.get("facts") or {}))
