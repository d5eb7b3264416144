"""The playbooks go through the bastion, by plain ``ansible-playbook``."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]

HOSTS = """\
[kube_control_plane]
cp1 ansible_host=192.0.2.11
cp2 ansible_host=192.0.2.12 ansible_ssh_common_args="-o ProxyJump=elsewhere.example"
cp3 ansible_host=192.0.2.13

[bastion]
gate ansible_host=192.0.2.1 ansible_user=jump

[all:vars]
ansible_ssh_executable={ssh}
kube_network_plugin=flannel
kube_proxy_mode=iptables
etcd_deployment_type=kubeadm
"""


def calls(folder: Path, hosts: str = HOSTS) -> list[list[str]]:
    """Ask for the status by an SSH that notes how it is called and reaches nobody.

    Several hosts are called at the same time, and so each call has a file of its own.
    """
    ssh = folder / "ssh"
    ssh.write_text(f'#!/bin/sh\nprintf "%s\\0" "$@" > {folder}/call.$$\nexit 255\n')
    ssh.chmod(0o755)
    (folder / "hosts.ini").write_text(hosts.format(ssh=ssh))
    (folder / "ansible.cfg").write_text("")
    environment = {
        "ANSIBLE_CONFIG": str(folder / "ansible.cfg"),
        "ANSIBLE_HOME": str(folder),
        "ANSIBLE_SSH_RETRIES": "0",
        "HOME": str(folder),
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(ROOT / "src"),
    }
    program = Path(sys.executable).with_name("ansible-playbook")
    command = [str(program), "-i", str(folder / "hosts.ini"), "kubewright.cluster.status"]
    subprocess.run(command, cwd=folder, env=environment, capture_output=True, timeout=120, check=False)
    made = [path.read_text().split("\0") for path in folder.glob("call.*")]
    assert made
    return made


def test_hosts_without_a_way_of_their_own_are_reached_through_the_bastion(tmp_path: Path) -> None:
    made = calls(tmp_path)
    ways = {
        address: [word for word in call if word.lower().startswith(("proxycommand", "proxyjump"))]
        for address in ("192.0.2.11", "192.0.2.12", "192.0.2.13")
        for call in made
        if address in call
    }
    assert ways["192.0.2.12"] == ["ProxyJump=elsewhere.example"]
    for address in ("192.0.2.11", "192.0.2.13"):
        (way,) = ways[address]
        words = shlex.split(way.removeprefix("ProxyCommand="))
        assert words[-3:] == ["-W", "[%h]:%p", "192.0.2.1"]
        assert words[words.index("-l") + 1] == "jump"


def test_the_bastion_is_not_part_of_the_cluster(tmp_path: Path) -> None:
    assert not any("192.0.2.1" in call for call in calls(tmp_path))


def test_a_host_that_goes_silent_is_given_up(tmp_path: Path) -> None:
    for call in calls(tmp_path):
        assert {"ServerAliveInterval=15", "ServerAliveCountMax=4"} <= set(call)


def test_the_inventorys_own_patience_comes_first(tmp_path: Path) -> None:
    own = HOSTS.replace("ProxyJump=elsewhere.example", "ServerAliveInterval=99")
    (call,) = [call for call in calls(tmp_path, own) if "192.0.2.12" in call]
    assert call.index("ServerAliveInterval=99") < call.index("ServerAliveInterval=15")
