"""A run waits for what a killed one left at work on a node, says so, and then looks again."""

from __future__ import annotations

import dataclasses
import json
import time
from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any, ClassVar, TypeVar

import pytest

from kubewright.engine.actions import base, looking, understanding
from kubewright.engine.actions.base import RunAction
from kubewright.engine.actions.looking import Document, Inspect, MakePlan, compare_objects
from kubewright.engine.actions.understanding import Observe, Scope
from kubewright.engine.documenting import DOCUMENTED
from kubewright.engine.inputs import Inputs
from kubewright.engine.record import Run, error_from_json
from kubewright.errors import BadInputError, KubewrightError, LockedError, StepFailedError, UnreachableError
from kubewright.plan import Plan
from tests.unit.engine.recorded import ABSENT, Recorded

Acting = TypeVar("Acting", bound=RunAction)
HELD = LockedError("host w1, node lock", "held for 3 s by kubeadm join (process 71)", "Wait until it is done")


class Calls:
    """Stands in for a host's node side: gives the answers in turn, and keeps what was asked."""

    def __init__(self, *answers: dict[str, Any] | KubewrightError) -> None:
        self.answers = list(answers)
        self.asked: list[tuple[str, dict[str, Any]]] = []

    def __call__(self, name: str, arguments: dict[str, Any], *, check: bool = False) -> dict[str, Any]:
        """Answer one call."""
        self.asked.append((name, arguments))
        answer = self.answers.pop(0)
        if isinstance(answer, KubewrightError):
            raise answer
        return answer


def told(state: Mapping[str, Any]) -> dict[str, Any]:
    """The answer of a control plane that was asked for the cluster's state."""
    return {"changed": False, "state": json.dumps(dict(state))}


def action(kind: type[Acting], calls: Calls, monkeypatch: pytest.MonkeyPatch, **arguments: Any) -> Acting:
    """An action on w1 whose calls are answered by ``calls``."""
    made = object.__new__(kind)
    made._task = SimpleNamespace(args={"host": "w1", **arguments}, check_mode=False)
    monkeypatch.setattr(made, "call", calls)
    monkeypatch.setattr(made, "say", lambda line: None)
    monkeypatch.setattr(base, "POLL_SECONDS", 0)
    return made


class TestLock:
    """A node whose lock another run's call holds."""

    def test_is_waited_for_and_named(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        run, calls = Recorded(tmp_path).run, Calls(HELD, HELD, {"changed": True})
        made = action(RunAction, calls, monkeypatch)
        assert made.call_when_free(run, "kubeadm_join", {"node_name": "w1"}) == {"changed": True}
        waiting = [event for event in run.events() if event["event"] == "waiting"]
        assert [event["host"] for event in waiting] == ["w1", "w1"]
        assert "kubeadm join (process 71)" in waiting[0]["what"]
        assert calls.asked[0] == ("kubeadm_join", {"node_name": "w1", "run": run.directory.name, "lock_timeout": 0})

    def test_is_not_waited_for_without_end(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(base, "LOCK_WAIT_SECONDS", -1)
        with pytest.raises(LockedError, match="kubeadm join"):
            action(RunAction, Calls(HELD), monkeypatch).call_when_free(Recorded(tmp_path).run, "converge", {})


@pytest.mark.parametrize(("verb", "details"), [("status", True), ("deploy", False), ("scale", False)])
def test_the_cluster_tells_only_status_every_detail(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, verb: str, details: bool
) -> None:
    recorded, calls = Recorded(tmp_path, verb), Calls(told(ABSENT))
    action(Observe, calls, monkeypatch).act(recorded.run)
    assert calls.asked == [("cluster_state", {"timeout": 10, "details": details})]


class TestAfterWaiting:
    """The earlier run went on after this one had asked for the cluster's state."""

    @staticmethod
    def observed(recorded: Recorded, *, waited: str) -> None:
        """Have the control plane been asked, and then have waited for a host, or for none."""
        recorded.run.write("observations/cp1", {"reachable": True, "state": recorded.live("cp1"), "time": 100.0})
        recorded.run.write("waited/w2", {"until": 99.0})
        if waited:
            recorded.run.write(f"waited/{waited}", {"until": 101.0})

    @pytest.mark.parametrize("waited", ["w1", ""])
    def test_the_cluster_is_asked_again(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, waited: str) -> None:
        recorded = Recorded(tmp_path)
        self.observed(recorded, waited=waited)
        monkeypatch.setattr(looking, "make_documents", lambda run: {"seen": run.read("observations/cp1")["time"]})
        made = action(Document, Calls(told(recorded.live("cp1", "w1"))), monkeypatch, host="cp1")
        assert (made.act(recorded.run)["seen"] > 100.0) is bool(waited)

    @pytest.mark.parametrize("waited", ["w1", ""])
    @pytest.mark.parametrize("failed", [True, False])
    def test_documents_that_were_made_meanwhile_do_not_count_then(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, waited: str, *, failed: bool
    ) -> None:
        recorded = Recorded(tmp_path)
        self.observed(recorded, waited=waited)
        monkeypatch.setattr(looking, "make_documents", lambda _run: {"made": "now"})

        def wait(run: Run, made: str) -> bool:
            waited_for.append(made)
            if failed:
                raise StepFailedError("the cluster", "as it was then")
            run.write(made, {"made": "meanwhile"})
            return True

        waited_for: list[str] = []
        monkeypatch.setattr(looking, "wait_for_aside", wait)
        made = action(Document, Calls(told(recorded.live("cp1", "w1"))), monkeypatch, host="cp1")
        if waited:
            assert made.act(recorded.run)["made"] == "now"
        elif failed:
            with pytest.raises(StepFailedError, match="as it was then"):
                made.act(recorded.run)
        else:
            assert made.act(recorded.run)["made"] == "meanwhile"
        assert waited_for == [DOCUMENTED]

    @pytest.mark.parametrize("waited", ["w1", ""])
    def test_so_it_is_where_a_comparison_waited(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, waited: str
    ) -> None:
        """Before the plan is made: etcd, for one, was being restarted when it was asked first."""
        recorded = Recorded(tmp_path)
        self.observed(recorded, waited=waited)
        monkeypatch.setattr(looking, "compare_objects", lambda _action, _run, *, again: compared.append(again))

        def make_plan(run: Run) -> Plan:
            seen.append(run.read("observations/cp1")["time"])
            raise StepFailedError("the plan", "it is not made here")

        monkeypatch.setattr(looking, "make_plan", make_plan)
        compared: list[bool] = []
        seen: list[float] = []
        made = action(MakePlan, Calls(told(recorded.live("cp1", "w1"))), monkeypatch, host="cp1")
        with pytest.raises(StepFailedError, match="not made here"):
            made.act(recorded.run)
        assert compared == [bool(waited)]
        assert (seen[0] > 100.0) is bool(waited)

    def test_it_is_noted_until_when_a_host_was_waited_for(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        run = Recorded(tmp_path).run
        before = time.time()
        action(RunAction, Calls(HELD, {"changed": True}), monkeypatch).call_when_free(run, "converge", {})
        assert before <= run.read("waited/w1")["until"] <= time.time()


class TestObserve:
    """A control plane that can be logged in to and cannot tell is an answer, so that the next one is asked."""

    FULL = StepFailedError("host w1", "nothing can be written there: No space left on device", "Make room")

    @pytest.mark.parametrize("error", [FULL, BadInputError("host w1", "there is no Python", "Install python3")])
    def test_a_module_that_fails(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: KubewrightError) -> None:
        run = Recorded(tmp_path).run
        assert action(Observe, Calls(error), monkeypatch).act(run) == {"found": False, "changed": False}
        answer = run.read("observations/w1")
        assert answer["reachable"]
        assert answer["state"] == {}
        assert str(error_from_json(answer["failed"])) == str(error)
        (note,) = run.events()
        assert (note["event"], note["host"]) == ("note", "w1")
        assert error.cause in note["text"]

    def test_one_that_does_not_answer(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        run = Recorded(tmp_path).run
        calls = Calls(UnreachableError("host w1", "timed out", "Check it"))
        assert not action(Observe, calls, monkeypatch).act(run)["found"]
        told = run.read("observations/w1")
        assert (told["reachable"], told["error"], told["remedy"]) == (False, "timed out", "Check it")


class TestObjects:
    """The objects of a cluster are compared where it is there, and is ours."""

    ANSWER: ClassVar[dict[str, Any]] = {
        "changes": [],
        "node_changes": [],
        "missing_nodes": [],
        "configuration_changes": [],
        "proxy_stale": False,
        "not_compared": "",
    }

    @pytest.fixture
    def recorded(self, tmp_path: Path) -> Recorded:
        recorded = Recorded(tmp_path)
        document = {"objects": [], "node_metadata": {}, "network_objects": [], "network_ready_file": ""}
        recorded.run.write("cluster_document", {**document, "kubeadm_init": {}, "kubeadm_join": {}})
        recorded.run.write("former_names", [])
        return recorded

    def test_of_a_cluster_that_came_while_the_run_waited(
        self, recorded: Recorded, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        recorded.told("cp1", ABSENT)
        compare_objects(action(MakePlan, Calls(), monkeypatch), recorded.run)
        recorded.told("cp1", recorded.live("cp1", "w1"))
        compare_objects(action(MakePlan, Calls(self.ANSWER), monkeypatch), recorded.run)
        assert recorded.run.read("objects") == self.ANSWER

    @pytest.mark.parametrize(("replaced", "asked"), [([], True), (["kubeadm"], False), (["ctr"], True)])
    def test_kubeadm_is_asked_for_its_own_unless_it_is_another_one_than_it_should_be(
        self, recorded: Recorded, monkeypatch: pytest.MonkeyPatch, replaced: list[str], asked: bool
    ) -> None:
        document = recorded.run.read("cluster_document")
        recorded.run.write("cluster_document", {**document, "kubeadm_init": {"cp1": "kind: InitConfiguration"}})
        recorded.told("cp1", recorded.live("cp1", "w1"))
        recorded.run.write("inspections/cp1", {"changes": [], "restarted": [], "replaced": replaced})
        calls = Calls(self.ANSWER)
        compare_objects(action(MakePlan, calls, monkeypatch, host="cp1"), recorded.run)
        assert ("kubeadm_configuration" in calls.asked[0][1]) is asked
        assert ("were not compared" in recorded.run.read("objects")["not_compared"]) is not asked

    def test_not_of_a_foreign_one(self, recorded: Recorded, monkeypatch: pytest.MonkeyPatch) -> None:
        recorded.told("cp1", {**recorded.live("cp1"), "record": None})
        compare_objects(action(MakePlan, Calls(), monkeypatch), recorded.run)

    def test_with_the_comparison_of_the_control_plane_that_speaks(
        self, recorded: Recorded, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        recorded.told("cp1", recorded.live("cp1", "w1"))
        recorded.run.write("scope", {"scope": ["cp1", "w1"], "via": "cp1"})
        same = {"changes": [], "restarted": [], "replaced": [], "credentials": True, "ssh_client": None}
        for host in ("cp1", "w1"):
            recorded.run.write(f"hosts/{host}", {"reachable": True})
            recorded.run.write(f"documents/{host}", {})
        calls = Calls({**same, "cluster_objects": self.ANSWER}, same)
        action(Inspect, calls, monkeypatch, host="cp1").act(recorded.run)
        action(Inspect, calls, monkeypatch).act(recorded.run)
        assert ["cluster_objects" in arguments for _, arguments in calls.asked] == [True, False]
        assert recorded.run.read("objects") == self.ANSWER
        compare_objects(action(MakePlan, Calls(), monkeypatch, host="cp1"), recorded.run)

    def test_alone_where_that_could_not(self, recorded: Recorded, monkeypatch: pytest.MonkeyPatch) -> None:
        recorded.told("cp1", recorded.live("cp1", "w1"))
        recorded.run.write("scope", {"scope": ["cp1"], "via": "cp1"})
        recorded.run.write("hosts/cp1", {"reachable": True})
        recorded.run.write("documents/cp1", {})
        same = {"changes": [], "restarted": [], "replaced": [], "credentials": True, "ssh_client": None}
        action(Inspect, Calls(same), monkeypatch, host="cp1").act(recorded.run)
        assert not recorded.run.has("objects")
        compare_objects(action(MakePlan, Calls(self.ANSWER), monkeypatch, host="cp1"), recorded.run)
        assert recorded.run.read("objects") == self.ANSWER


class TestScope:
    """Whom the cluster knows whole is compared at once; others are probed first."""

    @pytest.mark.parametrize(("verb", "known"), [("deploy", {"cp1", "w1"}), ("scale", set())])
    def test_only_what_is_not_known_is_probed(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, verb: str, known: set[str]
    ) -> None:
        recorded = Recorded(tmp_path, verb)
        recorded.told("cp1", recorded.live("cp1", "w1"))
        made = action(Scope, Calls(), monkeypatch)
        made.variables = {}
        additions = made.act(recorded.run)["additions"]
        looked_at = {each["host"] for each in additions if "kubewright_scope" in each["groups"]}
        probed = {each["host"] for each in additions if "kubewright_unknown" in each["groups"]}
        assert looked_at - probed == known
        assert "w2" in probed
        assert {host for host in looked_at if recorded.run.has(f"hosts/{host}")} == known

    def test_a_host_of_the_play_probes_those_that_are_in_none(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        recorded = Recorded(tmp_path)
        made = action(Scope, Calls(), monkeypatch)
        made.variables = {"ansible_play_hosts_all": ["cp1", "w1"]}
        for delegated, probers in (([], []), (["w2"], ["cp1"])):
            hosts = ["cp1", "w1"]
            scope = {"hosts": hosts, "scope": hosts, "told": [], "delegated": delegated, "via": "cp1"}
            monkeypatch.setattr(understanding, "choose_scope", lambda *_arguments, scope=scope: scope)
            additions = made.act(recorded.run)["additions"]
            assert [each["host"] for each in additions if "kubewright_prober" in each["groups"]] == probers

    def test_a_limit_that_leaves_no_host_looks_at_nobody(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        recorded = Recorded(tmp_path)
        made = action(Observe, Calls(told(ABSENT)), monkeypatch, host="cp1", last="cp1")
        made.variables = {}
        scope = {"hosts": [], "scope": [], "told": [], "delegated": [], "via": "cp1"}
        monkeypatch.setattr(understanding, "choose_scope", lambda *_arguments: scope)
        assert made.act(recorded.run) == {"found": False, "changed": False}
        assert not recorded.run.has("documented")

    @pytest.mark.parametrize("missing", [{}, {"w1": ("k8s_cluster",), "w2": ("kube_node", "k8s_cluster")}])
    def test_one_host_carries_all(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, missing: dict[str, tuple[str, ...]]
    ) -> None:
        recorded = Recorded(tmp_path)
        made = action(Observe, Calls(told(ABSENT)), monkeypatch, host="cp1", last="cp1")
        made.variables = {"ansible_play_hosts_all": ["w1"]}
        scope = {"hosts": ["w1", "w2"], "scope": ["w1", "w2"], "told": ["w2"], "delegated": ["cp1"], "via": "cp1"}
        monkeypatch.setattr(understanding, "choose_scope", lambda *_arguments: scope)
        inputs = dataclasses.replace(Inputs.load(recorded.run), missing_groups=missing)
        monkeypatch.setattr(Inputs, "load", lambda _run: inputs)
        added = made.act(recorded.run)["add_host"]
        others = [{"host": "w2", "groups": ["kube_node", "k8s_cluster"]}] if missing else []
        assert added["host_name"] == "w1"
        assert set(added["groups"]) == {
            "kubewright_looking",
            "kubewright_prober",
            *missing.get("w1", ()),
            *(["kubewright_regrouping"] if missing else []),
        }
        assert added["host_vars"] == {
            "kubewright_others": others,
            "kubewright_looked_at": ["w1", "w2"],
            "kubewright_probed": ["w1"],
            "kubewright_undocumented": ["w1", "w2"],
            "kubewright_run_at": str(recorded.run.directory),
            "kubewright_spoken_for_by": "cp1",
            "kubewright_outside": ["cp1"],
        }
