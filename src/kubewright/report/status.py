"""The cluster's state for a person and as JSON."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict
from typing import Any

from rich.table import Table

from kubewright.observe.model import ObservedCluster
from kubewright.topology.model import GroupNames


def status_json(cluster: ObservedCluster | None, names: GroupNames, unreachable: Mapping[str, str]) -> dict[str, Any]:
    """All that is known, as one JSON value."""
    return {
        "cluster": asdict(cluster) if cluster else None,
        "inventory": {"control_planes": list(names.control_plane), "workers": list(names.worker)},
        "unreachable": dict(unreachable),
    }


def status_tables(
    cluster: ObservedCluster | None, names: GroupNames, unreachable: Mapping[str, str]
) -> Iterator[Table | str]:
    """Tables of nodes, etcd members and certificates, and sentences about what is missing."""
    if cluster is None:
        yield "There is no cluster yet."
        return
    whose = "made by kubewright" if cluster.ours else "not made by kubewright"
    yield f"Kubernetes {cluster.version}, told by {cluster.via}; {whose}"
    yield _nodes(cluster)
    yield _members(cluster)
    if cluster.certificates:
        yield _certificates(cluster)
    known = {node.name for node in cluster.nodes}
    absent = [name for name in names.all if name not in known]
    if absent:
        yield f"In the inventory but not in the cluster: {', '.join(absent)}"
    for host, reason in unreachable.items():
        yield f"{host} did not answer: {reason}"


def _table(*titles: str) -> Table:
    table = Table(box=None, header_style="bold")
    for title in titles:
        table.add_column(title)
    return table


def _nodes(cluster: ObservedCluster) -> Table:
    table = _table("NODE", "READY", "ROLE", "VERSION", "ADDRESS", "TAINTS")
    for node in cluster.nodes:
        ready = "[green]yes[/]" if node.ready else "[red]no[/]"
        if node.unschedulable:
            ready += ", cordoned"
        role = "control plane" if node.control_plane else "worker"
        table.add_row(node.name, ready, role, node.kubelet_version, node.internal_ip, ", ".join(node.taints))
    return table


def _members(cluster: ObservedCluster) -> Table:
    table = _table("ETCD MEMBER", "HEALTHY", "KIND", "ADDRESS")
    for member in cluster.etcd_members:
        healthy = "[green]yes[/]" if member.healthy else "[red]no[/]"
        table.add_row(
            member.name or member.member_id, healthy, "learner" if member.learner else "voter", member.peer_ip
        )
    return table


def _certificates(cluster: ObservedCluster) -> Table:
    table = _table(f"CERTIFICATE ON {cluster.via}", "EXPIRES")
    for certificate in cluster.certificates:
        table.add_row(str(certificate["name"]), str(certificate["not_after"]))
    return table
