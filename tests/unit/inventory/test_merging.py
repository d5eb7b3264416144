"""Merged quickly, a host has the very variables that ansible-core's own merging gives it."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from ansible.inventory.manager import InventoryManager
from ansible.module_utils._internal._datatag import AnsibleTagHelper
from ansible.parsing.dataloader import DataLoader
from ansible.plugins.vars.host_group_vars import FOUND, NAK, VarsModule
from ansible.vars.hostvars import HostVars
from ansible.vars.manager import VariableManager

from ansible import constants
from kubewright.errors import BadInputErrors
from kubewright.inventory import load
from kubewright.inventory.ansible_state import NOBODY, command_line_options, variables_made_quickly
from kubewright.inventory.merging import MergedVariables
from kubewright.inventory.values import RawVariables

FILES = {
    "hosts.ini": """\
[kube_node]
w1 ip=10.0.0.1 a=host playbook_dir=mine group_names=mine
w2 b=host x=host
w3
w4 ansible_facts=mine ansible_local=mine

[late]
w2

[late:vars]
ansible_group_priority=10
a=late
c=late

[k8s_cluster:children]
kube_node

[k8s_cluster:vars]
a=cluster
d={"of": "cluster", "e": 1}
""",
    "group_vars/all.yml": "a: all\ne: all\nx: all\nnested: {one: 1, two: 2}\n",
    "group_vars/kube_node.yml": "e: nodes\nf: '{{ a }}'\nnested: {two: 3}\n",
    "host_vars/w2.yml": "e: own file\nnested: {three: 3}\n",
    "host_vars/w3/main.yml": "g: true\ninventory_hostname: mine\n",
}


class Loaded:
    """An inventory with Ansible's own objects."""

    def __init__(self, folder: Path, **options: Any) -> None:
        for name, text in FILES.items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        source = str(folder / "hosts.ini")
        with command_line_options({"inventory": (source,), "extra_vars": ("x=given",), "verbosity": 0, **options}):
            self.loader = DataLoader()
            self.loader.set_basedir(str(folder))
            self.inventory = InventoryManager(loader=self.loader, sources=[source])
            self.manager = VariableManager(loader=self.loader, inventory=self.inventory)
        HostVars(self.inventory, self.manager, self.loader)

    def both(self, name: str) -> tuple[Any, Any]:
        """As Ansible merges the host's variables, and quickly: values, types, and tags of what is tagged."""
        slowly = self.manager.get_vars(host=self.inventory.get_host(name))
        forget_files()
        with variables_made_quickly():
            quickly = MergedVariables(self.manager, self.inventory, self.loader).of(name)
        assert not {
            key for key in quickly.all if key not in quickly.own and quickly.common[key] is not quickly.all[key]
        }
        return told(slowly), told(quickly.all)


def forget_files() -> None:
    """Have Ansible look for files of hosts and groups again, as each of its processes does."""
    FOUND.clear()
    NAK.clear()


def told(variables: Any) -> dict[str, Any]:
    return {
        str(name): (type(value), repr(value), AnsibleTagHelper.tags(value), id(value) if name == "hostvars" else 0)
        for name, value in variables.items()
    }


@pytest.mark.parametrize("name", ["w1", "w2", "w3", "w4"])
@pytest.mark.parametrize("beside_playbook", [True, False])
@pytest.mark.parametrize("inject", [True, False])
def test_as_ansible_merges_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, beside_playbook: bool, inject: bool
) -> None:
    monkeypatch.setattr(constants, "INJECT_FACTS_AS_VARS", inject)
    loaded = Loaded(tmp_path)
    loaded.manager.safe_basedir = beside_playbook
    slowly, quickly = loaded.both(name)
    assert quickly == slowly


@pytest.mark.parametrize("name", ["w1", "w2", "w3", "w4"])
def test_a_folder_that_may_not_be_listed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    def refuse(path: str) -> list[str]:
        if Path(path) != tmp_path / "host_vars":
            return listing(path)
        refused.append(path)
        raise PermissionError(13, "Permission denied", path)

    refused: list[str] = []
    listing = os.listdir
    loaded = Loaded(tmp_path)
    monkeypatch.setattr(os, "listdir", refuse)
    slowly, quickly = loaded.both(name)
    assert quickly == slowly
    assert refused


def test_a_file_system_that_does_not_tell_the_cases_of_letters_apart(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    loaded = Loaded(tmp_path)
    listing = os.listdir
    monkeypatch.setattr(os, "listdir", lambda path: [name.upper() for name in listing(path)])
    slowly, quickly = loaded.both("w2")
    assert quickly == slowly
    assert quickly["e"][1] == "'own file'"


@pytest.mark.parametrize(
    "fill",
    [
        lambda manager: manager.set_host_facts("w2", {"ansible_distribution": "Debian", "e": "fact"}),
        lambda manager: manager.set_host_variable("w2", "e", "included"),
        lambda manager: manager.set_nonpersistent_facts("w2", {"e": "set_fact", "x": "set_fact"}),
    ],
    ids=["facts", "include_vars", "set_fact"],
)
def test_what_plays_have_set(tmp_path: Path, fill: Callable[[Any], None]) -> None:
    loaded = Loaded(tmp_path)
    fill(loaded.manager)
    slowly, quickly = loaded.both("w2")
    assert quickly == slowly
    assert loaded.both("w1")[0] == loaded.both("w1")[1]


def test_where_dictionaries_are_merged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(constants, "DEFAULT_HASH_BEHAVIOUR", "merge")
    slowly, quickly = Loaded(tmp_path).both("w2")
    assert quickly == slowly
    assert "'one': 1" in quickly["nested"][1]
    assert "'three': 3" in quickly["nested"][1]


def test_layers_of_groups_are_merged_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    loaded = Loaded(tmp_path)
    asked: list[str] = []
    merge = loaded.manager.get_vars

    def note(*, host: Any) -> Any:
        asked.append(host.name)
        return merge(host=host)

    monkeypatch.setattr(loaded.manager, "get_vars", note)
    with variables_made_quickly():
        merged = MergedVariables(loaded.manager, loaded.inventory, loaded.loader)
        for name in ("w1", "w2", "w3", "w4"):
            merged.of(name)
    assert asked == [NOBODY, NOBODY]  # w2 is in one group more than the others


def test_files_are_looked_for_where_the_folder_has_some_of_the_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    loaded = Loaded(tmp_path)
    forget_files()
    asked: list[str] = []
    find = DataLoader.find_vars_files

    def note(loader: Any, path: str, name: str, *more: Any, **options: Any) -> Any:
        asked.append(name)
        return find(loader, path, name, *more, **options)

    monkeypatch.setattr(DataLoader, "find_vars_files", note)
    with variables_made_quickly():
        for name in ("w1", "w2", "w3", "w4"):
            loaded.manager.get_vars(host=loaded.inventory.get_host(name))
        assert loaded.loader.find_vars_files(str(tmp_path), "~w5") == []
    assert set(asked) == {"all", "kube_node", "w2", "w3", "~w5"}


def test_no_plugin_is_asked_for_a_host_that_is_not_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    get_vars = VarsModule.get_vars

    def note(plugin: Any, loader: Any, path: str, entities: Any, **more: Any) -> Any:
        asked.extend(entity.name for entity in entities)
        return get_vars(plugin, loader, path, entities, **more)

    monkeypatch.setattr(VarsModule, "get_vars", note)
    Loaded(tmp_path).both("w1")
    assert "w1" in asked
    assert NOBODY not in asked


SETTINGS = {
    "hosts.ini": """\
[kube_control_plane]
cp1 ip=10.0.0.1

[kube_node]
w1 ip=10.0.0.2 kube_version=1.36.3 zone=a
w2 ip=10.0.0.3 zone=b kubelet_max_pods=50
w3 ip="{{ base }}.4" populate_inventory_to_hosts_file=false
w4

[etcd:children]
kube_control_plane

[k8s_cluster:children]
kube_control_plane
kube_node
""",
    "group_vars/all.yml": """\
base: 10.0.0
kube_version: 1.37.2
kube_network_plugin: flannel
populate_inventory_to_hosts_file: true
kubelet_fail_swap_on: false
ansible_become: true
access_ip: null
kube_service_addresses: 10.233.0.0/18
kube_apiserver_ip: "{{ kube_service_subnets.split(',') | first | ipaddr(1) }}"
upstream_dns_servers: ["{{ base }}.53", "9.9.9.9"]
dashboard_enabled: "{{ lookup('env', 'HOME') }}"
mine: "{{ nobody_knows }}"
""",
    "group_vars/kube_node.yml": """\
node_labels: {zone: "{{ zone | default('none') }}", pool: workers}
kubelet_max_pods: "{{ 100 + 10 }}"
no_proxy: "{% if true %}{{ 'a' if false else 'b' }}"
""",
    "host_vars/w4.yml": "ip: 10.0.0.5\nkubelet_fail_swap_on: true\nnode_labels: {pool: other}\n",
}


def write_settings(folder: Path, *, broken: bool) -> str:
    """The path of an inventory, with an expression that cannot be evaluated or without it."""
    for name, text in SETTINGS.items():
        path = folder / name
        path.parent.mkdir(exist_ok=True)
        path.write_text("\n".join(line for line in text.splitlines() if broken or "no_proxy" not in line) + "\n")
    return str(folder / "hosts.ini")


@pytest.mark.parametrize("extra", [(), ("kubelet_max_pods=70", "zone=given")])
@pytest.mark.parametrize("broken", [True, False])
def test_hosts_are_read_as_if_they_had_nothing_in_common(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, extra: tuple[str, ...], *, broken: bool
) -> None:
    source = write_settings(tmp_path, broken=broken)

    def outcome() -> Any:
        try:
            read = load([source], extra_vars=extra)
        except BadInputErrors as errors:
            return str(errors)
        return [{**vars(host), "variable_names": sorted(host.variable_names)} for host in read.hosts]

    together = outcome()
    merged = MergedVariables.of
    monkeypatch.setattr(MergedVariables, "of", lambda self, name: RawVariables.of_one(merged(self, name).all))
    assert outcome() == together
    assert ("no_proxy" in together) if broken else len(together) == 5


def test_what_hosts_have_in_common_is_one_object(tmp_path: Path) -> None:
    hosts = load([write_settings(tmp_path, broken=False)]).by_name
    assert hosts["w1"].variables["kubelet_max_pods"] == hosts["w3"].variables["kubelet_max_pods"] == 110
    assert hosts["w2"].variables["kubelet_max_pods"] == 50
    assert hosts["w1"].variables["node_labels"] == {"zone": "a", "pool": "workers"}
    assert hosts["w4"].variables["node_labels"] == {"pool": "other"}
    assert hosts["w4"].variables["kubelet_fail_swap_on"] is True
    assert hosts["w3"].variables["ip"] == "10.0.0.4"
    for name in ("kube_version", "kube_service_addresses"):
        assert hosts["w3"].variables[name] is hosts["w4"].variables[name]


@pytest.mark.parametrize("where", ["host", "group", "both"])
def test_a_name_that_is_no_text(tmp_path: Path, where: str) -> None:
    """YAML has numbers, falsehood and nothing as names, too."""
    (tmp_path / "group_vars").mkdir()
    (tmp_path / "hosts.yml").write_text(
        "kube_control_plane: {hosts: {cp1: {ip: 10.0.0.1}}}\n"
        f"kube_node: {{hosts: {{w1: {{{'1: 2, null: a, 2.11: b, ' if where != 'group' else ''}ip: 10.0.0.2}}}}}}\n"
    )
    given = "1: 3\nfalse: {a: b}\n" if where != "host" else ""
    (tmp_path / "group_vars/all.yml").write_text(f"kube_network_plugin: flannel\n{given}")
    names = {host.name: host.variable_names for host in load([str(tmp_path / "hosts.yml")]).hosts}
    common = {"kube_network_plugin", "ip", *(("1", "False") if where != "host" else ())}
    assert names == {"cp1": common, "w1": common | (set() if where == "group" else {"1", "None", "2.11"})}
