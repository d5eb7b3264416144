"""What was asked and what the inventory says, through the run's folder and back."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from kubewright.engine.inputs import Inputs, default_state_directory, read_inputs, split_names
from kubewright.engine.request import Request
from kubewright.errors import BadInputError, BadInputErrors
from kubewright.inventory import Inventory, from_hostvars
from kubewright.inventory.known import group_names
from kubewright.settings import HostSettings
from tests.unit.engine.recorded import NAMES, Recorded

REQUIRED = {"kube_network_plugin": "flannel", "kube_proxy_mode": "iptables", "etcd_deployment_type": "kubeadm"}


def inventory(source: str = "", **cluster: object) -> Inventory:
    hosts = {name: {**REQUIRED, **cluster, "ip": f"10.0.0.{n}"} for n, name in enumerate(("cp1", "w1", "w2"), 1)}
    groups = {"kube_control_plane": ["cp1"], "kube_node": ["w1", "w2"], "all": ["cp1", "w1", "w2"]}
    return from_hostvars(hosts, groups, inventory_sources=[source] if source else [], limited=None)


class TestRoundTrip:
    @given(
        verb=st.sampled_from(["deploy", "scale", "check"]),
        limit=st.none() | st.lists(st.sampled_from(NAMES.all), unique=True).map(tuple),
        ansible_limited=st.booleans(),
    )
    @hypothesis_settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
    def test_request(
        self, tmp_path_factory: pytest.TempPathFactory, verb: str, limit: tuple[str, ...] | None, ansible_limited: bool
    ) -> None:
        folder = tmp_path_factory.mktemp("inputs")
        recorded = Recorded(folder, verb, limit=limit, ansible_limited=ansible_limited, names=NAMES)
        loaded = Inputs.load(recorded.run)
        assert loaded == recorded.inputs
        assert loaded.request == Request(verb, limit, ansible_limited)

    def test_settings_of_every_kind(self, tmp_path: Path) -> None:
        cluster = {
            "loadbalancer_apiserver": {"address": "10.0.0.100", "port": 8443},
            "supplementary_addresses_in_ssl_keys": ["a.example.net"],
            "kubelet_config_extra_args": {"failCgroupV1": False},
        }
        hosts = {
            "w1": {"node_taints": ["a=b:NoSchedule"], "node_labels": {"x": "1"}, "kube_override_hostname": "press"}
        }
        recorded = Recorded(tmp_path, cluster=cluster, hosts=hosts)
        loaded = Inputs.load(recorded.run)
        assert loaded.settings == recorded.inputs.settings
        assert loaded.settings.origin("w1", "ip") == recorded.inputs.settings.origin("w1", "ip") != ""


class TestScope:
    def test_all_hosts_without_limit(self, tmp_path: Path) -> None:
        assert Recorded(tmp_path, names=NAMES).inputs.scope == NAMES.all

    def test_keeps_the_inventorys_order(self, tmp_path: Path) -> None:
        assert Recorded(tmp_path, names=NAMES, limit=("w2", "cp2")).inputs.scope == ("cp2", "w2")

    def test_an_empty_limit_is_nobody(self, tmp_path: Path) -> None:
        assert Recorded(tmp_path, names=NAMES, limit=()).inputs.scope == ()


class TestLimit:
    @pytest.mark.parametrize(
        ("given_limit", "names"),
        [
            (None, None),
            ("", None),
            ([], None),
            ("w1", ("w1",)),
            ("w1,w2", ("w1", "w2")),
            (" w1 , w2 ,", ("w1", "w2")),
            (["w1", "w2"], ("w1", "w2")),
        ],
    )
    def test_as_text_and_as_list(self, given_limit: str | list[str] | None, names: tuple[str, ...] | None) -> None:
        assert split_names(given_limit) == names

    def test_an_unknown_host_is_told_with_those_that_are_known(self) -> None:
        with pytest.raises(BadInputError, match=r"w9 is not a cluster host.*cp1, w1, w2") as caught:
            read_inputs(inventory(), Request("scale", ("w1", "w9")))
        assert caught.value.subject == "--limit"


class TestReading:
    def test_groups_and_hosts(self) -> None:
        names = group_names(inventory())
        assert names.control_plane == ("cp1",)
        assert names.worker == ("w1", "w2")

    def test_unsupported_version(self) -> None:
        with pytest.raises(BadInputError, match=r"1\.2\.3 is not supported"):
            read_inputs(inventory(kube_version="1.2.3"), Request("deploy"))

    def test_wrong_setting(self) -> None:
        with pytest.raises(BadInputErrors, match="kubelet_max_pods"):
            read_inputs(inventory(kubelet_max_pods="many"), Request("deploy"))

    def test_given_state_directory_wins(self) -> None:
        assert read_inputs(inventory(), Request("deploy"), "/elsewhere").state_directory == "/elsewhere"


class TestPlaces:
    def test_state_lies_beside_the_inventory(self, tmp_path: Path) -> None:
        (tmp_path / "hosts.yml").touch()
        assert default_state_directory(inventory(str(tmp_path / "hosts.yml")), "c") == str(tmp_path / ".kubewright")

    def test_else_in_the_users_state_folder(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
        assert default_state_directory(inventory("cp1,w1,"), "factory") == str(tmp_path / "kubewright" / "factory")

    def test_kubeconfig_beside_an_inventory_file(self, tmp_path: Path) -> None:
        source = tmp_path / "hosts.yml"
        source.touch()
        inputs = read_inputs(inventory(str(source)), Request("deploy"), sources=[str(source)])
        assert inputs.kubeconfig == tmp_path / "artifacts" / "admin.conf"

    def test_kubeconfig_is_hidden_in_an_inventory_directory(self, tmp_path: Path) -> None:
        """Ansible would read it as one more inventory."""
        inputs = read_inputs(inventory(str(tmp_path)), Request("deploy"), sources=[str(tmp_path)])
        assert inputs.kubeconfig == tmp_path / ".artifacts" / "admin.conf"

    def test_kubeconfig_where_the_setting_says(self, tmp_path: Path) -> None:
        inputs = read_inputs(inventory(artifacts_dir="/srv/conf"), Request("deploy"))
        assert inputs.kubeconfig == Path("/srv/conf/admin.conf")


class TestAdditions:
    """Hosts for the playbook to add to groups."""

    @pytest.fixture
    def inputs(self, tmp_path: Path) -> Inputs:
        recorded = Recorded(tmp_path)
        replace(recorded.inputs, missing_groups={"w1": ("k8s_cluster", "kube_node")}).save(recorded.run)
        return Inputs.load(recorded.run)

    def test_of_hosts_that_lack_none_there_are_none(self, inputs: Inputs) -> None:
        assert inputs.additions(["cp1", "w1"]) == [{"host": "w1", "groups": ["k8s_cluster", "kube_node"]}]

    def test_a_group_of_the_runs_own(self, inputs: Inputs) -> None:
        assert inputs.additions(["w2", "w1"], "kubewright_scope") == [
            {"host": "w2", "groups": ["kubewright_scope"]},
            {"host": "w1", "groups": ["kubewright_scope", "k8s_cluster", "kube_node"]},
        ]


def test_what_is_about_single_hosts_is_made_as_far_as_it_is_looked_at(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every action loads the inputs, and most are about one host out of many."""
    recorded = Recorded(tmp_path, hosts={"w1": {"node_labels": {"a": "b"}}})
    (recorded.run.directory / "origins.json").unlink()
    made: list[dict[str, Any]] = []
    validate = HostSettings.model_validate

    def counted(value: dict[str, Any]) -> HostSettings:
        made.append(value)
        return validate(value)

    monkeypatch.setattr(HostSettings, "model_validate", counted)
    hosts = Inputs.load(recorded.run).settings.hosts
    assert list(hosts) == [*recorded.inputs.names.all]
    assert hosts["w1"].node_labels == {"a": "b"}
    assert hosts["w1"] is hosts["w1"]
    assert len(made) == 1
