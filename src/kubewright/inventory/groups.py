"""Kubespray's groups under today's names, whatever spelling and nesting the inventory has."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

CONTROL_PLANE, WORKER, ETCD, CLUSTER = "kube_control_plane", "kube_node", "etcd", "k8s_cluster"
CANONICAL_GROUPS: tuple[str, ...] = (CONTROL_PLANE, WORKER, ETCD, CLUSTER)
"""The groups of a cluster; ``k8s_cluster`` is the union of the roles and of what the inventory puts there itself."""

_SPELLINGS: dict[str, tuple[str, ...]] = {
    CONTROL_PLANE: ("kube_control_plane", "kube-control-plane", "kube-master", "kube_master"),
    WORKER: ("kube_node", "kube-node"),
    ETCD: ("etcd",),
    CLUSTER: ("k8s_cluster", "k8s-cluster"),
}


def canonical_groups(groups: Mapping[str, Sequence[str]]) -> dict[str, tuple[str, ...]]:
    """Return the hosts of each canonical group, in order and without repetition.

    Args:
        groups: all groups of the inventory with their hosts, as Ansible's ``groups`` has them.

    """
    members = {
        name: _unique([host for spelling in spellings for host in groups.get(spelling, ())])
        for name, spellings in _SPELLINGS.items()
    }
    members[CLUSTER] = _unique([*members[CONTROL_PLANE], *members[WORKER], *members[CLUSTER]])
    return members


def cluster_order(members: Mapping[str, tuple[str, ...]]) -> tuple[str, ...]:
    """Return every host of the canonical groups: control planes, workers, then the rest."""
    return _unique([*members[CLUSTER], *members[ETCD]])


def _unique(names: Sequence[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(str(name) for name in names))
