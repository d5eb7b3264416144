"""The cluster's state for a person and as JSON: what it is and what to do next, before all details."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict
from typing import Any

from rich.markup import escape
from rich.table import Table
from rich.text import Text

from kubewright.observe.evidence import Evidence
from kubewright.observe.model import EtcdAlarm, EtcdMember, EtcdStatus, Lock, ObservedCluster
from kubewright.observe.states import ClusterState, Kind
from kubewright.topology.model import GroupNames


def status_json(evidence: Evidence, state: ClusterState, names: GroupNames) -> dict[str, Any]:
    """All that is known, as one JSON value."""
    cluster = evidence.cluster
    return {
        "state": {
            "kind": state.kind.value,
            "next": state.next_step,
            "findings": [asdict(finding) for finding in state.findings],
            "unknown": list(state.unknown),
        },
        "cluster": asdict(cluster) if cluster else None,
        "last": cluster.last if cluster else None,
        "inventory": {"control_planes": list(names.control_plane), "workers": list(names.worker)},
        "control_planes": {host: _disk_json(host, evidence) for host in names.control_plane},
        "unreachable": dict(evidence.unreachable),
    }


def _disk_json(host: str, evidence: Evidence) -> dict[str, Any]:
    disk = evidence.disks.get(host)
    if disk is None:
        failed = {name: f"{finding.subject}: {finding.cause}" for name, finding in evidence.failed.items()}
        return {"known": False, "reason": {**failed, **evidence.unreachable}.get(host, "it was not asked")}
    return {"known": True, **asdict(disk)}


def status_tables(evidence: Evidence, state: ClusterState, node_names: Mapping[str, str]) -> Iterator[Table | Text]:
    """The state first; then tables of nodes, etcd members and certificates, and sentences about what is missing.

    Args:
        evidence: all that was found out.
        state: what it means.
        node_names: Node name of each host of the inventory, by host.

    """
    yield from _state(state)
    cluster = evidence.cluster
    if cluster is not None:
        yield from _cluster(cluster)
    elif members := next((disk.etcd_members for disk in evidence.disks.values() if disk.etcd_members), ()):
        yield _members(members, (), ())
    if any(disk.certificates for disk in evidence.disks.values()):
        yield _certificates(evidence)
    if cluster is not None:
        known = {node.name for node in cluster.nodes}
        absent = [host for host, node_name in node_names.items() if node_name not in known]
        if absent:
            yield Text(f"In the inventory but not in the cluster: {', '.join(absent)}")
    for host, reason in evidence.unreachable.items():
        yield Text(f"{host} did not answer: {reason}")


_COLOURS = {Kind.HEALTHY: "green", Kind.NOTHING: "default", Kind.FOREIGN: "default"}


def _state(state: ClusterState) -> Iterator[Text]:
    known = ", as far as is known" if state.kind is Kind.HEALTHY and state.unknown else ""
    yield Text.assemble("State: ", (state.kind.value, _COLOURS.get(state.kind, "red")), known)
    for finding in state.findings:
        yield Text(f"  {finding.subject}: {finding.cause}")
        if finding.remedy != state.next_step:
            yield Text(f"    {finding.remedy}.")
    for sentence in state.unknown:
        yield Text(f"  Not known: {sentence}")
    yield Text(f"Next: {state.next_step}.")


def _cluster(cluster: ObservedCluster) -> Iterator[Table | Text]:
    whose = "made by kubewright" if cluster.ours else "not made by kubewright"
    yield Text(f"Kubernetes {cluster.version}, told by {cluster.via}; {whose}")
    if last := cluster.last:
        yield Text(
            f"Last: {last.get('verb')} by {last.get('user')} on {last.get('host')} at {last.get('time')} "
            f"(kubewright {last.get('version')})"
        )
    if cluster.lock is not None and cluster.lock.holder:
        yield Text(f"Locked by {_holder(cluster.lock)}, renewed at {cluster.lock.renewed or 'an unknown time'}")
    yield _nodes(cluster)
    if cluster.etcd_error:
        yield Text(f"The etcd members are not known: {cluster.etcd_error}")
    else:
        yield _members(cluster.etcd_members, cluster.etcd_status, cluster.etcd_alarms)
    if cluster.api_servers:
        yield _api_servers(cluster)


def _table(*titles: str) -> Table:
    table = Table(box=None, header_style="bold")
    for title in titles:
        table.add_column(title, overflow="fold")
    return table


def _holder(lock: Lock) -> str:
    told = {name: lock.annotations.get(f"kubewright.io/lock-{name}", "?") for name in ("user", "host", "command")}
    return f"{told['user']} on {told['host']} ({told['command']})" if set(told.values()) != {"?"} else lock.holder


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


def _members(members: Iterable[EtcdMember], status: Iterable[EtcdStatus], alarms: Iterable[EtcdAlarm]) -> Table:
    table = _table("ETCD MEMBER", "HEALTHY", "KIND", "ADDRESS", "VERSION", "DATABASE", "RAFT INDEX", "ALARMS")
    told = {entry.member_id: entry for entry in status}
    raised: dict[str, list[str]] = {}
    for alarm in alarms:
        raised.setdefault(alarm.member_id, []).append(alarm.alarm)
    for member in members:
        healthy = "[green]yes[/]" if member.healthy else "[red]no[/]"
        own = told.get(member.member_id)
        kind = "learner" if member.learner else "leader" if own and own.leader else "voter"
        size = f"{own.db_size / 2**20:.1f} MiB" if own else ""
        table.add_row(
            *(member.name or member.member_id, healthy, kind, member.peer_ip),
            *(own.version if own else "", size, str(own.raft_index) if own else ""),
            escape(", ".join(raised.get(member.member_id, ()))),
        )
    return table


def _api_servers(cluster: ObservedCluster) -> Table:
    table = _table("API SERVER", "ADDRESS", "VERSION")
    for server in cluster.api_servers:
        version = f"[red]no answer[/]: {escape(server.error)}" if server.error else server.version
        table.add_row(server.node, escape(server.address), version)
    return table


def _certificates(evidence: Evidence) -> Table:
    """A row for each certificate on disk and each that a server shows; what was not seen is said to be unknown."""
    table = _table("CERTIFICATE", "OF", "EXPIRES")
    for host, disk in evidence.disks.items():
        for certificate in disk.certificates:
            table.add_row(str(certificate["name"]), host, _expiry(certificate))
    for host in evidence.unreachable:
        table.add_row("all on disk", host, "not known: the host did not answer")
    for host in evidence.failed:
        table.add_row("all on disk", host, "not known: looking there failed")
    for shown in evidence.cluster.serving if evidence.cluster else ():
        expires = shown.not_after or f"not known: {escape(shown.error)}"
        table.add_row(f"{shown.component}, as shown", shown.name, expires)
    return table


def _expiry(certificate: Mapping[str, Any]) -> str:
    """When a certificate expires, or why that is not known."""
    if "not_after" in certificate:
        return str(certificate["not_after"])
    return f"[red]not known[/]: {escape(str(certificate['error']))}"
