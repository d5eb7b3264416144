"""In which state a cluster is, what is wrong with it, and where to go from there; pure.

The states: nothing there, half made by a killed run, healthy, degraded, quorum lost, foreign, and not known where
nobody could be asked. A majority is that of etcd's voting members (https://etcd.io/docs/v3.6/faq/, "What is failure
tolerance?").
"""

from __future__ import annotations

import datetime as dt
import enum
from collections.abc import Iterator
from dataclasses import dataclass

from kubewright.observe.evidence import Evidence, Finding
from kubewright.observe.model import EtcdMember, EtcdStatus, ObservedCluster, ObservedNode

SOON = dt.timedelta(days=30)
"""How long before its end a certificate is said to expire soon; what renews itself does so earlier."""


class Kind(enum.StrEnum):
    """The states that are told apart."""

    NOTHING = "nothing there"
    HALF_MADE = "half made"
    HEALTHY = "healthy"
    DEGRADED = "degraded"
    QUORUM_LOST = "quorum lost"
    FOREIGN = "foreign"
    UNKNOWN = "not known"


@dataclass(frozen=True)
class ClusterState:
    """The state, what is wrong, what could not be found out, and what to do next (a sentence without a full stop)."""

    kind: Kind
    next_step: str
    findings: tuple[Finding, ...] = ()
    unknown: tuple[str, ...] = ()


def classify(evidence: Evidence) -> ClusterState:
    """The cluster's state. Total: whatever was found out, there is an answer that leads somewhere."""
    findings = tuple(_findings(evidence))
    unknown = tuple(_unknown(evidence))
    kind = _kind(evidence, findings)
    return ClusterState(kind, _next_step(kind, evidence, findings), findings, unknown)


def _kind(evidence: Evidence, findings: tuple[Finding, ...]) -> Kind:
    cluster = evidence.cluster
    if evidence.half_made:
        return Kind.HALF_MADE
    if cluster is None and not any(disk.present for disk in evidence.disks.values()):
        return Kind.UNKNOWN if evidence.unreachable or evidence.failed else Kind.NOTHING
    if quorum_lost(*_etcd(evidence)) or _etcd_silent(evidence):
        return Kind.QUORUM_LOST
    if cluster is not None and not cluster.ours:
        return Kind.FOREIGN
    return Kind.DEGRADED if findings else Kind.HEALTHY


def quorum_lost(members: tuple[EtcdMember, ...], status: tuple[EtcdStatus, ...] = ()) -> bool:
    """Whether etcd's voting members are known and too few of them are healthy, or none of them knows a leader."""
    voters = [member for member in members if not member.learner]
    if not voters:
        return False
    healthy = sum(1 for member in voters if member.healthy)
    return healthy < len(voters) // 2 + 1 or (bool(status) and not any(told.has_leader for told in status))


def _etcd_silent(evidence: Evidence) -> bool:
    """Whether no API answers, no member tells of the others, and on most control planes the member is silent."""
    if evidence.cluster is not None or any(disk.etcd_members for disk in evidence.disks.values()):
        return False
    present = [disk for disk in evidence.disks.values() if disk.present]
    silent = sum(1 for disk in present if disk.etcd_error)
    return 2 * silent > len(present) + len(evidence.unreachable) + len(evidence.failed)


def _etcd(evidence: Evidence) -> tuple[tuple[EtcdMember, ...], tuple[EtcdStatus, ...]]:
    """The members as the speaker sees them, else as that control plane does that sees most of them healthy.

    Where none is healthy to any, as without a majority, the one that most of them answered counts.
    """
    if evidence.cluster is not None and evidence.cluster.etcd_members:
        return evidence.cluster.etcd_members, evidence.cluster.etcd_status
    views = [(disk.etcd_members, disk.etcd_status) for disk in evidence.disks.values()]
    return max(views, key=_seen, default=((), ()))


def _seen(view: tuple[tuple[EtcdMember, ...], tuple[EtcdStatus, ...]]) -> tuple[int, int, int]:
    """How much a control plane sees of etcd: how many members are healthy, how many answer, how many there are."""
    members, status = view
    return sum(1 for member in members if member.healthy), len(status), len(members)


def _waits(member: EtcdMember, status: tuple[EtcdStatus, ...]) -> bool:
    """Whether a member lives and only lacks the others: without a majority none is healthy to etcd's /health."""
    return not member.healthy and any(told.member_id == member.member_id and not told.has_leader for told in status)


def _next_step(kind: Kind, evidence: Evidence, findings: tuple[Finding, ...]) -> str:
    if kind is Kind.QUORUM_LOST:
        members, status = _etcd(evidence)
        voters = (member for member in members if not member.learner)
        dead = ", ".join(_name(member) for member in voters if not member.healthy and not _waits(member, status))
        dead = dead or ", ".join(f"on {host}" for host, disk in evidence.disks.items() if disk.etcd_error)
        return (
            f"Bring back etcd members ({dead or 'all of them'}) until most of the voting ones are healthy: power, "
            "network, journalctl -u kubelet there. Remove or reset nothing meanwhile: the data is on their disks"
        )
    if kind is Kind.DEGRADED:
        return findings[0].remedy
    if kind is Kind.UNKNOWN:
        if evidence.failed and not evidence.unreachable:
            return findings[0].remedy
        return "Bring back the control planes that do not answer, or correct how they are reached"
    return {
        Kind.NOTHING: "Make the cluster: kubewright deploy",
        Kind.HALF_MADE: f"Run kubewright deploy again: it goes on at {evidence.half_made}, where it was cut short",
        Kind.HEALTHY: "Nothing; kubewright deploy --dry-run shows what differs from the inventory",
        Kind.FOREIGN: "Use the tool that made it; kubewright only looks (status, kubectl) and changes nothing there",
    }[kind]


def _findings(evidence: Evidence) -> Iterator[Finding]:
    yield from evidence.failed.values()
    # What all control planes tell of the cluster they tell alike.
    yield from dict.fromkeys(finding for disk in evidence.disks.values() for finding in disk.damaged)
    yield from _api_findings(evidence)
    yield from _member_findings(evidence)
    cluster = evidence.cluster
    if cluster is not None:
        for alarm in cluster.etcd_alarms:
            yield _alarm(alarm.member_id, alarm.alarm)
        for node in cluster.nodes:
            yield from _node_findings(node)
        for workload in cluster.workloads:
            if workload.available < workload.desired:
                yield Finding(
                    f"{workload.kind} {workload.name}",
                    f"{workload.available} of {workload.desired} pods are available",
                    f"See why: kubewright kubectl -- -n kube-system describe {workload.kind.lower()} {workload.name}",
                )
    yield from _certificate_findings(evidence)
    for host, disk in evidence.disks.items():
        if "join" in disk.unfinished and not disk.damaged:
            yield Finding(f"host {host}", "a run was cut short while it joined", "Run kubewright deploy again")


def _api_findings(evidence: Evidence) -> Iterator[Finding]:
    remedy = "Look at the API server and etcd there (crictl ps -a, journalctl -u kubelet)"
    for server in evidence.cluster.api_servers if evidence.cluster else ():
        if server.error:
            yield Finding(
                f"API server of {server.node}", f"it does not answer at {server.address}: {server.error}", remedy
            )
    told = {server.node for server in evidence.cluster.api_servers} if evidence.cluster else set()
    for host, disk in evidence.disks.items():
        if disk.present and disk.api_error and host not in told:
            yield Finding(f"API server of {host}", f"it does not answer: {disk.api_error}", remedy)


def _member_findings(evidence: Evidence) -> Iterator[Finding]:
    for host, disk in evidence.disks.items():
        if disk.etcd_error and evidence.cluster is None:
            yield Finding(
                f"etcd member on {host}",
                f"it does not answer: {disk.etcd_error}",
                "Look at that host: disk space, crictl ps -a, journalctl -u kubelet",
            )
    members, status = _etcd(evidence)
    for member in members:
        if not member.started:
            yield Finding(
                f"etcd member {_name(member)}",
                "it was announced and never started",
                "Run kubewright deploy or scale again: the join that was cut short is completed",
            )
        elif _waits(member, status):
            yield Finding(
                f"etcd member {_name(member)}",
                f"it answers at {member.peer_ip} and knows of no leader",
                "Leave it as it is: it takes part again when most of the voting members do",
            )
        elif not member.healthy:
            yield Finding(
                f"etcd member {_name(member)}",
                f"it does not answer, or does not take part, at {member.peer_ip}",
                "Look at that host: power, network, disk space, journalctl -u kubelet",
            )
        elif member.learner:
            yield Finding(
                f"etcd member {_name(member)}",
                "it is still a learner and has no vote",
                "Run kubewright deploy or scale again: the join that was cut short is completed",
            )


_ALARMS = {
    "NOSPACE": "It takes no writes: compact and defragment etcd, then disarm the alarm (etcdctl alarm disarm)",
    "CORRUPT": "Do not restart members; find the one whose data differs (etcdctl endpoint hashkv) and replace it",
}


def _alarm(member_id: str, alarm: str) -> Finding:
    subject = f"etcd member {member_id}" if member_id else "etcd"
    return Finding(subject, f"alarm {alarm}", _ALARMS.get(alarm, "Look at it: etcdctl alarm list"))


_PRESSURES = ("MemoryPressure", "DiskPressure", "PIDPressure", "NetworkUnavailable")


def _node_findings(node: ObservedNode) -> Iterator[Finding]:
    conditions = {condition.kind: condition for condition in node.conditions}
    if not node.ready:
        why = conditions.get("Ready")
        text = f"it is not ready: {why.message or why.reason or why.status}" if why else "it is not ready"
        yield Finding(
            f"node {node.name}",
            text,
            f"Bring it back, or look there: journalctl -u kubelet (address {node.internal_ip})",
        )
    for kind in _PRESSURES:
        condition = conditions.get(kind)
        if condition is not None and condition.status == "True":
            yield Finding(
                f"node {node.name}", f"{kind}: {condition.message or condition.reason}", "Give it what it lacks"
            )


def _certificate_findings(evidence: Evidence) -> Iterator[Finding]:
    for where, name, not_after in _certificates(evidence):
        left = dt.datetime.fromisoformat(not_after) - evidence.now
        if left > SOON:
            continue
        text = f"expired at {not_after}" if left <= dt.timedelta(0) else f"expires at {not_after}, in {left.days} days"
        yield Finding(f"certificate {name} of {where}", text, _renewal(name, where))


def _renewal(name: str, where: str) -> str:
    if name == "kubelet.conf":
        return (
            f"Restart the kubelet on {where}, which renews it; where it has expired, reset that node and join it again"
        )
    if name == "kubelet":
        return (
            f"Restart the kubelet on {where}; if it shows the same one, remove /var/lib/kubelet/pki/kubelet.crt first"
        )
    if name == "ca" or name.endswith(("-ca", "/ca")):
        return "Renew this authority by kubeadm's documentation on manual rotation of CA certificates"
    return f"On {where}: kubeadm certs renew all, then restart its static pods and fetch the kubeconfig anew"


def _certificates(evidence: Evidence) -> Iterator[tuple[str, str, str]]:
    """Host or node, name and end of every certificate whose end is known."""
    for host, disk in evidence.disks.items():
        for entry in disk.certificates:
            if "not_after" in entry:
                yield host, str(entry["name"]), str(entry["not_after"])
    for shown in evidence.cluster.serving if evidence.cluster else ():
        if shown.not_after:
            yield shown.name, shown.component, shown.not_after


def _unknown(evidence: Evidence) -> Iterator[str]:
    for host, reason in evidence.unreachable.items():
        yield f"what is on the disk of {host}, its certificates too: it did not answer ({reason})"
    for host in evidence.failed:
        yield f"what is on the disk of {host}, its certificates too: looking there failed"
    for host, disk in evidence.disks.items():
        for entry in disk.certificates:
            if "not_after" not in entry:
                yield f"certificate {entry['name']} of {host}: {entry.get('error', 'it could not be read')}"
    if evidence.cluster is not None:
        yield from _untold(evidence.cluster)


def _untold(cluster: ObservedCluster) -> Iterator[str]:
    """What the speaker could not tell of the cluster."""
    if cluster.etcd_error:
        yield f"etcd: {cluster.etcd_error}"
    silent: dict[str, list[str]] = {}
    for shown in cluster.serving:
        if shown.error:
            silent.setdefault(shown.component, []).append(shown.name)
    for component, names in silent.items():
        some = ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")
        yield f"the certificate that {component} shows on {some}"


def _name(member: EtcdMember) -> str:
    return member.name or member.member_id
