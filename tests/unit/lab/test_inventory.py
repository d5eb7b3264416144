"""The inventory of a lab, as Ansible reads it."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from ansible.inventory.manager import InventoryManager
from ansible.parsing.dataloader import DataLoader

from kubewright.errors import BadInputError
from kubewright.lab import _inventory
from kubewright.lab._host import CgroupMode
from kubewright.lab.model import LabRecord
from tests.unit.lab.helpers import FIRST, SECOND, record


def hosts_file(lab: LabRecord) -> str:
    text = _inventory.add_hosts("", lab.nodes, addresses=lab.addresses)
    return _inventory.fill_empty_workers(text, lab.nodes)


def groups(text: str, directory: Path) -> dict[str, list[str]]:
    file = directory / "hosts.ini"
    file.write_text(text)
    inventory = InventoryManager(loader=DataLoader(), sources=[str(directory)])
    return {name: [str(host) for host in inventory.groups[name].get_hosts()] for name in inventory.groups}


class TestHosts:
    def test_groups_are_those_that_kubewright_reads(self, tmp_path: Path) -> None:
        found = groups(hosts_file(record(3, 2)), tmp_path)
        assert found["kube_control_plane"] == found["etcd"] == ["cp1", "cp2", "cp3"]
        assert found["kube_node"] == ["w1", "w2"]
        assert sorted(found["k8s_cluster"]) == ["cp1", "cp2", "cp3", "w1", "w2"]

    def test_control_planes_alone_are_workers_too(self, tmp_path: Path) -> None:
        assert groups(hosts_file(record(1, 0)), tmp_path)["kube_node"] == ["cp1"]

    def test_no_address_but_the_one_for_ssh_is_given(self) -> None:
        assert "cp1 ansible_host=192.0.2.11 ansible_user=admin\n" in hosts_file(record())

    def test_addresses_are_given_where_asked_for(self) -> None:
        line = "w1 ansible_host=192.0.2.12 ansible_user=admin ip=192.0.2.12 access_ip=192.0.2.12\n"
        assert line in hosts_file(record(addresses=True))

    def test_with_two_networks_ip_is_on_the_second_and_ssh_on_the_first(self) -> None:
        line = "w1 ansible_host=192.0.2.12 ansible_user=admin ip=198.51.100.12\n"
        assert line in hosts_file(record(networks=(FIRST, SECOND)))

    def test_growing_keeps_what_a_person_wrote(self, tmp_path: Path) -> None:
        lab = record(1, 1)
        edited = (
            hosts_file(lab).replace("[etcd]", "[gpu]  # those with cards\nw1 # the big one\n\n[etcd]")
            + "\n[all:vars]\nx=1\n"
        )
        grown = _inventory.add_hosts(edited, lab.planned(control_planes=1, workers=1), addresses=False)
        assert [line for line in grown.splitlines() if line in edited.splitlines()] == edited.splitlines()
        found = groups(grown, tmp_path)
        assert (found["kube_control_plane"], found["kube_node"], found["gpu"]) == (["cp1", "cp2"], ["w1", "w2"], ["w1"])

    def test_a_file_without_the_groups_is_told(self) -> None:
        with pytest.raises(BadInputError, match=r"no section \[kube_node\]"):
            _inventory.add_hosts("[all]\n", record(1, 1).nodes[1:], addresses=False)


class TestVariables:
    def test_reaching_the_nodes_checks_their_keys(self) -> None:
        values = yaml.safe_load(_inventory.group_vars(record(), Path("/lab/key"), Path("/lab/known"), CgroupMode.V1))
        assert values["ansible_ssh_private_key_file"] == "/lab/key"
        assert "UserKnownHostsFile=/lab/known" in values["ansible_ssh_common_args"]
        assert "StrictHostKeyChecking=yes" in values["ansible_ssh_common_args"]
        assert values["kube_version"] == "1.37.2"

    @pytest.mark.parametrize(("mode", "told"), [(CgroupMode.V1, True), (CgroupMode.V2, False)])
    def test_the_kubelet_is_told_of_cgroup_v1_only_there(self, mode: CgroupMode, told: bool) -> None:
        values = yaml.safe_load(_inventory.group_vars(record(), Path("key"), Path("known"), mode))
        assert ("failCgroupV1" in values["kubelet_config_extra_args"]) is told

    def test_a_password_of_any_letters_is_kept(self) -> None:
        password = "- a: '\"#"
        assert yaml.safe_load(_inventory.host_vars(password)) == {"ansible_become_password": password}
