"""Names of control planes that left: what is recorded of them, and what is tolerated."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

import kubewright.artifacts
from kubewright.catalog.model import ArtifactSet, Release
from kubewright.engine.flow import choose_scope, find_cluster, make_documents
from kubewright.engine.former import former_names, names_of_leaving
from kubewright.engine.inputs import LeavingHost
from kubewright.observe.model import ObservedCluster
from kubewright.topology import GroupNames
from tests.golden.clusters import artifacts
from tests.unit.engine.recorded import NAMES, Recorded

STAYING = GroupNames(control_plane=("cp2", "cp3"), worker=("w1", "w2"))


def found(recorded: Recorded) -> ObservedCluster:
    cluster = find_cluster(recorded.run, recorded.inputs).cluster
    assert cluster is not None
    return cluster


def without_first(folder: Path, *members: str, **record: Any) -> Recorded:
    """A cluster that three control planes made, whose inventory lacks the first; ``members`` are those still in it."""
    earlier = folder / "earlier"
    earlier.mkdir()
    known = dict.fromkeys(members, "d0")
    made = Recorded(earlier, names=NAMES)
    recorded = Recorded(folder, names=STAYING)
    hosts = {name: made.inputs.settings.hosts[name] for name in STAYING.all}
    recorded.inputs = replace(recorded.inputs, settings=replace(recorded.inputs.settings, hosts=hosts))
    recorded.inputs.save(recorded.run)
    recorded.told("cp2", made.live(*members, record={"format": 1, "fan_out": known, **record}))
    return recorded


class TestWhatIsRecorded:
    def test_all_names_of_a_control_plane(self, tmp_path: Path) -> None:
        recorded = Recorded(tmp_path, names=NAMES)
        recorded.told("cp2", recorded.live("cp1", "cp2", "cp3", "w1"))
        host = LeavingHost("cp1", "cp1", "192.0.2.1", ("cp1", "jump.example.org"))
        address = recorded.topology["cp1"].main_ip.value
        assert names_of_leaving(host, recorded.inputs, found(recorded)) == tuple(
            sorted({"cp1", "cp1.cluster.local", "jump.example.org", address})
        )

    def test_of_one_that_only_the_cluster_knows(self, tmp_path: Path) -> None:
        recorded = Recorded(tmp_path, names=NAMES)
        recorded.told("cp2", recorded.live("cp1", "cp2", "cp3", "w1"))
        names = names_of_leaving(LeavingHost("cp1", "cp1"), recorded.inputs, found(recorded))
        assert {"cp1", "cp1.cluster.local", recorded.topology["cp1"].main_ip.value} == set(names)

    def test_none_of_a_worker(self, tmp_path: Path) -> None:
        recorded = Recorded(tmp_path, names=NAMES)
        recorded.told("cp2", recorded.live("cp1", "cp2", "cp3", "w1"))
        assert names_of_leaving(LeavingHost("w1", "w1"), recorded.inputs, found(recorded)) == ()


class TestWhatIsTolerated:
    @pytest.fixture(autouse=True)
    def _resolved(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def resolve(_release: Release, **_options: Any) -> ArtifactSet:
            return artifacts()

        monkeypatch.setattr(kubewright.artifacts, "resolve", resolve)

    def test_what_the_record_has(self, tmp_path: Path) -> None:
        recorded = without_first(tmp_path, "cp2", "cp3", "w1", former_names=["cp1", "192.0.2.1"])
        assert former_names(recorded.inputs, found(recorded), recorded.topology) == ("192.0.2.1", "cp1")

    def test_what_a_node_has_that_the_inventory_lacks(self, tmp_path: Path) -> None:
        recorded = without_first(tmp_path, "cp1", "cp2", "cp3", "w1")
        names = former_names(recorded.inputs, found(recorded), recorded.topology)
        assert {"cp1", "cp1.cluster.local"} < set(names)

    def test_nothing_where_nobody_left_and_before_there_is_a_cluster(self, tmp_path: Path) -> None:
        recorded = without_first(tmp_path, "cp2", "cp3", "w1")
        assert former_names(recorded.inputs, found(recorded), recorded.topology) == ()
        assert former_names(recorded.inputs, None, recorded.topology) == ()

    def test_certificates_of_the_others_may_have_them_and_need_not(self, tmp_path: Path) -> None:
        """All that the certificates and kubeadm's object have from before is required, allowed or former."""
        recorded = without_first(tmp_path, "cp2", "cp3", "w1", "w2", former_names=["cp1", "cp1.cluster.local"])
        choose_scope(recorded.run)
        recorded.probed("cp2", "cp3", "w1", "w2")
        make_documents(recorded.run)
        resources = recorded.run.read("documents/cp2")["resources"]
        certificate = next(each for each in resources if each["id"] == "certificate:apiserver")
        assert "cp1" in certificate["allowed"]
        assert "cp1" not in certificate["required"]
        (before,) = {*yaml.safe_load(found(recorded).cluster_configuration)["apiServer"]["certSANs"]} & {"cp1"}
        assert before in recorded.run.read("former_names")
