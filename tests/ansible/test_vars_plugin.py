"""A user's own playbook has every host's addresses, run by plain ``ansible-playbook`` under any limit."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from kubewright.inventory import load

ROOT = Path(__file__).parents[2]

HOSTS = """\
[kube_control_plane]
cp1 ip=10.0.0.11 access_ip=192.0.2.11

[kube_node]
w1
w2
w3 ip=10.0.0.23 ip6=fd00::23

[bastion]
jump ip=192.0.2.1

[all:vars]
ansible_connection=local
ansible_python_interpreter={python}
"""

PLAYBOOK = """\
- name: A user's own
  hosts: all
  gather_facts: false
  tasks:
    - name: Addresses of other hosts
      ansible.builtin.copy:
        dest: "{{ playbook_dir }}/{{ inventory_hostname }}.json"
        mode: "0644"
        content: "{{ {'ip': hostvars[item.0].main_ip, 'access': hostvars[item.0].main_access_ip,
          'ips': hostvars[item.0].main_ips, 'accesses': hostvars[item.0].main_access_ips} | to_json }}"
      loop:
        - ["{{ other }}"]
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "inventory").mkdir()
    (tmp_path / "inventory" / "hosts.ini").write_text(HOSTS.format(python=sys.executable))
    (tmp_path / "mine.yml").write_text(PLAYBOOK)
    (tmp_path / "ansible.cfg").write_text("[defaults]\n")
    remember(tmp_path, w1="10.0.0.21")
    return tmp_path


def remember(folder: Path, **addresses: str) -> None:
    state = folder / "inventory" / ".kubewright"
    state.mkdir(exist_ok=True)
    kept = {host: {"address": address, "time": time.time()} for host, address in addresses.items()}
    (state / "addresses.json").write_text(json.dumps(kept))


def enable_vars_plugin(folder: Path) -> None:
    line = "vars_plugins_enabled = host_group_vars, kubewright.cluster.topology"
    (folder / "ansible.cfg").write_text(f"[defaults]\n{line}\n")


def add_inventory_file(folder: Path) -> None:
    (folder / "inventory" / "kubewright.yml").write_text("plugin: kubewright.cluster.topology\n")


def play(folder: Path, other: str, limit: str, inventory: str = "inventory") -> subprocess.CompletedProcess[str]:
    environment = {
        "ANSIBLE_CONFIG": str(folder / "ansible.cfg"),
        "ANSIBLE_HOME": str(folder),
        "ANSIBLE_NOCOLOR": "true",
        "HOME": str(folder),
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(ROOT / "src"),
    }
    program = Path(sys.executable).with_name("ansible-playbook")
    command = [str(program), "-i", inventory, "mine.yml", "--limit", limit, "-e", f"other={other}"]
    return subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, timeout=120, check=False
    )


def seen(folder: Path, other: str, limit: str) -> dict[str, object]:
    done = play(folder, other, limit)
    assert done.returncode == 0, done.stdout + done.stderr
    value: dict[str, object] = json.loads((folder / f"{limit}.json").read_text())
    return value


@pytest.mark.parametrize("give", [enable_vars_plugin, add_inventory_file], ids=["vars plugin", "inventory file"])
class TestUsersPlaybook:
    """``hostvars[other]`` of hosts outside the limit."""

    def test_a_host_with_ip(self, folder: Path, give: object) -> None:
        give(folder)  # type: ignore[operator]
        assert seen(folder, "cp1", "w2") == {
            "ip": "10.0.0.11",
            "access": "192.0.2.11",
            "ips": ["10.0.0.11"],
            "accesses": ["192.0.2.11"],
        }

    def test_a_host_with_a_remembered_address(self, folder: Path, give: object) -> None:
        give(folder)  # type: ignore[operator]
        assert seen(folder, "w1", "cp1")["access"] == "10.0.0.21"

    def test_a_host_that_nothing_gives_is_the_one_error(self, folder: Path, give: object) -> None:
        give(folder)  # type: ignore[operator]
        done = play(folder, "w2", "cp1")
        assert done.returncode != 0
        assert "Set ip for w2 in the inventory" in " ".join((done.stdout + done.stderr).split())


class TestFamilies:
    def test_both(self, folder: Path) -> None:
        add_inventory_file(folder)
        hosts = folder / "inventory" / "hosts.ini"
        hosts.write_text(hosts.read_text() + "ipv6_stack=true\n")
        assert seen(folder, "w3", "jump")["ips"] == ["10.0.0.23", "fd00::23"]


class TestOwnInventory:
    """kubewright's own reading of an inventory that has the file."""

    def test_is_not_changed_by_it(self, folder: Path) -> None:
        before = load([str(folder / "inventory")])
        add_inventory_file(folder)
        after = load([str(folder / "inventory")])
        assert [host.variable_names for host in after.hosts] == [host.variable_names for host in before.hosts]
        assert after.warnings == before.warnings == ()
