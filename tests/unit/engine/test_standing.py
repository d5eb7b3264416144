"""What a look at a cluster makes of the control planes' answers."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from rich.console import Console

from kubewright.engine.actions.asking import Via
from kubewright.engine.standing import stand
from kubewright.errors import BadInputError, StepFailedError, UnreachableError
from kubewright.observe.evidence import Evidence, Finding
from kubewright.observe.states import Kind, classify
from kubewright.report.status import status_json, status_tables
from tests.unit.engine.recorded import ABSENT, NAMES, RECORD_DAMAGED, SILENT, Recorded
from tests.unit.engine.test_waiting import Calls, action

MEMBER = {"member_id": "1", "name": "cp1", "peer_ip": "10.0.0.1", "learner": False, "started": True, "healthy": True}
CERTIFICATE = {"name": "apiserver", "path": "/x", "not_after": "2999-01-01T00:00:00Z"}


def recorded(folder: Path) -> Recorded:
    return Recorded(folder, "status", names=NAMES)


class TestStand:
    def test_a_living_cluster_with_the_disks_of_all(self, tmp_path: Path) -> None:
        run = recorded(tmp_path)
        run.told("cp1", run.live("cp1", "cp2", "cp3", "w1", "w2", certificates=[CERTIFICATE]))
        disk = {**SILENT, "reason": "", "certificates": [CERTIFICATE], "etcd_members": [], "etcd_status": []}
        run.told("cp2", disk)
        run.unreached("cp3")
        evidence, error = stand(run.run, run.inputs)
        assert error is None
        assert set(evidence.disks) == {"cp1", "cp2"}
        assert evidence.unreachable == {"cp3": "no SSH connection: No route to host"}
        state = classify(evidence)
        assert state.kind is Kind.HEALTHY
        assert "cp3" in state.unknown[0]

    def test_quorum_lost_is_said_though_no_api_answers(self, tmp_path: Path) -> None:
        run = recorded(tmp_path)
        dead = [{**MEMBER, "member_id": str(n), "name": f"cp{n}", "healthy": False} for n in (2, 3)]
        run.told("cp1", {**SILENT, "etcd_members": [MEMBER, *dead], "etcd_status": [], "certificates": []})
        run.unreached("cp2")
        run.unreached("cp3")
        evidence, error = stand(run.run, run.inputs)
        assert isinstance(error, UnreachableError)
        assert classify(evidence).kind is Kind.QUORUM_LOST

    def test_an_api_that_is_silent(self, tmp_path: Path) -> None:
        run = recorded(tmp_path)
        run.told("cp1", SILENT)
        evidence, error = stand(run.run, run.inputs)
        assert isinstance(error, StepFailedError)
        assert classify(evidence).findings[0].subject == "API server of cp1"

    @pytest.mark.parametrize(("here", "kind"), [(True, Kind.QUORUM_LOST), (False, Kind.DEGRADED)])
    def test_a_silent_etcd_on_the_only_control_plane(self, tmp_path: Path, here: bool, kind: Kind) -> None:
        run = recorded(tmp_path)
        run.told("cp1", {**SILENT, "etcd_error": "connection refused", "etcd_here": here})
        evidence, _ = stand(run.run, run.inputs)
        assert classify(evidence).kind is kind

    def test_nothing_there(self, tmp_path: Path) -> None:
        run = recorded(tmp_path)
        for name in ("cp1", "cp2", "cp3"):
            run.told(name, ABSENT)
        evidence, error = stand(run.run, run.inputs)
        assert error is None
        assert classify(evidence).kind is Kind.NOTHING


class TestDamage:
    """What cannot be read or written on one control plane is shown with its reason, beside all that others tell."""

    def test_a_control_plane_that_cannot_tell(self, tmp_path: Path) -> None:
        run = recorded(tmp_path)
        run.failed("cp1", StepFailedError("host cp1", "disk full", "Make room"))
        run.told("cp2", run.live("cp1", "cp2", "cp3", "w1", "w2"))
        evidence, error = stand(run.run, run.inputs)
        assert error is None
        state = classify(evidence)
        assert state.kind is Kind.DEGRADED
        assert state.findings[0] == Finding("host cp1", "disk full", "Make room")
        assert any("disk of cp1" in sentence for sentence in state.unknown)
        shown = status_json(evidence, state, NAMES)
        assert shown["control_planes"]["cp1"] == {"known": False, "reason": "host cp1: disk full"}
        assert "looking there failed" in text(evidence)

    def test_where_no_other_one_is_known(self, tmp_path: Path) -> None:
        run = recorded(tmp_path)
        run.failed("cp1", StepFailedError("host cp1", "disk full", "Make room"))
        evidence, error = stand(run.run, run.inputs)
        assert isinstance(error, StepFailedError)
        state = classify(evidence)
        assert (state.kind, state.next_step) == (Kind.UNKNOWN, "Make room")

    def test_a_damaged_marker(self, tmp_path: Path) -> None:
        run = recorded(tmp_path)
        damaged = {"subject": "/etc/kubewright/join.json", "cause": "cut", "remedy": "Remove it", "exit_code": 7}
        state = run.live("cp1", "cp2", "cp3", "w1", "w2", unfinished={"join": "damaged"}, damaged=[damaged])
        run.told("cp1", state)
        evidence, error = stand(run.run, run.inputs)
        assert error is None
        assert classify(evidence).findings == (Finding("host cp1, /etc/kubewright/join.json", "cut", "Remove it"),)

    def test_a_damaged_record_is_told_once(self, tmp_path: Path) -> None:
        run = recorded(tmp_path)
        for name in ("cp1", "cp2"):
            run.told(name, RECORD_DAMAGED)
        evidence, error = stand(run.run, run.inputs)
        assert isinstance(error, StepFailedError)
        state = classify(evidence)
        assert [finding.subject for finding in state.findings] == ["ConfigMap kube-system/kubewright"]
        assert state.next_step == "Restore it"


def text(evidence: Evidence) -> str:
    """What status prints."""
    console = Console(file=io.StringIO(), width=200)
    for part in status_tables(evidence, classify(evidence), {}):
        console.print(part)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


class TestVia:
    def test_status_needs_no_cluster_and_kubectl_does(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        run = recorded(tmp_path)
        for name in ("cp1", "cp2", "cp3"):
            run.told(name, ABSENT)
        assert action(Via, Calls(), monkeypatch, needed=False).act(run.run)["via"] == "cp1"
        with pytest.raises(BadInputError, match="there is none yet"):
            action(Via, Calls(), monkeypatch, needed=True).act(run.run)
