"""Which cluster there is, judged from what control planes answered, and whom a run looks at."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import pytest

from kubewright.engine.flow import choose_scope, find_cluster
from kubewright.errors import BadInputError, KubewrightError, StepFailedError, UnreachableError
from tests.unit.engine.recorded import ABSENT, NAMES, RECORD_DAMAGED, SILENT, SMALL, Recorded


class TestFindCluster:
    def test_none_where_all_say_so(self, tmp_path: Path) -> None:
        recorded = Recorded(tmp_path, names=NAMES)
        for name in NAMES.control_plane:
            recorded.told(name, ABSENT)
        found = find_cluster(recorded.run, recorded.inputs)
        assert found.cluster is None
        assert found.half_made == ""
        assert found.unreachable == {}

    def test_a_live_one(self, tmp_path: Path) -> None:
        recorded = Recorded(tmp_path)
        recorded.told("cp1", recorded.live("cp1", "w1"))
        found = find_cluster(recorded.run, recorded.inputs)
        assert found.cluster is not None
        assert found.cluster.via == "cp1"
        assert found.cluster.ours
        assert [node.name for node in found.cluster.nodes] == ["cp1", "w1"]

    def test_a_foreign_one_is_found_and_is_not_ours(self, tmp_path: Path) -> None:
        recorded = Recorded(tmp_path)
        recorded.told("cp1", {**recorded.live("cp1"), "record": None})
        found = find_cluster(recorded.run, recorded.inputs)
        assert found.cluster is not None
        assert not found.cluster.ours
        assert found.half_made == ""

    def test_a_dead_first_control_plane_is_told_and_the_next_one_speaks(self, tmp_path: Path) -> None:
        recorded = Recorded(tmp_path, names=NAMES)
        recorded.unreached("cp1")
        recorded.told("cp2", recorded.live("cp1", "cp2", "cp3", "w1"))
        found = find_cluster(recorded.run, recorded.inputs)
        assert found.cluster is not None
        assert found.cluster.via == "cp2"
        assert list(found.unreachable) == ["cp1"]

    def test_a_silent_first_control_plane_and_a_live_second(self, tmp_path: Path) -> None:
        recorded = Recorded(tmp_path, names=NAMES)
        recorded.told("cp1", SILENT)
        recorded.told("cp2", recorded.live("cp1", "cp2", "cp3"))
        found = find_cluster(recorded.run, recorded.inputs)
        assert found.cluster is not None
        assert found.cluster.via == "cp2"

    def test_the_first_of_the_inventory_speaks_where_several_answer(self, tmp_path: Path) -> None:
        names = dataclasses.replace(NAMES, control_plane=("cp3", "cp2", "cp1"))
        recorded = Recorded(tmp_path, names=names)
        for name in ("cp1", "cp3"):
            recorded.told(name, {**recorded.live("cp1", "cp2", "cp3"), "server": f"https://{name}:6443"})
        found = find_cluster(recorded.run, recorded.inputs)
        assert found.cluster is not None
        assert found.cluster.via == "cp3"

    def test_an_unfinished_init_before_its_api_answers(self, tmp_path: Path) -> None:
        recorded = Recorded(tmp_path)
        recorded.told("cp1", {**SILENT, "unfinished": {"init": "running"}})
        found = find_cluster(recorded.run, recorded.inputs)
        assert found.cluster is None
        assert found.half_made == "cp1"

    def test_an_unfinished_init_whose_api_answers(self, tmp_path: Path) -> None:
        recorded = Recorded(tmp_path)
        state = {**recorded.live("cp1"), "record": None, "unfinished": {"init": "running"}}
        recorded.told("cp1", state)
        found = find_cluster(recorded.run, recorded.inputs)
        assert found.cluster is not None
        assert found.half_made == "cp1"

    def test_an_init_that_wrote_its_record_is_finished(self, tmp_path: Path) -> None:
        recorded = Recorded(tmp_path)
        recorded.told("cp1", {**recorded.live("cp1"), "unfinished": {"init": "recorded"}})
        assert find_cluster(recorded.run, recorded.inputs).half_made == ""

    def test_an_unfinished_init_on_another_than_the_first(self, tmp_path: Path) -> None:
        recorded = Recorded(tmp_path, names=NAMES)
        recorded.told("cp1", ABSENT)
        recorded.told("cp2", {**SILENT, "unfinished": {"init": "running"}})
        recorded.told("cp3", ABSENT)
        assert find_cluster(recorded.run, recorded.inputs).half_made == "cp2"

    def test_a_cluster_may_live_where_nobody_answers(self, tmp_path: Path) -> None:
        """A second cluster beside the first one would be the worst of all mistakes."""
        recorded = Recorded(tmp_path, names=NAMES)
        recorded.unreached("cp1", "the SSH login was refused")
        recorded.told("cp2", ABSENT)
        recorded.told("cp3", ABSENT)
        with pytest.raises(UnreachableError, match="host cp1: the SSH login was refused"):
            find_cluster(recorded.run, recorded.inputs)

    def test_a_cluster_whose_api_is_silent_is_not_made_anew(self, tmp_path: Path) -> None:
        recorded = Recorded(tmp_path, names=NAMES)
        recorded.told("cp1", ABSENT)
        recorded.told("cp2", SILENT)
        recorded.told("cp3", ABSENT)
        with pytest.raises(StepFailedError, match=r"cp2: .*connection refused"):
            find_cluster(recorded.run, recorded.inputs)

    def test_the_next_one_speaks_where_the_first_one_cannot_tell(self, tmp_path: Path) -> None:
        recorded = Recorded(tmp_path, names=NAMES)
        recorded.failed("cp1", StepFailedError("host cp1", "disk full"))
        recorded.told("cp2", recorded.live("cp1", "cp2", "cp3"))
        found = find_cluster(recorded.run, recorded.inputs)
        assert found.cluster is not None
        assert found.cluster.via == "cp2"

    @pytest.mark.parametrize(
        "error", [StepFailedError("host cp1", "disk full"), BadInputError("host cp1", "no Python")]
    )
    def test_a_cluster_may_live_where_one_cannot_tell(self, tmp_path: Path, error: KubewrightError) -> None:
        recorded = Recorded(tmp_path, names=NAMES)
        recorded.failed("cp1", error)
        recorded.told("cp2", ABSENT)
        recorded.told("cp3", ABSENT)
        with pytest.raises(type(error), match=rf"{error}. A cluster may live there, so nothing is begun"):
            find_cluster(recorded.run, recorded.inputs)

    def test_a_damaged_record_is_no_silent_api(self, tmp_path: Path) -> None:
        recorded = Recorded(tmp_path, names=NAMES)
        recorded.told("cp1", SILENT)
        recorded.told("cp2", RECORD_DAMAGED)
        with pytest.raises(StepFailedError) as told:
            find_cluster(recorded.run, recorded.inputs)
        assert str(told.value) == "ConfigMap kube-system/kubewright: it cannot be read. Restore it"


def scope(recorded: Recorded) -> dict[str, Any]:
    made = choose_scope(recorded.run)
    assert recorded.run.read("scope") == made
    return made


class TestNoCluster:
    def test_deploy_looks_at_all(self, tmp_path: Path) -> None:
        recorded = Recorded(tmp_path)
        recorded.told("cp1", ABSENT)
        made = scope(recorded)
        assert made["scope"] == made["hosts"] == ["cp1", "w1", "w2"]
        assert made["via"] == "cp1"
        assert made["delegated"] == []

    def test_a_half_made_one_is_gone_on_with_where_it_began(self, tmp_path: Path) -> None:
        recorded = Recorded(tmp_path, names=NAMES)
        recorded.told("cp1", ABSENT)
        recorded.told("cp2", {**SILENT, "unfinished": {"init": "running"}})
        recorded.told("cp3", ABSENT)
        assert scope(recorded)["via"] == "cp2"


class TestDeploy:
    def test_looks_at_all_hosts(self, tmp_path: Path) -> None:
        recorded = Recorded(tmp_path)
        recorded.told("cp1", recorded.live("cp1", "w1"))
        made = scope(recorded)
        assert made["hosts"] == ["cp1", "w1", "w2"]

    def test_with_a_limit_looks_at_its_hosts_only(self, tmp_path: Path) -> None:
        recorded = Recorded(tmp_path, limit=("w2",))
        recorded.told("cp1", recorded.live("cp1", "w1"))
        made = scope(recorded)
        assert made["scope"] == made["hosts"] == ["w2"]
        assert made["via"] == "cp1"


class TestScale:
    def test_looks_at_new_hosts_only(self, tmp_path: Path) -> None:
        recorded = Recorded(tmp_path, "scale")
        recorded.told("cp1", recorded.live("cp1", "w1"))
        made = scope(recorded)
        assert made["scope"] == made["hosts"] == ["w2"]

    def test_a_node_that_no_run_finished_counts_as_new(self, tmp_path: Path) -> None:
        recorded = Recorded(tmp_path, "scale")
        recorded.told("cp1", recorded.live("cp1", "w1", "w2", record={"fan_out": {"cp1": "d", "w1": "d"}}))
        assert scope(recorded)["scope"] == ["w2"]

    def test_another_node_name_than_the_hosts(self, tmp_path: Path) -> None:
        recorded = Recorded(tmp_path, "scale", hosts={"w1": {"kube_override_hostname": "press"}})
        recorded.told("cp1", recorded.live("cp1", "w1"))
        assert scope(recorded)["scope"] == ["w2"]

    def test_with_nothing_new_one_host_is_left_to_play_on(self, tmp_path: Path) -> None:
        recorded = Recorded(tmp_path, "scale")
        recorded.told("cp1", recorded.live("cp1", "w1", "w2"))
        made = scope(recorded)
        assert made["scope"] == []
        assert made["hosts"] == ["cp1"]

    def test_a_dead_worker_whose_address_the_cluster_knows_is_not_looked_at(self, tmp_path: Path) -> None:
        """The failure that Kubespray users know: no ip, no facts, an existing worker down."""
        recorded = Recorded(tmp_path, "scale", limit=("w2",))
        state = recorded.live("cp1", "w1")
        without_ip = Recorded(
            _other(tmp_path), "scale", limit=("w2",), hosts={name: {"ip": None} for name in SMALL.all}
        )
        without_ip.told("cp1", state)
        made = scope(without_ip)
        assert made["hosts"] == ["w2"]
        assert made["delegated"] == []


class TestMissingAddresses:
    def hosts(self) -> dict[str, dict[str, Any]]:
        return {name: {"ip": None} for name in SMALL.all}

    def test_hosts_outside_the_limit_are_looked_at(self, tmp_path: Path) -> None:
        recorded = Recorded(tmp_path, limit=("cp1",), hosts=self.hosts())
        recorded.told("cp1", ABSENT)
        made = scope(recorded)
        assert made["scope"] == ["cp1"]
        assert made["hosts"] == ["cp1", "w1", "w2"]
        assert made["delegated"] == []

    def test_under_ansibles_limit_by_delegation(self, tmp_path: Path) -> None:
        recorded = Recorded(tmp_path, limit=("cp1",), ansible_limited=True, hosts=self.hosts())
        recorded.told("cp1", ABSENT)
        made = scope(recorded)
        assert made["hosts"] == ["cp1"]
        assert made["delegated"] == ["w1", "w2"]


class TestAnsiblesLimit:
    def test_plays_on_limited_hosts_only(self, tmp_path: Path) -> None:
        recorded = Recorded(tmp_path, "scale", limit=("w2",), ansible_limited=True)
        recorded.told("cp1", recorded.live("cp1", "w1"))
        made = scope(recorded)
        assert made["hosts"] == ["w2"]
        assert made["via"] == "cp1"

    def test_with_nothing_new_never_leaves_the_limit(self, tmp_path: Path) -> None:
        recorded = Recorded(tmp_path, "scale", limit=("w1",), ansible_limited=True)
        recorded.told("cp1", recorded.live("cp1", "w1"))
        made = scope(recorded)
        assert made["scope"] == []
        assert made["hosts"] == ["w1"]


class TestCheck:
    def test_looks_at_all_or_at_the_limit(self, tmp_path: Path) -> None:
        recorded = Recorded(tmp_path, "check")
        recorded.told("cp1", recorded.live("cp1", "w1", "w2"))
        assert scope(recorded)["hosts"] == ["cp1", "w1", "w2"]
        limited = Recorded(_other(tmp_path), "check", limit=("w1",))
        limited.told("cp1", limited.live("cp1", "w1", "w2"))
        assert scope(limited)["hosts"] == ["w1"]


def _other(folder: Path) -> Path:
    other = folder / "other"
    other.mkdir()
    return other


def test_answers_of_another_version_are_an_error_of_ours(tmp_path: Path) -> None:
    recorded = Recorded(tmp_path)
    state = recorded.live("cp1")
    del state["workloads"]
    recorded.told("cp1", state)
    with pytest.raises(Exception, match="workloads") as caught:
        find_cluster(recorded.run, recorded.inputs)
    assert not isinstance(caught.value, (KeyError, BadInputError))
