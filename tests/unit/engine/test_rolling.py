"""A rollout's steps on the controller: what a host gets, what a failure stops, and what joins are told meanwhile."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar

import pytest
import yaml
from ansible.errors import AnsibleConnectionFailure

from kubewright.engine.actions.base import RunAction
from kubewright.engine.actions.converging import ConvergeHost
from kubewright.engine.actions.creating import ApplyObjects
from kubewright.engine.actions.keeping import KeepSnapshot
from kubewright.engine.actions.steps import StepAction
from kubewright.engine.configuration import configuration_for_joins
from kubewright.engine.flow import choose_scope, make_documents, make_plan
from kubewright.errors import StepFailedError, UnreachableError
from kubewright.plan import Change, Plan, Stage, Step
from tests.unit.engine.recorded import SMALL, Recorded
from tests.unit.engine.test_waiting import Calls, action

DONE = {"changed": True, "changes": [], "restarted": ["kubelet"], "missing": []}
OURS = {"present": True, "record": {"cluster": "cluster.local"}, "busy": None}
KUBELET = "kubelet_configuration:/var/lib/kubelet/config.yaml"


@pytest.fixture
def recorded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Recorded:
    """A run that changes the API server's flags, the kubelets' configuration and kube-proxy's."""
    monkeypatch.setattr(RunAction, "through_another_host", True)
    made = Recorded(tmp_path, names=SMALL, cluster={"serial": "1"})
    made.told("cp1", made.live("cp1", "w1", "w2"))
    made.probed("cp1", "w1", "w2", kubewright=OURS)
    choose_scope(made.run)
    make_documents(made.run)
    made.inspected("cp1", changes=("static_pod:kube-apiserver",))
    made.inspected("w1", "w2", changes=(KUBELET,), restarted=("kubelet",))
    proxy = {"reference": "v1/ConfigMap/kube-system/kube-proxy", "action": "change", "diff": "-a\n+b\n"}
    made.compared(configuration_changes=[proxy])
    make_plan(made.run)
    made.locked()
    return made


def act(recorded: Recorded, monkeypatch: pytest.MonkeyPatch, stage: Stage, host: str, *answers: Any) -> Calls:
    """Carry out one step as the playbook does, with the module's answers."""
    objects = dict.fromkeys((Stage.CLUSTER_CONFIG, Stage.KUBE_PROXY, Stage.METADATA), ApplyObjects)
    kinds: dict[Stage, type[StepAction]] = {Stage.SNAPSHOT: KeepSnapshot, **objects}
    calls = Calls(*answers)
    made = action(kinds.get(stage, ConvergeHost), calls, monkeypatch, host=host, stage=stage.value)
    try:
        made.act(recorded.run)
    except StepFailedError as error:
        recorded.run.fail(error, host=host, stage=made.stage)
    return calls


def left(recorded: Recorded) -> list[str]:
    return [event["host"] for event in recorded.run.events() if event["event"] == "left"]


class TestSteps:
    def test_all_are_planned(self, recorded: Recorded) -> None:
        plan = Plan.from_json(recorded.run.read("plan"))
        assert [(step.stage.value, step.host) for step in plan.steps if step.stage is not Stage.CHECK] == [
            ("snapshot", "cp1"),
            ("cluster-config", "cp1"),
            ("control-plane-config", "cp1"),
            ("kubelet-config", "w1"),
            ("kubelet-config", "w2"),
            ("kube-proxy", "cp1"),
        ]
        assert plan.stage(Stage.CLUSTER_CONFIG)[0].changes[0].diff == "-a\n+b\n"
        assert plan.stage(Stage.KUBELET_CONFIG)[0].reason.endswith("1 of 2 at a time")

    def test_a_host_that_is_rolled_out_to_gets_its_whole_document_and_has_to_be_ready(
        self, recorded: Recorded, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        ((name, arguments),) = act(recorded, monkeypatch, Stage.CONTROL_PLANE_CONFIG, "cp1", DONE).asked
        assert (name, arguments["ready"], arguments["partial"]) == ("converge", "cp1", False)
        types = {each["type"] for each in arguments["document"]["resources"]}
        assert {"static_pod", "certificate", "kubelet_configuration", "file"} <= types
        assert "kind: ClusterConfiguration" in arguments["document"]["kubeadm"]

    def test_what_restarts_nothing_cannot_touch_what_would(
        self, recorded: Recorded, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        recorded.inspected("cp1", changes=("sysctls:/etc/sysctl.d/99-kubewright.conf",))
        make_plan(recorded.run)
        ((_, arguments),) = act(recorded, monkeypatch, Stage.CONVERGE, "cp1", DONE).asked
        types = {each["type"] for each in arguments["document"]["resources"]}
        assert not types & {"static_pod", "certificate", "kubelet_configuration"}
        assert arguments["ready"] == ""

    def test_the_snapshots_place_is_kept_in_the_journal(
        self, recorded: Recorded, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        answer = {"changed": True, "snapshot": {"path": "/var/lib/kubewright/snapshots/etcd-1.db", "bytes": 9}}
        ((name, arguments),) = act(recorded, monkeypatch, Stage.SNAPSHOT, "cp1", answer).asked
        assert (name, arguments["lock_id"]) == ("keep_snapshot", "run-1")
        events = [event for event in recorded.run.events() if event["event"] == "snapshot"]
        assert [(event["host"], event["path"]) for event in events] == [("cp1", answer["snapshot"]["path"])]  # type: ignore[index]

    def test_objects_are_written_and_kube_proxy_restarted_on_the_speaker(
        self, recorded: Recorded, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        ((_, first),) = act(recorded, monkeypatch, Stage.CLUSTER_CONFIG, "cp1", {"changed": True}).asked
        assert "kind: KubeProxyConfiguration" in first["kubeadm_configuration"]
        assert "objects" not in first
        ((_, second),) = act(recorded, monkeypatch, Stage.KUBE_PROXY, "cp1", {"changed": True}).asked
        assert second["restart_proxy"] is True

    def test_labels_and_taints_go_to_the_nodes_that_the_plan_shows(
        self, recorded: Recorded, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        step = Step(Stage.METADATA, "cp1", "", "", changes=(Change("object:Node/w1", "update", ""),))
        recorded.run.write("plan", Plan("deploy", "mine", "1", "cp1", (step,)).to_json())
        ((_, arguments),) = act(recorded, monkeypatch, Stage.METADATA, "cp1", {"changed": True}).asked
        assert list(arguments["node_metadata"]) == ["w1"]


class TestFailure:
    def test_of_a_control_plane_stops_the_workers(self, recorded: Recorded, monkeypatch: pytest.MonkeyPatch) -> None:
        act(recorded, monkeypatch, Stage.CONTROL_PLANE_CONFIG, "cp1", StepFailedError("kube-apiserver", "is broken"))
        for host in ("w1", "w2"):
            assert act(recorded, monkeypatch, Stage.KUBELET_CONFIG, host).asked == []
        assert act(recorded, monkeypatch, Stage.KUBE_PROXY, "cp1").asked == []
        assert left(recorded) == ["w1", "w2", "cp1"]
        assert [failure["stage"] for failure in recorded.run.failures()] == ["control-plane-config"]
        assert not recorded.run.has("done/kubelet-config/w1")

    def test_of_a_worker_stops_the_next_one(self, recorded: Recorded, monkeypatch: pytest.MonkeyPatch) -> None:
        act(recorded, monkeypatch, Stage.KUBELET_CONFIG, "w1", StepFailedError("Node w1", "not Ready"))
        assert act(recorded, monkeypatch, Stage.KUBELET_CONFIG, "w2").asked == []
        assert left(recorded) == ["w2"]

    def test_elsewhere_stops_nothing(self, recorded: Recorded, monkeypatch: pytest.MonkeyPatch) -> None:
        recorded.run.fail(StepFailedError("x", "y"), host="w1", stage=Stage.JOIN_WORKER.value)
        assert len(act(recorded, monkeypatch, Stage.KUBELET_CONFIG, "w2", DONE).asked) == 1


class TestJoins:
    """A control plane that joins takes the names from kubeadm's object."""

    def names(self, recorded: Recorded) -> list[str]:
        state = recorded.live("cp1", "w1", "w2")
        live = yaml.safe_load(state["cluster_configuration"])
        live["apiServer"]["certSANs"] = ["127.0.0.1"]
        recorded.told("cp1", {**state, "cluster_configuration": yaml.safe_dump(live)})
        text = configuration_for_joins(recorded.run)
        return [] if text is None else list(yaml.safe_load(text)["apiServer"]["certSANs"])

    def test_its_names_are_added(self, recorded: Recorded) -> None:
        assert "cp1" in self.names(recorded)

    def test_what_this_run_has_changed_is_not_put_back(
        self, recorded: Recorded, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        act(recorded, monkeypatch, Stage.CLUSTER_CONFIG, "cp1", {"changed": True})
        assert self.names(recorded) == []


class TestSending:
    """What is sent over SSH goes through Ansible's own calls, which raise errors of their own."""

    MISSING: ClassVar[dict[str, Any]] = {**DONE, "missing": [{"name": "nginx", "sha256": "0" * 64}]}

    def send(
        self, recorded: Recorded, monkeypatch: pytest.MonkeyPatch, stage: Stage, error: Exception
    ) -> dict[str, Any]:
        """Carry out a step on w1 during which no folder for what is sent can be made."""
        made = action(ConvergeHost, Calls(self.MISSING), monkeypatch, host="w1", stage=stage.value)

        def refuse() -> str:
            raise error

        monkeypatch.setattr(made, "_make_tmp_path", refuse)
        return made.act(recorded.run)

    def test_a_full_disk_is_told(self, recorded: Recorded, monkeypatch: pytest.MonkeyPatch) -> None:
        full = AnsibleConnectionFailure("mkdir: cannot create directory '/x': No space left on device")
        with pytest.raises(StepFailedError, match="host w1: nothing can be written there"):
            self.send(recorded, monkeypatch, Stage.KUBELET_CONFIG, full)

    def test_a_host_that_dies_meanwhile_did_not_answer(
        self, recorded: Recorded, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        with pytest.raises(UnreachableError, match="host w1: no SSH connection"):
            self.send(recorded, monkeypatch, Stage.KUBELET_CONFIG, AnsibleConnectionFailure("Broken pipe"))
