"""The cluster's state for a person and as JSON."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict
from typing import Any

from rich.markup import escape
from rich.table import Table
from rich.text import Text

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
    cluster: ObservedCluster | None, node_names: Mapping[str, str], unreachable: Mapping[str, str]
) -> Iterator[Table | Text]:
    """Tables of nodes, etcd members and certificates, and sentences about what is missing.

    Args:
        cluster: as one control plane told it, None where there is none.
        node_names: Node name of each host of the inventory, by host.
        unreachable: why control planes that were asked before did not answer, by host.

    """
    if cluster is None:
        yield Text("There is no cluster yet.")
        return
    whose = "made by kubewright" if cluster.ours else "not made by kubewright"
    yield Text(f"Kubernetes {cluster.version}, told by {cluster.via}; {whose}")
    yield _nodes(cluster)
    if cluster.etcd_error:
        yield Text(f"The etcd members are not known: {cluster.etcd_error}")
    else:
        yield _members(cluster)
    if cluster.certificates:
        yield _certificates(cluster)
    known = {node.name for node in cluster.nodes}
    absent = [host for host, node_name in node_names.items() if node_name not in known]
    if absent:
        yield Text(f"In the inventory but not in the cluster: {', '.join(absent)}")
    for host, reason in unreachable.items():
        yield Text(f"{host} did not answer: {reason}")


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
        taints = escape(", ".join(node.taints))
        table.add_row(node.name, ready, role, node.kubelet_version, node.internal_ip, taints)
    return table


def _members(cluster: ObservedCluster) -> Table:
    table = _table("ETCD MEMBER", "HEALTHY", "KIND", "ADDRESS")
    for member in cluster.etcd_members:
        healthy = "[green]yes[/]" if member.healthy else "[red]no[/]"
        kind = "learner" if member.learner else "voter"
        table.add_row(member.name or member.member_id, healthy, kind, member.peer_ip)
    return table


def _certificates(cluster: ObservedCluster) -> Table:
    table = _table(f"CERTIFICATE ON {cluster.via}", "EXPIRES")
    for certificate in cluster.certificates:
        table.add_row(str(certificate["name"]), _expiry(certificate))
    return table


def _expiry(certificate: Mapping[str, Any]) -> str:
    """When a certificate expires, or why that is not known."""
    if "not_after" in certificate:
        return str(certificate["not_after"])
    return f"[red]not known[/]: {escape(str(certificate['error']))}"
