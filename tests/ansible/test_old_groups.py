"""The playbooks reach hosts as ``group_vars`` of today's names say, whatever spelling the inventory has."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

OLD = """\
[kube-master]
cp1 ansible_host=192.0.2.11

[kube-node]
w1 ansible_host=192.0.2.21

[k8s-cluster:children]
kube-master
kube-node
"""
WITHOUT_CLUSTER = """\
[kube_control_plane]
cp1 ansible_host=192.0.2.11

[kube_node]
w1 ansible_host=192.0.2.21
"""
VARIABLES = """\
ansible_user: deployer
ansible_ssh_executable: {ssh}
kube_network_plugin: flannel
kube_proxy_mode: iptables
etcd_deployment_type: kubeadm
"""


def logins(folder: Path, hosts: str, playbook: str, *arguments: str) -> list[str]:
    """Run a playbook of the collection with an SSH that notes how it is called and reaches nobody."""
    ssh = folder / "ssh"
    ssh.write_text(f'#!/bin/sh\nprintf "%s\\n" "$*" >> {folder}/calls\nexit 255\n')
    ssh.chmod(0o755)
    (folder / "group_vars").mkdir()
    (folder / "group_vars" / "k8s_cluster.yml").write_text(VARIABLES.format(ssh=ssh))
    (folder / "hosts.ini").write_text(hosts)
    (folder / "ansible.cfg").write_text("")
    (folder / "calls").touch()
    environment = {
        "ANSIBLE_CONFIG": str(folder / "ansible.cfg"),
        "ANSIBLE_HOME": str(folder),
        "ANSIBLE_SSH_RETRIES": "0",
        "HOME": str(folder),
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(ROOT / "src"),
    }
    program = Path(sys.executable).with_name("ansible-playbook")
    command = [str(program), "-i", str(folder / "hosts.ini"), f"kubewright.cluster.{playbook}", *arguments]
    subprocess.run(command, cwd=folder, env=environment, capture_output=True, timeout=120, check=False)
    return (folder / "calls").read_text().splitlines()


@pytest.mark.parametrize("playbook", ["cluster", "status", "topology"])
@pytest.mark.parametrize("hosts", [OLD, WITHOUT_CLUSTER], ids=["old", "without k8s_cluster"])
def test_connection_variables_of_a_group_apply(tmp_path: Path, hosts: str, playbook: str) -> None:
    calls = logins(tmp_path, hosts, playbook)
    assert calls, "the SSH program that the group's variables name was not called"
    assert all('User="deployer"' in call for call in calls)


@pytest.mark.parametrize("playbook", ["cluster", "plan", "status"])
@pytest.mark.parametrize("hosts", [OLD, WITHOUT_CLUSTER], ids=["old", "without k8s_cluster"])
def test_with_a_first_host_that_is_in_no_group(tmp_path: Path, hosts: str, playbook: str) -> None:
    calls = logins(tmp_path, f"jump ansible_connection=local\n{hosts}", playbook)
    assert [call for call in calls if "192.0.2.11" in call and 'User="deployer"' in call]


def test_under_a_limit_too(tmp_path: Path) -> None:
    calls = logins(tmp_path, OLD, "scale", "--limit", "w1")
    assert [call for call in calls if "192.0.2.11" in call and 'User="deployer"' in call]
