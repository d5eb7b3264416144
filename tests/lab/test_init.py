"""What ``kubewright init`` writes is deployed as it is; a lab's nodes only add what is special about them."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from tests.lab.support.cluster import Cluster
from tests.lab.support.commands import run
from tests.lab.support.flows import assert_hosts_files, assert_nothing_left, assert_works
from tests.lab.support.lab import TestLab, lab_up

pytestmark = [pytest.mark.lab, pytest.mark.flow, pytest.mark.full]

_OWN_PLAYBOOK = """\
- hosts: w1
  gather_facts: false
  become: true
  tasks:
    - ansible.builtin.copy:
        content: "{{ hostvars['cp1'].main_access_ip }} {{ main_ip }}"
        dest: /root/addresses
        mode: "0600"
"""


@pytest.fixture(scope="module")
def lab(kubernetes_version: str, keep_labs: bool, tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestLab]:
    """One control plane and one worker, nothing deployed yet, and the inventory that ``init`` writes for them."""
    with lab_up("init", control_planes=1, workers=1, kubernetes=kubernetes_version, keep=keep_labs) as booted:
        made, booted.inventory = booted.inventory, tmp_path_factory.mktemp("init") / "inventory"
        variables = yaml.safe_load((made / "group_vars" / "all.yml").read_text())
        login = ("--user", "admin", "--private-key", variables["ansible_ssh_private_key_file"])
        control_plane, worker = (f"{node}={booted.nodes[node].address}" for node in ("cp1", "w1"))
        hosts = ("--control-plane", control_plane, "--worker", worker)
        booted.note(run(("kubewright", "init", str(booted.inventory), *login, *hosts), timeout=60)).check()
        _add_peculiarities(booted.inventory, variables, kubernetes_version)
        shutil.copytree(made / "host_vars", booted.inventory / "host_vars")
        yield booted


def _add_peculiarities(inventory: Path, variables: dict[str, object], version: str) -> None:
    """Add the lab's variables that ``init`` did not write, and the version that is tested."""
    written = yaml.safe_load((inventory / "group_vars" / "all.yml").read_text())
    added = {name: value for name, value in variables.items() if name not in written} | {"kube_version": version}
    (inventory / "group_vars" / "k8s_cluster.yml").write_text(yaml.safe_dump(added))


def test_makes_a_cluster_that_works(lab: TestLab) -> None:
    lab.kubewright("deploy").check()
    cluster = Cluster(lab, "cp1")
    assert_works(cluster, ["cp1", "w1"])
    assert_hosts_files(lab, ["cp1", "w1"])
    assert_nothing_left(cluster, ["cp1", "w1"])


def test_a_playbook_of_ones_own_has_every_hosts_addresses(lab: TestLab, tmp_path: Path) -> None:
    """By plain ``ansible-playbook``, limited to one host."""
    program = shutil.which("ansible-playbook")
    assert program
    playbook = tmp_path / "own.yml"
    playbook.write_text(_OWN_PLAYBOOK)
    command = (program, "-i", str(lab.inventory), "--limit", "w1", str(playbook))
    lab.note(run(("env", f"--chdir={tmp_path}", *command), timeout=120)).check()
    expected = [str(lab.nodes[node].address) for node in ("cp1", "w1")]
    assert lab.read("w1", "cat", "/root/addresses").split() == expected
