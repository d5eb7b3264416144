"""The cluster's state as tables and as JSON."""

from __future__ import annotations

import datetime as dt
import json
from dataclasses import replace
from io import StringIO
from typing import Any

from rich.console import Console

from kubewright.observe.evidence import Disk, Evidence
from kubewright.observe.model import (
    ApiServer,
    EtcdAlarm,
    EtcdMember,
    EtcdStatus,
    Lock,
    ObservedCluster,
    ObservedNode,
    ServingCertificate,
)
from kubewright.observe.states import classify
from kubewright.report.checks import check_table
from kubewright.report.status import status_json, status_tables
from kubewright.topology import GroupNames

NAMES = GroupNames(control_plane=("cp1",), worker=("w1", "w2"))
NODE_NAMES = {"cp1": "cp1", "w1": "w1", "w2": "w2"}
CLUSTER = ObservedCluster(
    via="cp1",
    version="v1.37.2",
    record={"format": 1},
    nodes=(
        ObservedNode("cp1", "10.0.0.1", True, "v1.37.2", True, taints=("node-role/control-plane:NoSchedule",)),
        ObservedNode("w1", "10.0.0.2", False, "v1.37.2", False, unschedulable=True),
    ),
    etcd_members=(
        EtcdMember("cp1", "a1", "10.0.0.1", learner=False, healthy=True),
        EtcdMember("", "b2", "10.0.0.9", learner=True, healthy=False, started=False),
    ),
    certificates=({"name": "apiserver", "path": "/x", "not_after": "2027-01-02T03:04:05Z"},),
)


NOW = dt.datetime(2026, 6, 1, tzinfo=dt.UTC)


def found(cluster: ObservedCluster | None, unreachable: dict[str, str] | None = None) -> Evidence:
    disks = {"cp1": Disk(present=True, certificates=cluster.certificates)} if cluster else {}
    return Evidence(cluster, NOW, disks=disks, unreachable=unreachable or {})


def as_json(cluster: ObservedCluster | None, unreachable: dict[str, str] | None = None) -> dict[str, Any]:
    evidence = found(cluster, unreachable)
    value: dict[str, Any] = json.loads(json.dumps(status_json(evidence, classify(evidence), NAMES)))
    return value


def shown(
    cluster: ObservedCluster | None, node_names: dict[str, str] | None = None, unreachable: dict[str, str] | None = None
) -> str:
    """What a person sees, as the command prints it."""
    text = StringIO()
    console = Console(file=text, width=200, color_system=None, soft_wrap=True, highlight=False)
    evidence = found(cluster, unreachable)
    for part in status_tables(evidence, classify(evidence), NODE_NAMES if node_names is None else node_names):
        console.print(part)
    return text.getvalue()


def row(text: str, first: str) -> list[str]:
    return next(line.split() for line in text.splitlines() if line.split()[:1] == [first])


class TestTables:
    def test_no_cluster(self) -> None:
        assert shown(None) == "State: nothing there\nNext: Make the cluster: kubewright deploy.\n"

    def test_state_and_what_to_do_come_first(self) -> None:
        lines = shown(CLUSTER).splitlines()
        assert lines[0] == "State: degraded"
        assert any(line == "  node w1: it is not ready" for line in lines[:8])
        assert any(line.startswith("Next: ") for line in lines[:8])

    def test_a_healthy_cluster_of_which_something_is_not_known_is_not_called_fine(self) -> None:
        fine = replace(CLUSTER, nodes=CLUSTER.nodes[:1], etcd_members=CLUSTER.etcd_members[:1])
        assert shown(fine).splitlines()[0] == "State: healthy"
        text = shown(fine, unreachable={"cp2": "down"})
        assert text.splitlines()[0] == "State: healthy, as far as is known"
        assert "not known: the host did not answer" in text

    def test_who_did_what_last_and_who_holds_the_lock(self) -> None:
        last = {"verb": "scale", "user": "ada", "host": "desk", "time": "2026-05-01T00:00:00Z", "version": "0.1"}
        text = shown(replace(CLUSTER, record={"last": last}, lock=Lock("ada@desk", "2026-05-01T00:00:01Z")))
        assert "Last: scale by ada on desk at 2026-05-01T00:00:00Z (kubewright 0.1)" in text
        assert "Locked by ada@desk, renewed at 2026-05-01T00:00:01Z" in text

    def test_leader_size_index_and_alarms(self) -> None:
        status = EtcdStatus("a1", "3.6.5", leader=True, has_leader=True, db_size=2**21, raft_index=7)
        alarms = (EtcdAlarm("a1", "NOSPACE"),)
        text = shown(replace(CLUSTER, etcd_status=(status,), etcd_alarms=alarms))
        members = text[text.index("ETCD MEMBER") :]
        assert row(members, "cp1") == ["cp1", "yes", "leader", "10.0.0.1", "3.6.5", "2.0", "MiB", "7", "NOSPACE"]

    def test_api_servers_and_the_certificates_that_they_show(self) -> None:
        cluster = replace(
            CLUSTER,
            api_servers=(ApiServer("cp1", "10.0.0.1:6443", "v1.37.2"), ApiServer("cp2", "[fd00::2]:6443", error="[x]")),
            serving=(
                ServingCertificate("kubelet", "w9", "10.0.0.9:10250", "2027-01-01T00:00:00Z"),
                ServingCertificate("kubelet", "w8", "10.0.0.8:10250", error="timed out"),
            ),
        )
        text = shown(cluster)
        assert row(text, "cp2") == ["cp2", "[fd00::2]:6443", "no", "answer:", "[x]"]
        assert row(text, "kubelet,") == ["kubelet,", "as", "shown", "w9", "2027-01-01T00:00:00Z"]
        assert row(text[text.index("w9") :], "kubelet,")[3:] == ["w8", "not", "known:", "timed", "out"]

    def test_nodes(self) -> None:
        text = shown(CLUSTER)
        assert row(text, "cp1") == [
            "cp1",
            "yes",
            "control",
            "plane",
            "v1.37.2",
            "10.0.0.1",
            "node-role/control-plane:NoSchedule",
        ]
        assert row(text, "w1")[:4] == ["w1", "no,", "cordoned", "worker"]

    def test_a_member_without_a_name_by_its_id(self) -> None:
        assert row(shown(CLUSTER), "b2") == ["b2", "no", "learner", "10.0.0.9"]

    def test_whose_cluster(self) -> None:
        assert "told by cp1; made by kubewright" in shown(CLUSTER)
        assert "not made by kubewright" in shown(replace(CLUSTER, record=None))

    def test_why_there_are_no_members(self) -> None:
        text = shown(replace(CLUSTER, etcd_members=(), etcd_error="this control plane runs no etcd member"))
        assert "The etcd members are not known: this control plane runs no etcd member" in text
        assert "ETCD MEMBER" not in text

    def test_certificates(self) -> None:
        assert row(shown(CLUSTER), "apiserver") == ["apiserver", "cp1", "2027-01-02T03:04:05Z"]

    def test_a_certificate_that_could_not_be_read(self) -> None:
        broken = {"name": "kubelet.conf", "path": "/y", "error": "cannot read [/var/lib/kubelet/pki/x.pem]"}
        text = shown(replace(CLUSTER, certificates=(*CLUSTER.certificates, broken)))
        assert "not known: cannot read [/var/lib/kubelet/pki/x.pem]" in text


class TestSentences:
    def test_hosts_that_are_not_in_the_cluster(self) -> None:
        assert "In the inventory but not in the cluster: w2\n" in shown(CLUSTER)

    def test_a_host_whose_node_has_another_name_is_in_it(self) -> None:
        named = replace(CLUSTER, nodes=(CLUSTER.nodes[0], replace(CLUSTER.nodes[1], name="press-1")))
        assert "not in the cluster" not in shown(named, {"cp1": "cp1", "w1": "press-1"})

    def test_reasons_are_shown_as_they_are(self) -> None:
        text = shown(CLUSTER, unreachable={"cp0": "ssh: connect to [fd00::1]: [/dev/null] refused"})
        assert "cp0 did not answer: ssh: connect to [fd00::1]: [/dev/null] refused" in text


class TestJson:
    def test_has_all_that_is_known(self) -> None:
        value = as_json(CLUSTER, {"cp0": "down"})
        assert value["state"]["kind"] == "degraded"
        assert value["state"]["next"]
        assert value["control_planes"]["cp1"]["known"] is True
        assert value["cluster"]["nodes"][1]["unschedulable"] is True
        assert value["inventory"] == {"control_planes": ["cp1"], "workers": ["w1", "w2"]}
        assert value["unreachable"] == {"cp0": "down"}

    def test_no_cluster(self) -> None:
        value = as_json(None)
        assert value["cluster"] is None
        assert value["state"]["kind"] == "nothing there"
        assert value["control_planes"]["cp1"] == {"known": False, "reason": "it was not asked"}


def test_checks_one_a_row_with_what_was_found() -> None:
    text = StringIO()
    checks = {
        "w1": [
            {"check": "node", "ok": True, "detail": "Ready"},
            {"check": "dns", "ok": False, "detail": "no answer from [10.233.0.3] [b]"},
        ]
    }
    Console(file=text, width=200, color_system=None).print(check_table(checks))
    lines = text.getvalue().splitlines()
    assert lines[1].split() == ["w1", "node", "ok", "Ready"]
    assert "failed" in lines[2]
    assert "no answer from [10.233.0.3] [b]" in lines[2]
