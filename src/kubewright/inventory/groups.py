"""Kubespray's groups under today's names, whatever spelling and nesting the inventory has."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

CONTROL_PLANE, WORKER, ETCD, CLUSTER = "kube_control_plane", "kube_node", "etcd", "k8s_cluster"
ROUTE_REFLECTOR = "calico_rr"
CANONICAL_GROUPS: tuple[str, ...] = (
    *(CONTROL_PLANE, WORKER, ETCD, CLUSTER, ROUTE_REFLECTOR),
    *("bastion", "no_floating", "broken_etcd", "broken_kube_control_plane"),
)
"""Kubespray's groups; ``k8s_cluster`` is the union of its parts and of what the inventory puts there itself."""

_SPELLINGS: dict[str, tuple[str, ...]] = {
    CONTROL_PLANE: ("kube_control_plane", "kube-control-plane", "kube-master", "kube_master"),
    WORKER: ("kube_node", "kube-node"),
    ETCD: ("etcd",),
    CLUSTER: ("k8s_cluster", "k8s-cluster"),
    ROUTE_REFLECTOR: ("calico_rr", "calico-rr"),
    "bastion": ("bastion",),
    "no_floating": ("no_floating", "no-floating"),
    "broken_etcd": ("broken_etcd", "broken-etcd"),
    "broken_kube_control_plane": ("broken_kube_control_plane", "broken-kube-control-plane", "broken_kube-master"),
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
    parts = (CONTROL_PLANE, WORKER, ROUTE_REFLECTOR, CLUSTER)
    members[CLUSTER] = _unique([host for part in parts for host in members[part]])
    return members


def missing_groups(
    groups: Mapping[str, Sequence[str]], members: Mapping[str, Sequence[str]]
) -> dict[str, tuple[str, ...]]:
    """Return, for each host that the inventory itself does not put into all its canonical groups, the others.

    Args:
        groups: as for :func:`canonical_groups`.
        members: what that returned.

    """
    missing: dict[str, list[str]] = {}
    for name, hosts in members.items():
        present = {str(host) for host in groups.get(name, ())}
        for host in hosts:
            if host not in present:
                missing.setdefault(host, []).append(name)
    return {host: tuple(names) for host, names in missing.items()}


def renamed_groups(groups: Iterable[str]) -> dict[str, str]:
    """Return today's name of each group that is spelled in an older way."""
    today = {old: name for name, spellings in _SPELLINGS.items() for old in spellings if old != name}
    return {group: today[group] for group in sorted(set(groups)) if group in today}


def cluster_order(members: Mapping[str, tuple[str, ...]]) -> tuple[str, ...]:
    """Return every host of the canonical groups: control planes, workers, then the rest."""
    return _unique([*members[CLUSTER], *members[ETCD]])


def _unique(names: Sequence[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(str(name) for name in names))
