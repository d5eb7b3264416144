"""Merged quickly, a host has the very variables that ansible-core's own merging gives it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from ansible.inventory.manager import InventoryManager
from ansible.module_utils._internal._datatag import AnsibleTagHelper
from ansible.parsing.dataloader import DataLoader
from ansible.plugins.vars.host_group_vars import VarsModule
from ansible.vars.hostvars import HostVars
from ansible.vars.manager import VariableManager

from ansible import constants
from kubewright.inventory.ansible_state import NOBODY, command_line_options, variables_made_quickly
from kubewright.inventory.merging import MergedVariables

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
        with variables_made_quickly():
            quickly = MergedVariables(self.manager, self.inventory, self.loader).of(name)
        return told(slowly), told(quickly)


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
