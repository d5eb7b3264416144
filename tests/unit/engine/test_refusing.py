"""Rules asked from what a run found."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

import pytest
import yaml

from kubewright.catalog.loader import load
from kubewright.engine.finding import find_cluster, load_topology
from kubewright.engine.inputs import Inputs
from kubewright.engine.refusing import refuse, versions
from kubewright.engine.request import Request
from kubewright.errors import RefusedError
from kubewright.observe import parse_cluster
from tests.unit.engine.recorded import Recorded
from tests.unit.engine.test_flow import new_cluster
from tests.unit.engine.test_leaving import leaving
from tests.unit.plan.test_rules_host import PROBED


def grown(folder: Path, force: tuple[str, ...] = (), **changes: Any) -> Recorded:
    """A cluster of cp1 and w1 to which w2 comes."""
    recorded = Recorded(folder, "scale")
    inputs = recorded.inputs
    recorded.inputs = Inputs(**{**vars(inputs), "request": Request("scale", force=force)})
    recorded.inputs.save(recorded.run)
    recorded.told("cp1", recorded.live("cp1", "w1", **changes))
    recorded.run.write("scope", {"scope": ["cp1", "w1", "w2"]})
    recorded.probed("cp1", "w1", "w2")
    return recorded


def asked(recorded: Recorded) -> tuple[str, ...]:
    inputs = Inputs.load(recorded.run)
    found = find_cluster(recorded.run, inputs)
    return refuse(recorded.run, inputs, found, load_topology(recorded.run, inputs), load().release("1.37.2"))


class TestOffline:
    """A host that is said to be dead must not live: its pods would run twice."""

    JOINED: ClassVar[dict[str, Any]] = {**PROBED["kubernetes"], "kubelet_conf": True}

    def dead(self, folder: Path, force: tuple[str, ...] = ()) -> Recorded:
        """A cluster from which w1 is to be removed as a dead one."""
        recorded = leaving(folder, "w1", offline=True)
        recorded.inputs = replace(recorded.inputs, request=replace(recorded.inputs.request, force=force))
        recorded.inputs.save(recorded.run)
        recorded.run.write("scope", {"scope": []})
        return recorded

    def test_one_that_does_not_answer(self, tmp_path: Path) -> None:
        recorded = self.dead(tmp_path)
        recorded.dead("w1")
        assert asked(recorded) == ()

    def test_one_that_was_not_asked(self, tmp_path: Path) -> None:
        assert asked(self.dead(tmp_path)) == ()

    def test_one_that_lives(self, tmp_path: Path) -> None:
        recorded = self.dead(tmp_path, force=("offline-host-unsure",))
        recorded.probed("w1", kubernetes=self.JOINED)
        with pytest.raises(RefusedError, match=r"w1: it answers.*rule offline-host-alive.*without --offline"):
            asked(recorded)

    @pytest.mark.parametrize(
        "facts", [{"machine_id": "another", "kubernetes": JOINED}, {}], ids=["another machine", "without Kubernetes"]
    )
    def test_what_has_taken_its_place(self, tmp_path: Path, facts: dict[str, Any]) -> None:
        recorded = self.dead(tmp_path)
        recorded.probed("w1", **facts)
        assert asked(recorded) == ()

    def test_one_that_tells_nothing(self, tmp_path: Path) -> None:
        answer = {"reachable": False, "cause": "the SSH login was refused", "remedy": "", "answered": True, "time": 0}
        recorded = self.dead(tmp_path)
        recorded.run.write("hosts/w1", answer)
        with pytest.raises(RefusedError, match=r"login was refused.*--force offline-host-unsure"):
            asked(recorded)
        folder = tmp_path / "forced"
        folder.mkdir()
        recorded = self.dead(folder, force=("offline-host-unsure",))
        recorded.run.write("hosts/w1", answer)
        assert "offline-host-unsure, skipped" in asked(recorded)[0]


class TestRefuse:
    def test_a_worker_that_fits(self, tmp_path: Path) -> None:
        assert asked(grown(tmp_path)) == ()

    def test_a_new_cluster(self, tmp_path: Path) -> None:
        assert asked(new_cluster(tmp_path)) == ()

    def test_clones(self, tmp_path: Path) -> None:
        recorded = grown(tmp_path)
        recorded.probed("w2", machine_id="machine-w1")
        with pytest.raises(RefusedError, match=r"host w2: it has the machine-id of .*w1.*--force duplicate-machine-id"):
            asked(recorded)

    def test_clones_that_their_owner_insists_on(self, tmp_path: Path) -> None:
        recorded = grown(tmp_path, force=("duplicate-machine-id",))
        recorded.probed("w2", machine_id="machine-w1")
        skipped = asked(recorded)
        assert "duplicate-machine-id, skipped" in skipped[0]
        assert recorded.run.read("skipped") == list(skipped)

    def test_an_api_server_that_was_left_behind(self, tmp_path: Path) -> None:
        servers = [{"node": "cp1", "address": "10.0.0.1:6443", "version": "v1.36.3", "error": ""}]
        with pytest.raises(RefusedError, match="rule kubelet-newer"):
            asked(grown(tmp_path, api_servers=servers))

    def test_the_live_network_counts_and_not_the_inventory_s(self, tmp_path: Path) -> None:
        configuration = {
            "networking": {"podSubnet": "10.233.64.0/23"},
            "controllerManager": {"extraArgs": [{"name": "node-cidr-mask-size", "value": "24"}]},
        }
        with pytest.raises(RefusedError, match="2 shares of /24 and there would be 3 nodes"):
            asked(grown(tmp_path, cluster_configuration=yaml.safe_dump(configuration)))

    @pytest.mark.parametrize("host", ["cp1", "w1"])
    def test_another_ip_of_a_member(self, tmp_path: Path, host: str) -> None:
        recorded = grown(tmp_path)
        hosts = dict(recorded.inputs.settings.hosts)
        hosts[host] = hosts[host].model_copy(update={"ip": "192.0.2.99"})
        recorded.inputs = replace(recorded.inputs, settings=replace(recorded.inputs.settings, hosts=hosts))
        recorded.inputs.save(recorded.run)
        with pytest.raises(RefusedError, match=rf"host {host}: .*192\.0\.2\.99.*changed-address"):
            asked(recorded)

    def test_one_that_an_earlier_run_did_not_finish_may_be_corrected(self, tmp_path: Path) -> None:
        recorded = grown(tmp_path, record={"format": 1, "fan_out": {"cp1": "d0"}})
        hosts = dict(recorded.inputs.settings.hosts)
        hosts["w1"] = hosts["w1"].model_copy(update={"ip": "192.0.2.99"})
        recorded.inputs = replace(recorded.inputs, settings=replace(recorded.inputs.settings, hosts=hosts))
        recorded.inputs.save(recorded.run)
        assert asked(recorded) == ()


def test_versions_of_a_live_cluster(tmp_path: Path) -> None:
    status = {"member_id": "0", "version": "3.7.0", "leader": True, "has_leader": True}
    workload = {"kind": "DaemonSet", "name": "kube-proxy", "desired": 2, "available": 2}
    image = "registry.local:5000/kube-proxy:v1.37.2@sha256:0"
    raw = Recorded(tmp_path).live("cp1", "w1", etcd_status=[status], workloads=[{**workload, "images": [image]}])
    found = versions(parse_cluster("cp1", raw))
    assert found.api_servers == {"cp1": "v1.37.2"}
    assert found.etcd == {"cp1": "3.7.0"}
    assert found.kube_proxy == "1.37.2"
    assert found.kubelets == {"cp1": "v1.37.2", "w1": "v1.37.2"}
