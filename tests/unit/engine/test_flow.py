"""From probes to documents and the plan: the whole of a run's thinking, on recorded answers."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest
import yaml

import kubewright.artifacts
from kubewright.catalog.model import ArtifactSet, Release
from kubewright.engine.actions.base import RunAction
from kubewright.engine.actions.looking import Examine, Inspect
from kubewright.engine.fan_out import fan_out_digests, fan_out_document
from kubewright.engine.flow import (
    choose_scope,
    configuration_for_joins,
    load_cluster_document,
    load_topology,
    make_documents,
    make_plan,
)
from kubewright.engine.leftout import left_out
from kubewright.errors import (
    BadInputError,
    BadInputErrors,
    ExitCode,
    ForeignError,
    KubewrightError,
    RefusedError,
    StepFailedError,
    UnreachableError,
)
from kubewright.plan import Plan, Stage
from tests.golden.clusters import artifacts
from tests.unit.engine.recorded import ABSENT, NAMES, Recorded
from tests.unit.engine.test_waiting import Calls, action
from tests.unit.plan.test_rules_host import NOW, PROBED

OURS = {**PROBED["kubewright"], "present": True}


@pytest.fixture(autouse=True)
def resolved(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Stand in for fetching and building; the architectures that were asked for."""
    asked: list[str] = []

    def resolve(_release: Release, *, architecture: str, **_options: Any) -> ArtifactSet:
        asked.append(architecture)
        return artifacts()

    monkeypatch.setattr(kubewright.artifacts, "resolve", resolve)
    return asked


def new_cluster(folder: Path, **options: Any) -> Recorded:
    """Bare hosts, no cluster."""
    recorded = Recorded(folder, **options)
    for name in recorded.inputs.names.control_plane:
        recorded.told(name, ABSENT)
    recorded.probed(*recorded.inputs.names.all)
    choose_scope(recorded.run)
    return recorded


def grown(folder: Path, verb: str = "scale", *, known: str = "d0", **options: Any) -> Recorded:
    """A cluster of cp1 and w1, to which w2 comes."""
    recorded = Recorded(folder, verb, **options)
    recorded.told("cp1", recorded.live("cp1", "w1", record={"fan_out": {"cp1": known, "w1": known}}))
    scope = choose_scope(recorded.run)
    recorded.probed(*(name for name in scope["hosts"] if name == "w2"))
    recorded.probed(*(name for name in scope["hosts"] if name != "w2"), kubewright=OURS)
    return recorded


def planned(recorded: Recorded, *changed: str) -> Plan:
    """Documents and plan; hosts in ``changed`` differ from their documents."""
    make_documents(recorded.run)
    for name in recorded.run.read("scope")["scope"]:
        recorded.inspected(name, changes=["file:/etc/x"] if name in changed else [])
    plan = make_plan(recorded.run)
    assert Plan.from_json(recorded.run.read("plan")) == plan
    return plan


def steps(plan: Plan) -> list[tuple[str, str]]:
    return [(step.stage.value, step.host) for step in plan.steps]


class TestDocuments:
    def test_every_host_has_one(self, tmp_path: Path) -> None:
        recorded = new_cluster(tmp_path)
        make_documents(recorded.run)
        documents = recorded.run.read_all("documents")
        assert list(documents) == ["cp1", "w1", "w2"]
        digests = fan_out_digests(recorded.run)
        for name, document in documents.items():
            assert len(digests[name]) == 64
            part = fan_out_document(recorded.run, name)
            assert part["host"] == document["host"] == name
            assert part["resources"] == [each for each in document["resources"] if each in part["resources"]]
            assert 0 < len(part["resources"]) < len(document["resources"])
        servers = {"cp1": f"https://{recorded.topology['cp1'].main_access_ip.value}:6443"}
        assert recorded.run.read("endpoint") == {"url": "https://127.0.0.1:6443", "local": True, "servers": servers}
        assert list(load_cluster_document(recorded.run).kubeadm_init) == ["cp1"]

    def test_are_the_same_whatever_the_limit(self, tmp_path: Path) -> None:
        """No value of a host depends on which hosts a run happens to look at."""
        every, limited = tmp_path / "every", tmp_path / "limited"
        every.mkdir()
        limited.mkdir()
        first = grown(every, "deploy")
        make_documents(first.run)
        second = grown(limited, "scale", limit=("w2",), ansible_limited=True)
        make_documents(second.run)
        assert second.run.read_all("documents") == {"w2": first.run.read("documents/w2")}
        assert fan_out_digests(first.run) == fan_out_digests(second.run)
        for name in ("cp1", "w1", "w2"):
            assert fan_out_document(first.run, name) == fan_out_document(second.run, name)
        every, some = (made.run.read("cluster_document") for made in (first, second))
        assert some.pop("kubeadm_join") == {"w2": every.pop("kubeadm_join")["w2"]}
        assert every == some

    def test_architecture_of_members_that_are_not_looked_at(self, tmp_path: Path, resolved: list[str]) -> None:
        """A cluster of amd64 gets a worker with ARM."""
        recorded = grown(tmp_path, limit=("w2",))
        recorded.probed("w2", architecture="arm64")
        make_documents(recorded.run)
        assert resolved == ["amd64", "arm64"]

    def test_unsupported_architecture_is_told_as_such(self, tmp_path: Path, resolved: list[str]) -> None:
        recorded = new_cluster(tmp_path)
        recorded.probed("w1", architecture="riscv64")
        with pytest.raises(BadInputError, match=r"host w1: architecture 'riscv64' is not supported"):
            make_documents(recorded.run)
        assert resolved == []

    def test_architecture_of_each_probe(self, tmp_path: Path, resolved: list[str]) -> None:
        recorded = new_cluster(tmp_path)
        recorded.probed("w1", "cp1", "w2", architecture="arm64")
        make_documents(recorded.run)
        assert resolved == ["arm64"]

    def test_addresses_that_hosts_told_are_remembered(self, tmp_path: Path) -> None:
        recorded = new_cluster(tmp_path)
        make_documents(recorded.run)
        cache = json.loads((tmp_path / "state" / "addresses.json").read_text())
        assert cache["w1"] == {"address": "10.7.0.11", "time": NOW}

    def test_a_memory_that_the_cluster_contradicts_is_told_in_the_plan_that_drops_it(self, tmp_path: Path) -> None:
        recorded = Recorded(tmp_path, "scale")
        recorded.told("cp1", recorded.live("cp1", "w1", "w2"))
        (tmp_path / "state").mkdir()
        (tmp_path / "state" / "addresses.json").write_text(
            json.dumps({"w1": {"address": "10.9.9.9", "time": time.time()}})
        )
        choose_scope(recorded.run)
        make_documents(recorded.run)
        notices = make_plan(recorded.run).notices
        assert [text for text in notices if "10.9.9.9" in text] == [
            f"w1: the remembered address 10.9.9.9 is dropped: the live cluster says {recorded.topology['w1'].main_ip}"
        ]

    def test_the_topology_is_worked_out_once(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """Of a thousand hosts that takes as long as many an action takes for all else."""
        recorded = new_cluster(tmp_path)
        make_documents(recorded.run)
        monkeypatch.setattr("kubewright.engine.finding.build", None)
        assert load_topology(recorded.run, recorded.inputs).hosts[0].name == "cp1"
        assert make_plan(recorded.run).steps

    def test_a_damaged_memory_is_written_anew(self, tmp_path: Path) -> None:
        recorded = new_cluster(tmp_path)
        (tmp_path / "state").mkdir()
        (tmp_path / "state" / "addresses.json").write_text('{"w1": ')
        make_documents(recorded.run)
        assert "w1" in json.loads((tmp_path / "state" / "addresses.json").read_text())


class TestHostsThatAreRefused:
    def test_one(self, tmp_path: Path, resolved: list[str]) -> None:
        recorded = new_cluster(tmp_path)
        recorded.probed("w1", swap_total_kb=1024)
        with pytest.raises(BadInputError, match=r"host w1: swap is on"):
            make_documents(recorded.run)
        assert not recorded.run.has("plan")
        assert resolved == [], "half an hour of builds went before a fault that one look shows"

    def test_several_are_told_at_once(self, tmp_path: Path) -> None:
        recorded = new_cluster(tmp_path)
        recorded.probed("w1", swap_total_kb=1024, time=NOW + 31)
        recorded.probed("cp1", listening_ports={"2379": ["0.0.0.0"]})
        with pytest.raises(BadInputErrors) as caught:
            make_documents(recorded.run)
        assert [error.subject for error in caught.value.errors] == ["host cp1", "host w1", "host w1"]

    def test_a_foreign_one_before_all_else(self, tmp_path: Path) -> None:
        recorded = new_cluster(tmp_path)
        recorded.probed("w1", swap_total_kb=1024)
        recorded.probed("w2", kubernetes={**PROBED["kubernetes"], "kubelet_conf": True})
        with pytest.raises(ForeignError, match="host w2"):
            make_documents(recorded.run)

    def test_small_disk(self, tmp_path: Path) -> None:
        recorded = new_cluster(tmp_path)
        recorded.probed("w2", disk_free={"/var/lib/containerd": 100 * 2**20})
        with pytest.raises(BadInputError, match=r"host w2: /var/lib/containerd has 100 MiB free"):
            make_documents(recorded.run)

    def test_disk_of_a_host_that_an_earlier_run_filled_is_not_counted_again(self, tmp_path: Path) -> None:
        recorded = new_cluster(tmp_path)
        recorded.probed("w2", disk_free={"/var/lib/containerd": 100 * 2**20}, kubewright=OURS)
        make_documents(recorded.run)

    def test_hosts_outside_the_scope_are_not_judged(self, tmp_path: Path) -> None:
        recorded = new_cluster(tmp_path, limit=("cp1",))
        recorded.probed("w1", swap_total_kb=1024)
        make_documents(recorded.run)


FAILED = StepFailedError("host w2", "nothing can be written there: No space left on device", "Make room")


class TestUnreachable:
    """That a host cannot be looked at is a state: what can be done without it is planned."""

    def test_a_new_worker_is_left_out(self, tmp_path: Path) -> None:
        recorded = new_cluster(tmp_path)
        recorded.dead("w2")
        plan = planned(recorded, "cp1", "w1")
        assert {"cp1", "w1"} == {step.host for step in plan.steps}
        assert "w2 did not answer and was left out (no SSH connection: timed out)" in plan.left[0]
        error = left_out(recorded.run)
        assert error is not None
        assert error.exit_code is ExitCode.STEP_FAILED
        assert str(error).startswith("hosts w2: they did not answer and were left out; all else is done. Bring them")

    def test_a_dry_run_says_the_same(self, tmp_path: Path) -> None:
        recorded = grown(tmp_path, limit=("w2",))
        asked(recorded, dry_run=True)
        recorded.dead("w2")
        assert "w2" not in [step.host for step in planned(recorded).steps]
        assert "all else is in the plan" in str(left_out(recorded.run))

    def test_a_new_control_plane_of_a_cluster_that_is_there(self, tmp_path: Path) -> None:
        recorded = Recorded(tmp_path, "scale", names=NAMES)
        recorded.told("cp1", recorded.live("cp1", "w1"))
        recorded.probed("cp2", "w2")
        recorded.dead("cp3")
        choose_scope(recorded.run)
        hosts = [step.host for step in planned(recorded, "cp2", "w2").steps]
        assert "cp2" in hosts
        assert "cp3" not in hosts

    @pytest.mark.parametrize("dry_run", [True, False])
    def test_a_control_plane_of_a_new_cluster_is_an_error(self, tmp_path: Path, *, dry_run: bool) -> None:
        recorded = new_cluster(tmp_path, names=NAMES)
        asked(recorded, dry_run=dry_run)
        recorded.dead("cp2")
        with pytest.raises(UnreachableError, match="host cp2: no SSH connection: timed out"):
            make_documents(recorded.run)

    def test_one_whose_address_nobody_else_tells_is_an_error_with_its_cause(self, tmp_path: Path) -> None:
        """Every other host is told of it, so nothing is right without its address."""
        recorded = new_cluster(tmp_path, hosts={"w2": {"ip": None}})
        recorded.dead("w2")
        with pytest.raises(UnreachableError, match=r"host w2: no SSH connection: timed out\. .* set ip for it"):
            make_documents(recorded.run)

    def test_a_member_is_left_out(self, tmp_path: Path) -> None:
        recorded = grown(tmp_path, "deploy")
        recorded.dead("w1")
        plan = planned(recorded, "w2")
        assert "w1" not in [step.host for step in plan.steps]
        assert "w1 did not answer" in plan.left[0]

    @pytest.mark.parametrize("verb", ["deploy", "scale"])
    def test_all_that_were_named_is_an_error(self, tmp_path: Path, verb: str) -> None:
        recorded = grown(tmp_path, verb, limit=("w2",))
        recorded.dead("w2")
        with pytest.raises(UnreachableError, match="host w2"):
            make_documents(recorded.run)

    def test_one_of_several_that_were_named_is_left_out(self, tmp_path: Path) -> None:
        recorded = grown(tmp_path, "deploy", limit=("w1", "w2"))
        recorded.dead("w1")
        assert "w2" in [step.host for step in planned(recorded, "w2").steps]


class TestThatCouldNotBeLookedAt:
    """A host that answers, and on which looking fails, is left out too, and named with its cause."""

    @pytest.mark.parametrize("kind", [Examine, Inspect])
    def test_is_left_out_with_its_cause(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: type[RunAction]
    ) -> None:
        recorded = grown(tmp_path, "scale")
        make_documents(recorded.run)
        made = action(kind, Calls(FAILED), monkeypatch, host="w2")
        assert not made.act(recorded.run)["reachable"]
        make_documents(recorded.run)
        plan = make_plan(recorded.run)
        assert "w2" not in [step.host for step in plan.steps]
        assert "w2 could not be looked at and was left out (nothing can be written there" in plan.left[0]
        error = left_out(recorded.run)
        assert error is not None
        assert "looking at some of them failed: w2 (nothing can be written there: No space left on device)" in str(
            error
        )

    def test_of_a_new_cluster_is_that_error(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        recorded = new_cluster(tmp_path)
        error = BadInputError("host cp1", "there is no Python", "Install python3")
        action(Examine, Calls(error), monkeypatch, host="cp1").act(recorded.run)
        with pytest.raises(BadInputError, match=r"host cp1: there is no Python\. Install python3"):
            make_documents(recorded.run)

    def test_what_is_more_than_one_hosts_trouble_ends_the_run(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        recorded = grown(tmp_path, "scale")
        make_documents(recorded.run)
        foreign = ForeignError("host w2", "it is another cluster's")
        with pytest.raises(ForeignError):
            action(Inspect, Calls(foreign), monkeypatch, host="w2").act(recorded.run)
        assert "w2" not in [step.host for step in make_plan(recorded.run).steps]


def asked(recorded: Recorded, **changes: Any) -> None:
    """Change what the run was asked for."""
    recorded.run.write("request", {**recorded.run.read("request"), **changes})


class TestLiveClusterForbids:
    def test_another_pod_network(self, tmp_path: Path) -> None:
        recorded = Recorded(tmp_path, cluster={"kube_pods_subnet": "10.99.0.0/18"})
        state = recorded.live("cp1", "w1", "w2")
        state["cluster_configuration"] = state["cluster_configuration"].replace("10.99.0.0", "10.233.64.0")
        recorded.told("cp1", state)
        recorded.probed("cp1", "w1", "w2", kubewright=OURS)
        choose_scope(recorded.run)
        with pytest.raises(RefusedError, match="kube_pods_subnet"):
            make_documents(recorded.run)

    @pytest.mark.parametrize(
        ("text", "kind", "told"),
        [
            ("", RefusedError, "ClusterConfiguration is not there"),
            ("kind: [", StepFailedError, "kubeadm-config: its configuration cannot be read"),
            ("just words", StepFailedError, "it is no mapping"),
        ],
    )
    def test_a_configuration_that_is_lost_or_damaged(
        self, tmp_path: Path, text: str, kind: type[KubewrightError], told: str
    ) -> None:
        recorded = grown(tmp_path, "deploy")
        recorded.told("cp1", {**recorded.live("cp1", "w1"), "cluster_configuration": text})
        with pytest.raises(kind, match=told) as caught:
            make_documents(recorded.run)
        assert "observations" in str(caught.value)

    def test_a_cluster_of_somebody_elses_need_not_have_one(self, tmp_path: Path) -> None:
        recorded = grown(tmp_path, "deploy")
        state = {**recorded.live("cp1", "w1"), "record": None, "cluster_configuration": ""}
        recorded.told("cp1", state)
        make_documents(recorded.run)
        with pytest.raises(ForeignError):
            make_plan(recorded.run)

    def test_check_only_looks_and_is_not_refused(self, tmp_path: Path) -> None:
        recorded = Recorded(tmp_path, "check", cluster={"kube_pods_subnet": "10.99.0.0/18"})
        state = recorded.live("cp1", "w1", "w2")
        state["cluster_configuration"] = state["cluster_configuration"].replace("10.99.0.0", "10.233.64.0")
        recorded.told("cp1", state)
        recorded.probed("cp1", "w1", "w2", kubewright=OURS)
        choose_scope(recorded.run)
        assert steps(planned(recorded)) == [("check", "cp1"), ("check", "w1"), ("check", "w2")]

    @pytest.mark.parametrize(("verb", "left"), [("scale", True), ("deploy", False)])
    def test_flags_that_differ_are_left_by_a_verb_that_only_adds(self, tmp_path: Path, verb: str, left: bool) -> None:
        recorded = Recorded(tmp_path, verb, cluster={"kube_kubeadm_scheduler_extra_args": {"v": "4"}})
        state = recorded.live("cp1", "w1", "w2")
        configuration = yaml.safe_load(state["cluster_configuration"])
        del configuration["scheduler"]
        running = {"kubelet_configuration": "maxPods: 9", "cluster_configuration": yaml.safe_dump(configuration)}
        recorded.told("cp1", {**state, **running})
        recorded.probed("cp1", "w1", "w2", kubewright=OURS)
        choose_scope(recorded.run)
        recorded.compared()
        sentences = planned(recorded).left
        for what in ("scheduler.extraArgs", "KubeletConfiguration differs", "KubeProxyConfiguration differs"):
            assert any(what in sentence for sentence in sentences) is left


class TestPlans:
    def test_what_could_not_be_compared_is_a_note(self, tmp_path: Path) -> None:
        recorded = Recorded(tmp_path)
        recorded.told("cp1", recorded.live("cp1", "w1", "w2"))
        recorded.probed("cp1", "w1", "w2", kubewright=OURS)
        choose_scope(recorded.run)
        make_documents(recorded.run)
        recorded.inspected("w1")
        inspection = recorded.run.read("inspections/w1")
        recorded.run.write("inspections/w1", {**inspection, "warnings": ["kubeadm is not there"]})
        recorded.compared(not_compared="objects were not compared")
        notices = make_plan(recorded.run).notices
        assert {"cp1: objects were not compared", "w1: kubeadm is not there"} <= set(notices)

    def test_new_cluster(self, tmp_path: Path) -> None:
        recorded = new_cluster(tmp_path, names=NAMES)
        plan = planned(recorded, *NAMES.all)
        assert plan.hosts(Stage.CONVERGE) == NAMES.all
        assert plan.hosts(Stage.INIT) == ("cp1",)
        assert plan.hosts(Stage.JOIN_CONTROL_PLANE) == ("cp2", "cp3")
        assert plan.hosts(Stage.JOIN_WORKER) == ("w1", "w2")
        assert plan.hosts(Stage.CHECK) == NAMES.all

    def test_one_more_worker_costs_a_few_calls(self, tmp_path: Path) -> None:
        recorded = grown(tmp_path, limit=("w2",))
        plan = planned(recorded, "w2")
        assert steps(plan) == [
            ("converge", "w2"),
            ("prepare-join", "cp1"),
            ("join-worker", "w2"),
            ("fan-out", "cp1"),
            ("fan-out", "w1"),
            ("check", "w2"),
            ("cleanup", "cp1"),
        ]
        assert plan.calls()["w1"] == 1

    def test_under_ansibles_limit_others_are_named_and_left(self, tmp_path: Path) -> None:
        plan = planned(grown(tmp_path, limit=("w2",), ansible_limited=True), "w2")
        assert plan.hosts(Stage.FAN_OUT) == ()
        assert "cp1, w1" in plan.left[0]

    def test_nothing_to_do(self, tmp_path: Path) -> None:
        recorded = Recorded(tmp_path)
        recorded.told("cp1", recorded.live("cp1", "w1", "w2"))
        recorded.probed("cp1", "w1", "w2", kubewright=OURS)
        choose_scope(recorded.run)
        recorded.compared()
        plan = planned(recorded)
        assert plan.empty
        assert plan.left == ()

    def test_a_limited_run_after_everyone_was_told_has_no_fan_out(self, tmp_path: Path) -> None:
        recorded = grown(tmp_path, limit=("w2",))
        make_documents(recorded.run)
        told = fan_out_digests(recorded.run)
        recorded.told(
            "cp1", recorded.live("cp1", "w1", record={"fan_out": {name: told[name] for name in ("cp1", "w1")}})
        )
        assert planned(recorded, "w2").hosts(Stage.FAN_OUT) == ()

    def test_changes_of_objects_and_nodes_are_shown_by_field(self, tmp_path: Path) -> None:
        recorded = Recorded(tmp_path)
        recorded.told("cp1", recorded.live("cp1", "w1", "w2"))
        recorded.probed("cp1", "w1", "w2", kubewright=OURS)
        choose_scope(recorded.run)
        field = {"path": "spec.replicas", "before": 1, "after": 2}
        taint = {"path": "spec.taints", "before": [], "after": ["a=b:NoSchedule"]}
        recorded.compared(
            changes=[{"reference": "apps/v1/Deployment/kube-system/coredns", "action": "update", "fields": [field]}],
            node_changes=[{"node": "w1", "action": "update", "fields": [taint]}],
        )
        plan = planned(recorded)
        assert steps(plan) == [("objects", "cp1"), ("node-metadata", "cp1")]
        objects, metadata = plan.steps
        assert objects.changes[0].id == "object:apps/v1/Deployment/kube-system/coredns"
        assert objects.changes[0].diff == "spec.replicas: 1 -> 2"
        assert metadata.changes[0].id == "object:Node/w1"

    def test_a_foreign_cluster_is_refused(self, tmp_path: Path) -> None:
        recorded = Recorded(tmp_path)
        recorded.told("cp1", {**recorded.live("cp1", "w1"), "record": None})
        recorded.probed("cp1", "w1", "w2")
        choose_scope(recorded.run)
        make_documents(recorded.run)
        with pytest.raises(ForeignError, match="not made by kubewright"):
            make_plan(recorded.run)

    def test_scale_without_cluster(self, tmp_path: Path) -> None:
        recorded = new_cluster(tmp_path, verb="scale")
        make_documents(recorded.run)
        with pytest.raises(BadInputError, match="no cluster yet"):
            make_plan(recorded.run)

    def test_control_planes_do_not_join_again_because_etcd_could_not_be_asked(self, tmp_path: Path) -> None:
        recorded = Recorded(tmp_path, names=NAMES)
        recorded.told("cp1", recorded.live(*NAMES.all, etcd_members=[], etcd_error="context deadline exceeded"))
        recorded.probed(*NAMES.all, kubewright=OURS)
        choose_scope(recorded.run)
        recorded.compared()
        assert planned(recorded).hosts(Stage.JOIN_CONTROL_PLANE) == ()

    def test_the_same_answers_give_the_same_plan_byte_for_byte(self, tmp_path: Path) -> None:
        recorded = grown(tmp_path, limit=("w2",))
        planned(recorded, "w2")
        path = recorded.run.directory / "plan.json"
        before = path.read_bytes()
        planned(recorded, "w2")
        assert path.read_bytes() == before


class TestConfigurationForJoins:
    def test_new_control_planes_names_are_added(self, tmp_path: Path) -> None:
        recorded = Recorded(tmp_path, "scale", names=NAMES)
        state = recorded.live("cp1", "w1", "w2")
        configuration = yaml.safe_load(state["cluster_configuration"])
        every = configuration["apiServer"]["certSANs"]
        configuration["apiServer"]["certSANs"] = [name for name in every if name not in ("cp2", "10.0.0.2")]
        recorded.told("cp1", {**state, "cluster_configuration": yaml.safe_dump(configuration)})
        recorded.probed("cp2", "cp3")
        choose_scope(recorded.run)
        make_documents(recorded.run)
        text = configuration_for_joins(recorded.run)
        assert text is not None
        assert set(yaml.safe_load(text)["apiServer"]["certSANs"]) == set(every)

    def test_nothing_where_all_names_are_there(self, tmp_path: Path) -> None:
        recorded = grown(tmp_path)
        make_documents(recorded.run)
        assert configuration_for_joins(recorded.run) is None

    def test_nothing_without_a_cluster(self, tmp_path: Path) -> None:
        recorded = new_cluster(tmp_path)
        make_documents(recorded.run)
        assert configuration_for_joins(recorded.run) is None
