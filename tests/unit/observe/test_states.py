"""Which state a cluster is in by what was found out, and that each state leads somewhere."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kubewright.observe.evidence import Disk, Evidence
from kubewright.observe.model import (
    ApiServer,
    Condition,
    EtcdAlarm,
    EtcdMember,
    EtcdStatus,
    ObservedCluster,
    ObservedNode,
    ServingCertificate,
    Workload,
)
from kubewright.observe.states import Kind, classify, quorum_lost

NOW = dt.datetime(2026, 6, 1, tzinfo=dt.UTC)
FAR, NEAR, PAST = "2027-06-01T00:00:00Z", "2026-06-11T00:00:00Z", "2026-05-31T00:00:00Z"


def member(number: int, **changes: Any) -> EtcdMember:
    made = EtcdMember(f"cp{number}", f"m{number}", f"10.0.0.{number}", learner=False, healthy=True)
    return replace(made, **changes)


def node(name: str, **changes: Any) -> ObservedNode:
    return replace(ObservedNode(name, "10.0.0.1", True, "v1.37.2", name.startswith("cp")), **changes)


FINE = ObservedCluster(
    "cp1",
    "v1.37.2",
    {"format": 1},
    (node("cp1"), node("w1")),
    (member(1), member(2), member(3)),
    serving=(ServingCertificate("kube-apiserver", "cp1", "10.0.0.1:6443", FAR),),
)
DISK = Disk(present=True, certificates=({"name": "apiserver", "not_after": FAR},))


def evidence(cluster: ObservedCluster | None = FINE, **changes: Any) -> Evidence:
    disks = {"cp1": DISK} if cluster else {"cp1": Disk(present=False)}
    return replace(Evidence(cluster, NOW, disks=disks), **changes)


def silent(*healthy: bool, has_leader: bool = True) -> Disk:
    """A control plane whose API does not answer, with what its etcd member sees."""
    return Disk(
        present=True,
        api_error="connection refused",
        etcd_members=tuple(member(number, healthy=each) for number, each in enumerate(healthy, 1)),
        etcd_status=(EtcdStatus("m1", "3.6.5", leader=has_leader, has_leader=has_leader),),
    )


class TestKinds:
    @pytest.mark.parametrize(
        ("found", "kind"),
        [
            (evidence(), Kind.HEALTHY),
            (evidence(None), Kind.NOTHING),
            (evidence(None, disks={}), Kind.NOTHING),
            (evidence(None, disks={}, unreachable={"cp1": "down"}), Kind.UNKNOWN),
            (evidence(None, half_made="cp2"), Kind.HALF_MADE),
            (evidence(replace(FINE, record=None), half_made="cp1"), Kind.HALF_MADE),
            (evidence(replace(FINE, record=None)), Kind.FOREIGN),
            (evidence(replace(FINE, etcd_members=(member(1), member(2, healthy=False)))), Kind.QUORUM_LOST),
            (evidence(None, disks={"cp1": silent(True, False, False)}), Kind.QUORUM_LOST),
            (evidence(None, disks={"cp1": silent(True, True, True, has_leader=False)}), Kind.QUORUM_LOST),
            (evidence(None, disks={"cp1": silent(True, True, False)}), Kind.DEGRADED),
            (evidence(None, disks={"cp1": silent()}, unreachable={"cp2": "down"}), Kind.DEGRADED),
            (evidence(None, disks={"cp1": replace(DISK, etcd_error="refused")}), Kind.QUORUM_LOST),
            (
                evidence(None, disks={"cp1": replace(DISK, etcd_error="refused")}, unreachable={"cp2": "down"}),
                Kind.DEGRADED,
            ),
            # One that was cut off from the others does not speak for them.
            (evidence(None, disks={"a": silent(True, False, False), "b": silent(False, True, True)}), Kind.DEGRADED),
        ],
    )
    def test_by_what_was_found_out(self, found: Evidence, kind: Kind) -> None:
        state = classify(found)
        assert state.kind is kind
        assert state.next_step
        assert not state.next_step.endswith(".")

    def test_quorum_lost_names_whom_to_bring_back(self) -> None:
        state = classify(evidence(None, disks={"cp1": silent(True, False, False)}))
        assert "(cp2, cp3)" in state.next_step

    def test_quorum_lost_does_not_name_a_member_that_only_lacks_the_others(self) -> None:
        """Without a majority etcd's /health is false on the members that live, too, and their status has no leader."""
        state = classify(evidence(None, disks={"cp1": silent(False, False, False, has_leader=False)}))
        assert state.kind is Kind.QUORUM_LOST
        assert "(cp2, cp3)" in state.next_step
        found = {finding.subject: finding for finding in state.findings}
        assert found["etcd member cp1"].cause == "it answers at 10.0.0.1 and knows of no leader"
        assert found["etcd member cp1"].remedy.startswith("Leave it as it is")
        assert found["etcd member cp2"].cause.startswith("it does not answer")

    def test_quorum_lost_names_a_member_that_knows_a_leader_and_takes_no_part(self) -> None:
        state = classify(evidence(None, disks={"cp1": silent(False, False, True)}))
        assert "(cp1, cp2)" in state.next_step

    def test_quorum_lost_is_told_by_the_member_that_answers(self) -> None:
        """A control plane whose own member is silent knows no members, which says nothing about the others."""
        refused = replace(DISK, api_error="refused", etcd_error="refused")
        state = classify(evidence(None, disks={"cp2": refused, "cp1": silent(False, False, False, has_leader=False)}))
        assert state.kind is Kind.QUORUM_LOST
        assert "(cp2, cp3)" in state.next_step

    @pytest.mark.parametrize(
        ("members", "lost"),
        [
            ((), False),
            ((member(1),), False),
            ((member(1, healthy=False),), True),
            ((member(1), member(2, learner=True, healthy=False)), False),
            ((member(1), member(2), member(3, healthy=False)), False),
            ((member(1), member(2, healthy=False), member(3, healthy=False)), True),
            ((member(1), member(2), member(3, healthy=False), member(4, healthy=False)), True),
        ],
    )
    def test_a_majority_is_of_voting_members(self, members: tuple[EtcdMember, ...], lost: bool) -> None:
        assert quorum_lost(members) is lost


BAD: dict[str, tuple[Evidence, str]] = {
    "a node that is not ready": (
        evidence(
            replace(FINE, nodes=(node("w1", ready=False, conditions=(Condition("Ready", "False", message="no CNI"),)),))
        ),
        "node w1: it is not ready: no CNI",
    ),
    "a full disk": (
        evidence(replace(FINE, nodes=(node("w1", conditions=(Condition("DiskPressure", "True", "Full"),)),))),
        "node w1: DiskPressure: Full",
    ),
    "a member that is down": (
        evidence(replace(FINE, etcd_members=(member(1), member(2), member(3, healthy=False)))),
        "etcd member cp3: it does not answer",
    ),
    "a learner": (evidence(replace(FINE, etcd_members=(member(1), member(2, learner=True)))), "still a learner"),
    "a member that never started": (
        evidence(replace(FINE, etcd_members=(member(1), member(2, learner=True, name="", started=False)))),
        "etcd member m2: it was announced and never started",
    ),
    "an alarm": (evidence(replace(FINE, etcd_alarms=(EtcdAlarm("m1", "NOSPACE"),))), "etcd member m1: alarm NOSPACE"),
    "an API server that is down": (
        evidence(replace(FINE, api_servers=(ApiServer("cp2", "10.0.0.2:6443", error="refused"),))),
        "API server of cp2: it does not answer at 10.0.0.2:6443: refused",
    ),
    "a certificate that has expired": (
        evidence(disks={"cp1": replace(DISK, certificates=({"name": "apiserver", "not_after": PAST},))}),
        "certificate apiserver of cp1: expired at",
    ),
    "a certificate that expires soon, as shown": (
        evidence(replace(FINE, serving=(ServingCertificate("kubelet", "w1", "", NEAR),))),
        "certificate kubelet of w1: expires at 2026-06-11T00:00:00Z, in 10 days",
    ),
    "pods that are missing": (
        evidence(replace(FINE, workloads=(Workload("Deployment", "coredns", 2, 1),))),
        "Deployment coredns: 1 of 2 pods",
    ),
    "a join that was cut short": (
        evidence(disks={"cp2": replace(DISK, unfinished={"join": "kubeadm"})}),
        "host cp2: a run was cut short while it joined",
    ),
}


class TestFindings:
    @pytest.mark.parametrize("name", BAD)
    def test_names_what_is_wrong_and_what_to_do(self, name: str) -> None:
        found, text = BAD[name]
        state = classify(found)
        assert state.kind is Kind.DEGRADED
        assert any(text in f"{finding.subject}: {finding.cause}" for finding in state.findings)
        assert state.next_step == state.findings[0].remedy

    def test_what_was_not_seen_is_unknown_and_not_fine(self) -> None:
        unread = replace(DISK, certificates=({"name": "kubelet.conf", "error": "cut short"},))
        quiet = tuple(ServingCertificate("kubelet", f"w{n}", "", error="timed out") for n in range(7))
        cluster = replace(FINE, serving=quiet, etcd_error="this control plane runs no etcd member")
        state = classify(evidence(cluster, disks={"cp1": unread}, unreachable={"cp2": "down"}))
        assert state.kind is Kind.HEALTHY
        text = "\n".join(state.unknown)
        assert "disk of cp2" in text
        assert "certificate kubelet.conf of cp1: cut short" in text
        assert "etcd: this control plane runs no etcd member" in text
        assert "w0, w1, w2, w3, w4 and 2 more" in text


MEMBERS = st.lists(st.tuples(st.booleans(), st.booleans(), st.booleans()), max_size=7)


def made(members: list[tuple[bool, bool, bool]]) -> tuple[EtcdMember, ...]:
    return tuple(
        member(number, learner=learner, healthy=healthy, started=started)
        for number, (learner, healthy, started) in enumerate(members)
    )


@given(MEMBERS, st.lists(st.booleans(), max_size=5), st.booleans(), st.booleans(), st.booleans())
def test_every_situation_has_a_state_that_leads_somewhere(
    members: list[tuple[bool, bool, bool]], ready: list[bool], answers: bool, ours: bool, dead: bool
) -> None:
    nodes = tuple(node(f"w{number}", ready=each) for number, each in enumerate(ready))
    cluster = replace(FINE, record={} if ours else None, nodes=nodes, etcd_members=made(members)) if answers else None
    disk = Disk(present=True, api_error="" if answers else "refused", etcd_members=made(members))
    state = classify(Evidence(cluster, NOW, disks={"cp1": disk}, unreachable={"cp2": "down"} if dead else {}))
    assert state.next_step
    assert all(finding.subject and finding.cause and finding.remedy for finding in state.findings)
    voters = [entry for entry in made(members) if not entry.learner]
    lost = bool(voters) and 2 * sum(entry.healthy for entry in voters) <= len(voters)
    assert (state.kind is Kind.QUORUM_LOST) is lost
    if state.kind is Kind.HEALTHY:
        assert all(ready)
        assert all(entry.healthy and not entry.learner for entry in made(members))


@given(MEMBERS)
def test_a_member_that_fails_never_makes_it_better(members: list[tuple[bool, bool, bool]]) -> None:
    before = made(members)
    after = (*(replace(entry, healthy=False) for entry in before[:1]), *before[1:])
    assert quorum_lost(after) or not quorum_lost(before)
