"""The same inventory inside a play as outside: run by a real ansible-playbook, on the controller only."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from kubewright.inventory import from_hostvars, load
from tests.unit.inventory.test_loading import HOSTS, write

ACTION = """\
from ansible.plugins.action import ActionBase
from kubewright.inventory import from_hostvars


class ActionModule(ActionBase):
    def run(self, tmp=None, task_vars=None):
        inventory = from_hostvars(
            task_vars["hostvars"],
            task_vars["groups"],
            inventory_sources=task_vars["ansible_inventory_sources"],
            limited=task_vars["ansible_play_hosts_all"],
        )
        hosts = {host.name: [host.variables, host.origins] for host in inventory.hosts}
        with open(task_vars["answer"], "w") as file:
            import json
            json.dump([hosts, inventory.groups, sorted(inventory.limit), str(inventory.directory)], file)
        return {"changed": False}
"""
PLAY = "- hosts: all\n  gather_facts: false\n  tasks:\n    - read_inventory:\n      run_once: true\n"
FILES = {
    "hosts.ini": HOSTS.replace("kube_node", "kube-node"),
    "group_vars__k8s_cluster": "kubernetes_audit: false\nbin_dir: /c\nother: '{{ undefined_thing }}'\n",
    "group_vars__kube_node": "node_labels: {name: '{{ inventory_hostname }}', of: '{{ hostvars.cp1.ip }}'}\n",
}


def played(folder: Path, *arguments: str, before: str = "") -> Any:
    """Return what an action plugin of a play sees."""
    (folder / "play" / "action_plugins").mkdir(parents=True)
    (folder / "play" / "action_plugins" / "read_inventory.py").write_text(ACTION)
    (folder / "play" / "play.yml").write_text(PLAY.replace("  tasks:\n", f"  tasks:\n{before}"))
    answer = folder / "answer.json"
    program = Path(sys.executable).with_name("ansible-playbook")
    command = [str(program), str(folder / "play" / "play.yml"), "-e", f"answer={answer}", *arguments]
    environment = {**os.environ, "ANSIBLE_LOCAL_TEMP": str(folder / "tmp")}
    result = subprocess.run(command, check=False, capture_output=True, text=True, env=environment)
    assert result.returncode == 0, result.stdout + result.stderr
    return json.loads(answer.read_text())


def test_all_hosts_are_seen_as_without_a_play_whatever_the_limit(tmp_path: Path) -> None:
    path = write(tmp_path / "inventory", **FILES)
    hosts, groups, limit, directory = played(tmp_path, "-i", path, "--limit", "w2", "-e", "cluster_name=extra")
    inventory = load([path], limit="w2", extra_vars=["cluster_name=extra"])
    assert hosts == {host.name: [host.variables, host.origins] for host in inventory.hosts}
    assert hosts["w1"][0]["node_labels"] == {"name": "w1", "of": "10.0.0.1"}
    assert hosts["cp1"][0]["bin_dir"] == "/c"
    assert {name: tuple(members) for name, members in groups.items()} == inventory.groups
    assert (limit, directory) == (["w2"], str(inventory.directory))


def test_facts_of_the_play_can_be_referred_to(tmp_path: Path) -> None:
    files = {"hosts.ini": HOSTS, "host_vars__w1": "node_labels: {rack: '{{ ansible_rack }}'}\n"}
    path = write(tmp_path / "inventory", **files)
    hosts, *_ = played(tmp_path, "-i", path, before="    - set_fact: {ansible_rack: r7, cacheable: true}\n")
    assert hosts["w1"][0]["node_labels"] == {"rack": "r7"}


def test_plain_mappings_are_taken_as_they_are() -> None:
    hostvars = {"a": {"ip": "10.0.0.1", "other": 1}, "b": {}}
    inventory = from_hostvars(hostvars, {"kube-master": ["a"], "kube_node": ["b"]}, inventory_sources=[], limited=None)
    assert inventory["a"].variables == {"ip": "10.0.0.1"}
    assert inventory["a"].variable_names == {"ip", "other"}
    assert inventory["a"].groups == ("kube-master",)
    assert list(inventory.by_name) == ["a", "b"]
