"""From answers to the plan of a removal or a reset, and what nobody confirmed."""

from __future__ import annotations

import json
import time
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

import pytest

import kubewright.artifacts
from kubewright.catalog.model import ArtifactSet, Release
from kubewright.engine.actions import looking, understanding
from kubewright.engine.actions.looking import Document
from kubewright.engine.actions.removing import CleanHost, RemoveNodes
from kubewright.engine.actions.understanding import Scope
from kubewright.engine.flow import choose_scope, make_documents, make_plan
from kubewright.engine.inputs import Inputs, LeavingHost, leaving_hosts
from kubewright.engine.leaving import asked_to_remove, refuse_unconfirmed
from kubewright.engine.request import Request
from kubewright.errors import BadInputError, ForeignError, UnreachableError
from kubewright.plan import Plan, Stage, Step
from kubewright.topology import GroupNames
from tests.golden.clusters import artifacts
from tests.unit.engine.recorded import Recorded
from tests.unit.engine.test_waiting import Calls, action
from tests.unit.plan.test_rules_host import PROBED

OURS = {**PROBED["kubewright"], "present": True, "record": {"cluster": "cluster.local"}}
STAYING = GroupNames(control_plane=("cp1",), worker=("w2",))


@pytest.fixture(autouse=True)
def cache(monkeypatch: pytest.MonkeyPatch) -> list[ArtifactSet]:
    """What the controller's cache has; nothing may be fetched."""
    has = [artifacts()]

    def recalled(_release: Release, **_options: Any) -> ArtifactSet | None:
        return has[0] if has else None

    monkeypatch.setattr(kubewright.artifacts, "recalled", recalled)
    monkeypatch.delattr(kubewright.artifacts, "resolve")
    return has


def leaving(folder: Path, *names: str, offline: bool = False, ansible_limited: bool = False) -> Recorded:
    """A cluster of cp1, w1 and w2, which some leave; of the inventory only w1 may be among them."""
    recorded = Recorded(folder, "remove")
    live = recorded.live("cp1", "w1", "w2", record={"fan_out": dict.fromkeys(("cp1", "w1", "w2"), "d0")})
    request = replace(recorded.inputs.request, removing=names, offline=offline, ansible_limited=ansible_limited)
    hosts = (LeavingHost("w1", "w1"),) if "w1" in names else ()
    settings = recorded.inputs.settings
    settings = replace(settings, hosts={name: host for name, host in settings.hosts.items() if name != "w1"})
    recorded.inputs = replace(recorded.inputs, request=request, leaving=hosts, names=STAYING, settings=settings)
    recorded.inputs.save(recorded.run)
    assert Inputs.load(recorded.run) == recorded.inputs
    recorded.told("cp1", live)
    return recorded


def steps(plan: Plan) -> list[tuple[str, str]]:
    return [(step.stage.value, step.host) for step in plan.steps]


@pytest.mark.filterwarnings("ignore:.*multi-threaded.*:DeprecationWarning")
class TestDocumentsMeanwhile:
    """Documents are made while hosts that leave are probed, and while Ansible gets to the next play."""

    FILES = ("topology", "cluster_document", "fan_out", "former_names", "endpoint", "skipped", "unreachable")

    def scoped(self, folder: Path, monkeypatch: pytest.MonkeyPatch, recorded: Recorded) -> Recorded:
        """Have the hosts been chosen, and nobody been waited for."""
        monkeypatch.setattr(looking, "ask_again_after_waiting", lambda _action, _run: False)
        made = action(Scope, Calls(), monkeypatch, aside=True)
        made.variables = {"kubewright_run_directory": str(folder)}
        made.act(recorded.run)
        return recorded

    def test_they_are_the_same(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        for name in ("aside", "later"):
            (tmp_path / name).mkdir()
        aside = self.scoped(tmp_path, monkeypatch, leaving(tmp_path / "aside", "w1"))
        later = leaving(tmp_path / "later", "w1")
        choose_scope(later.run)
        monkeypatch.setattr(looking, "make_documents", None)
        told = action(Document, Calls(), monkeypatch, host="cp1").act(aside.run)
        later.probed("w1", kubewright=OURS)
        assert told == {**make_documents(later.run), "changed": False}
        for name in self.FILES:
            assert aside.run.read(name) == later.run.read(name), name
        addresses = [
            json.loads((Path(each.inputs.state_directory) / "addresses.json").read_text()) for each in (aside, later)
        ]
        assert {host: each["address"] for host, each in addresses[0].items()} == {
            host: each["address"] for host, each in addresses[1].items()
        }

    def test_what_is_wrong_is_told_all_the_same(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        def refuse(_run: Any) -> None:
            raise BadInputError("host w2", "its address is no address", "Correct it")

        monkeypatch.setattr(understanding, "make_documents", refuse)
        recorded = self.scoped(tmp_path, monkeypatch, leaving(tmp_path, "w1"))
        with pytest.raises(BadInputError, match="no address"):
            action(Document, Calls(), monkeypatch, host="cp1").act(recorded.run)

    @pytest.mark.parametrize("case", ["dead", "not in the inventory", "no documents", "plain Ansible"])
    def test_not_where_they_have_to_wait(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, case: str) -> None:
        names = ("gone",) if case == "not in the inventory" else ("w1",)
        recorded = leaving(tmp_path, *names, offline=case == "dead")
        monkeypatch.setattr(understanding, "make_documents", None)
        monkeypatch.setattr(understanding, "begin_aside", lambda *_arguments: begun.append(case))
        begun: list[str] = []
        made = action(Scope, Calls(), monkeypatch, aside=case != "no documents")
        made.variables = {} if case == "plain Ansible" else {"kubewright_run_directory": str(tmp_path)}
        made.act(recorded.run)
        assert begun == []


class TestRemoval:
    def test_looks_at_the_host_and_tells_the_others(self, tmp_path: Path) -> None:
        recorded = leaving(tmp_path, "w1")
        assert choose_scope(recorded.run)["hosts"] == ["w1"]
        recorded.probed("w1", kubewright=OURS)
        make_documents(recorded.run)
        seen = {"pods": ["a/b"], "lost_pods": [], "budgets": []}
        recorded.run.write("removals/w1", seen)
        assert steps(make_plan(recorded.run)) == [
            ("drain", "w1"),
            ("delete-node", "w1"),
            ("clean-node", "w1"),
            ("fan-out", "cp1"),
            ("fan-out", "w2"),
        ]

    def test_nothing_is_fetched_where_the_cache_is_empty(self, tmp_path: Path, cache: list[ArtifactSet]) -> None:
        """An emergency on a new controller without a network."""
        cache.clear()
        recorded = leaving(tmp_path, "w1")
        choose_scope(recorded.run)
        recorded.probed("w1", kubewright=OURS)
        make_documents(recorded.run)
        plan = make_plan(recorded.run)
        assert {stage for stage, _ in steps(plan)} == {"drain", "delete-node", "clean-node"}
        assert "not in the controller's cache" in plan.left[0]

    def test_a_damaged_configuration_of_kubeadms_is_no_obstacle(self, tmp_path: Path) -> None:
        recorded = leaving(tmp_path, "w1")
        recorded.told("cp1", {**recorded.run.read("observations/cp1")["state"], "cluster_configuration": "kind: ["})
        choose_scope(recorded.run)
        recorded.probed("w1", kubewright=OURS)
        make_documents(recorded.run)
        assert ("drain", "w1") in steps(make_plan(recorded.run))

    def test_tells_nobody_under_ansibles_limit(self, tmp_path: Path) -> None:
        recorded = leaving(tmp_path, "w1", ansible_limited=True)
        assert choose_scope(recorded.run)["hosts"] == ["w1"]
        recorded.probed("w1", kubewright=OURS)
        make_documents(recorded.run)
        assert {stage for stage, _ in steps(make_plan(recorded.run))} == {"drain", "delete-node", "clean-node"}

    def test_an_unreachable_host(self, tmp_path: Path) -> None:
        recorded = leaving(tmp_path, "w1")
        choose_scope(recorded.run)
        recorded.run.write("hosts/w1", {"reachable": False, "cause": "no route", "remedy": "", "time": 0})
        make_documents(recorded.run)
        with pytest.raises(UnreachableError, match="--offline"):
            make_plan(recorded.run)

    def test_a_dead_host_is_asked_whether_it_is(self, tmp_path: Path) -> None:
        recorded = leaving(tmp_path, "w1", offline=True)
        assert choose_scope(recorded.run)["hosts"] == ["w1"]
        recorded.dead("w1")
        make_documents(recorded.run)
        assert ("clean-node", "w1") not in steps(make_plan(recorded.run))

    def test_a_host_of_another_cluster(self, tmp_path: Path) -> None:
        recorded = leaving(tmp_path, "w1")
        choose_scope(recorded.run)
        recorded.probed("w1", kubewright={**OURS, "record": {"cluster": "another"}})
        make_documents(recorded.run)
        with pytest.raises(ForeignError):
            make_plan(recorded.run)

    def test_what_a_killed_run_began_is_gone_on_with(self, tmp_path: Path) -> None:
        """The Node is gone, and not all of the others were told."""
        recorded = leaving(tmp_path, "gone")
        state = recorded.run.read("observations/cp1")["state"]
        recorded.told("cp1", {**state, "record": {**state["record"], "leaving": {"gone": {}}}})
        choose_scope(recorded.run)
        make_documents(recorded.run)
        recorded.probed("w1")
        assert steps(make_plan(recorded.run))[0] == ("delete-node", "gone")

    def test_a_node_goes_by_either_name(self, tmp_path: Path) -> None:
        inputs = leaving(tmp_path, "w1").inputs
        inputs = replace(
            inputs,
            leaving=(LeavingHost("w1", "node1"),),
            request=replace(inputs.request, removing=("node1", "gone", "gone")),
        )
        assert leaving_hosts(inputs) == (LeavingHost("w1", "node1"), LeavingHost("gone", "gone"))


LEARNER = {"name": "", "member_id": "f", "learner": True, "healthy": False, "started": False}


class TestHalfJoinedControlPlane:
    """Its etcd member has no name, and there is no Node yet: only an address tells whose it is."""

    def told(self, recorded: Recorded, peer: str, *, gone: str = "w1") -> Recorded:
        state = recorded.run.read("observations/cp1")["state"]
        nodes = [node for node in state["nodes"] if node["name"] != gone]
        record = {"fan_out": {node["name"]: "d0" for node in nodes}}
        members = [*state["etcd_members"], {**LEARNER, "peer_ip": peer}]
        recorded.told("cp1", {**state, "nodes": nodes, "record": record, "etcd_members": members})
        return recorded

    def plan(self, recorded: Recorded) -> list[tuple[str, str]]:
        choose_scope(recorded.run)
        make_documents(recorded.run)
        return [step for step in steps(make_plan(recorded.run)) if step[0] not in ("snapshot", "fan-out")]

    def test_by_the_address_that_the_host_tells(self, tmp_path: Path) -> None:
        """The inventory has an ansible_host only."""
        recorded = self.told(leaving(tmp_path, "w1"), "10.9.9.9")
        recorded.probed("w1", kubewright=OURS, default_ipv4={"address": "10.9.9.9"})
        assert self.plan(recorded) == [("remove-etcd-member", "w1"), ("clean-node", "w1")]

    def test_by_the_address_that_a_dead_host_told_once(self, tmp_path: Path) -> None:
        recorded = self.told(leaving(tmp_path, "w1", offline=True), "10.9.9.9")
        folder = tmp_path / "state"
        folder.mkdir()
        (folder / "addresses.json").write_text(json.dumps({"w1": {"address": "10.9.9.9", "time": time.time()}}))
        assert self.plan(recorded) == [("remove-etcd-member", "w1")]

    def test_by_its_own_address_or_name(self, tmp_path: Path) -> None:
        recorded = self.told(leaving(tmp_path, "10.9.9.9", offline=True), "10.9.9.9")
        assert self.plan(recorded) == [("remove-etcd-member", "10.9.9.9")]

    def test_by_the_name_that_it_told(self, tmp_path: Path) -> None:
        recorded = leaving(tmp_path, "cp9", offline=True)
        state = recorded.run.read("observations/cp1")["state"]
        member = {**LEARNER, "name": "cp9", "started": True, "healthy": True, "peer_ip": "10.9.9.9"}
        recorded.told("cp1", {**state, "etcd_members": [*state["etcd_members"], member]})
        assert self.plan(recorded) == [("remove-etcd-member", "cp9")]

    def test_is_what_the_member_is_removed_by(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        recorded = self.told(leaving(tmp_path, "w1"), "10.9.9.9")
        recorded.probed("w1", kubewright=OURS, default_ipv4={"address": "10.9.9.9"})
        self.plan(recorded)
        recorded.locked()
        calls = Calls({"changed": True})
        action(RemoveNodes, calls, monkeypatch, host="cp1").act(recorded.run)
        ((_, arguments),) = calls.asked
        assert (arguments["part"], arguments["members"]) == ("members", ["f"])

    def test_never_by_the_address_of_another_node(self, tmp_path: Path) -> None:
        recorded = leaving(tmp_path, "w1")
        other = recorded.topology["w2"].main_ip.value
        self.told(recorded, other)
        recorded.probed("w1", kubewright=OURS, default_ipv4={"address": other})
        assert ("remove-etcd-member", "w1") not in self.plan(recorded)

    def test_not_by_the_address_of_a_host_that_stays(self, tmp_path: Path) -> None:
        """A host of the inventory is named as the inventory does."""
        made = leaving(tmp_path, "x")
        address = made.topology["w2"].main_ip.value
        folder = tmp_path / "again"
        folder.mkdir()
        recorded = self.told(leaving(folder, address), address, gone="w2")
        recorded.probed("w2")
        with pytest.raises(BadInputError, match="--limit w2"):
            self.plan(recorded)


class TestGoneFromTheInventory:
    """The host of a Node that the inventory lacks is found by the Node's address, and cleaned if it is that machine."""

    NAME = "gone"
    PLACE: ClassVar[dict[str, str]] = {"address": "10.0.0.99", "machine_id": "machine-gone"}

    def told(self, folder: Path, *, offline: bool = False, node: bool = True, **changes: Any) -> Recorded:
        """A cluster that has the Node, or did have it when an earlier run was killed."""
        recorded = leaving(folder, self.NAME, offline=offline)
        state = recorded.run.read("observations/cp1")["state"]
        record = state["record"]
        if node:
            like = next(each for each in state["nodes"] if each["name"] == "w2")
            own = {"name": self.NAME, "internal_ip": self.PLACE["address"], "machine_id": self.PLACE["machine_id"]}
            state["nodes"].append({**like, **own, **changes})
            record["fan_out"][self.NAME] = "d0"
        else:
            record["leaving"] = {self.NAME: self.PLACE}
        recorded.told("cp1", state)
        return recorded

    def plan(self, recorded: Recorded) -> Plan:
        recorded.probed("w1")
        make_documents(recorded.run)
        return make_plan(recorded.run)

    @pytest.mark.parametrize("node", [True, False], ids=["its Node", "the record"])
    def test_is_looked_at_where_it_is_told_to_be(self, tmp_path: Path, node: bool) -> None:
        scope = choose_scope(self.told(tmp_path, node=node).run)
        assert scope["added"] == [{"name": self.NAME, "address": "10.0.0.99"}]
        assert self.NAME not in scope["hosts"]

    def test_is_reached_as_ansibles_inventory_says_where_that_has_it(self, tmp_path: Path) -> None:
        scope = choose_scope(self.told(tmp_path).run, ["cp1", "w1", "w2", self.NAME])
        assert scope["added"] == []
        assert self.NAME in scope["hosts"]

    def test_is_not_looked_for_at_another_nodes_address(self, tmp_path: Path) -> None:
        recorded = self.told(tmp_path)
        address = recorded.topology["w2"].main_ip.value
        folder = tmp_path / "again"
        folder.mkdir()
        recorded = self.told(folder, internal_ip=address)
        assert choose_scope(recorded.run)["added"] == []
        assert "nothing tells where it is" in self.plan(recorded).left[0]

    @pytest.mark.parametrize("node", [True, False], ids=["its Node", "the record"])
    def test_is_cleaned(self, tmp_path: Path, node: bool) -> None:
        recorded = self.told(tmp_path, node=node)
        choose_scope(recorded.run)
        recorded.probed(self.NAME, kubewright=OURS)
        plan = self.plan(recorded)
        assert ("clean-node", self.NAME) in steps(plan)
        assert not any(self.NAME in sentence for sentence in plan.left)

    def test_one_that_is_silent_is_named(self, tmp_path: Path) -> None:
        recorded = self.told(tmp_path)
        choose_scope(recorded.run)
        recorded.dead(self.NAME)
        plan = self.plan(recorded)
        assert [stage for stage, host in steps(plan) if host == self.NAME] == ["drain", "delete-node"]
        assert "could not be looked at (no SSH connection: timed out)" in plan.left[0]

    def test_another_machine_at_its_address_is_left_alone(self, tmp_path: Path) -> None:
        recorded = self.told(tmp_path)
        choose_scope(recorded.run)
        recorded.probed(self.NAME, kubewright=OURS, machine_id="another")
        plan = self.plan(recorded)
        assert ("clean-node", self.NAME) not in steps(plan)
        assert "another machine answers at its address 10.0.0.99" in plan.left[0]

    def test_what_is_another_clusters_now_is_left_alone(self, tmp_path: Path) -> None:
        recorded = self.told(tmp_path)
        choose_scope(recorded.run)
        recorded.probed(self.NAME, kubewright={**OURS, "record": {"cluster": "another"}})
        plan = self.plan(recorded)
        assert ("clean-node", self.NAME) not in steps(plan)
        assert "not kubewright's of this cluster" in plan.left[0]

    def test_one_that_is_dead_is_named(self, tmp_path: Path) -> None:
        recorded = self.told(tmp_path, offline=True)
        choose_scope(recorded.run)
        recorded.dead(self.NAME)
        assert "is not cleaned: it is dead" in self.plan(recorded).left[0]


class TestReset:
    def test_cleans_what_is_ours(self, tmp_path: Path) -> None:
        recorded = Recorded(tmp_path, "reset", names=STAYING)
        recorded.probed("cp1", kubewright=OURS)
        recorded.probed("w2")
        assert steps(make_plan(recorded.run)) == [("clean-node", "cp1")]

    def test_names_who_did_not_answer(self, tmp_path: Path) -> None:
        recorded = Recorded(tmp_path, "reset", names=STAYING)
        recorded.probed("cp1", kubewright=OURS)
        recorded.run.write("hosts/w2", {"reachable": False, "cause": "no route", "remedy": "", "time": 0})
        plan = make_plan(recorded.run)
        assert "w2 did not answer" in plan.left[0]
        assert recorded.run.read("unreachable") == {"w2": "no route"}


class TestAsked:
    def test_kubesprays_variable_comes_before_the_limit(self) -> None:
        assert asked_to_remove("a,b", ("c",)) == ("a", "b")
        assert asked_to_remove(None, ("c",)) == ("c",)

    def test_nobody(self) -> None:
        with pytest.raises(BadInputError, match="--limit"):
            asked_to_remove("", None)

    def test_outside_ansibles_limit(self) -> None:
        with pytest.raises(BadInputError, match="without --limit"):
            asked_to_remove("a", None, ("b",))

    @pytest.mark.parametrize(
        ("verb", "variables", "fine"),
        [
            ("remove", {}, False),
            ("remove", {"reset_confirmation": "yes"}, False),
            ("remove", {"skip_confirmation": "true"}, True),
            ("reset", {}, False),
            ("reset", {"reset_confirmation": "no"}, False),
            ("reset", {"reset_confirmation": "yes"}, True),
            ("reset", {"skip_confirmation": True}, True),
            ("deploy", {}, True),
        ],
    )
    def test_confirmation(self, tmp_path: Path, verb: str, variables: dict[str, Any], fine: bool) -> None:
        recorded = Recorded(tmp_path, verb)
        request = Request(verb, removing=("w1",))
        if fine:
            refuse_unconfirmed(request, recorded.inputs, variables)
        else:
            with pytest.raises(BadInputError, match="not confirmed"):
                refuse_unconfirmed(request, recorded.inputs, variables)
        refuse_unconfirmed(replace(request, dry_run=True), recorded.inputs, variables)


def test_that_containerd_stays_for_others_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    recorded = leaving(tmp_path, "w1")
    recorded.run.write("plan", Plan("remove", "mine", "1", "cp1", (Step(Stage.CLEAN_NODE, "w1", "", ""),)).to_json())
    recorded.locked()
    calls = Calls({"changed": True, "others": ["buildkit", "moby"], "damaged": ""})
    action(CleanHost, calls, monkeypatch, host="w1").act(recorded.run)
    (note,) = [event for event in recorded.run.events() if event["event"] == "note"]
    assert note["host"] == "w1"
    assert "buildkit, moby" in note["text"]
