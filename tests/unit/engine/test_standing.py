"""What a look at a cluster makes of the control planes' answers."""

from __future__ import annotations

from pathlib import Path

import pytest

from kubewright.engine.actions.asking import Via
from kubewright.engine.standing import stand
from kubewright.errors import BadInputError, StepFailedError, UnreachableError
from kubewright.observe.states import Kind, classify
from tests.unit.engine.recorded import ABSENT, NAMES, SILENT, Recorded
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


class TestVia:
    def test_status_needs_no_cluster_and_kubectl_does(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        run = recorded(tmp_path)
        for name in ("cp1", "cp2", "cp3"):
            run.told(name, ABSENT)
        assert action(Via, Calls(), monkeypatch, needed=False).act(run.run)["via"] == "cp1"
        with pytest.raises(BadInputError, match="there is none yet"):
            action(Via, Calls(), monkeypatch, needed=True).act(run.run)
