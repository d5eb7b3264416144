"""The lab itself: nodes that boot, can be logged in to, stop, start, are cut off, grow and go."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from kubewright.errors import BadInputError
from kubewright.lab import Lab, NodeState, UpOutcome

pytestmark = [pytest.mark.lab, pytest.mark.flow]

NAME = "itself"
BOOT_ID = "/proc/sys/kernel/random/boot_id"


@pytest.fixture(scope="module")
def lab(keep_labs: bool) -> Iterator[Lab]:
    lab = Lab(NAME, progress=lambda line: print(f"lab {NAME}: {line}", flush=True))
    lab.down()
    try:
        lab.up(1, 1, second_network=True)
        yield lab
    finally:
        if not keep_labs:
            lab.down()


def states(lab: Lab) -> dict[str, NodeState]:
    return {status.node.name: status.state for status in lab.status()}


def login(lab: Lab, node: str, *command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(lab.ssh_command(node, *command), capture_output=True, text=True, check=False, timeout=60)


def listens(address: object) -> bool:
    try:
        with socket.create_connection((str(address), 22), timeout=2) as connection:
            return connection.recv(4) == b"SSH-"
    except OSError:
        return False


def test_nodes_run_and_a_second_up_does_nothing(lab: Lab) -> None:
    assert states(lab) == {"cp1": NodeState.RUNNING, "w1": NodeState.RUNNING}
    assert lab.up(1, 1, second_network=True) is UpOutcome.UNCHANGED
    with pytest.raises(BadInputError, match="another shape"):
        lab.up(1, 2, second_network=True)


def test_systemd_has_booted_without_failures(lab: Lab) -> None:
    for node in lab.nodes:
        assert lab.exec(node.name, "systemctl", "is-system-running").stdout.strip() == "running"


def test_ansible_reaches_every_node_and_becomes_root(lab: Lab) -> None:
    command = (str(Path(sys.executable).with_name("ansible")), "-i", str(lab.inventory), "all", "-b", "-a", "id -un")
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count("\nroot\n") == len(lab.nodes)


def test_only_the_last_worker_asks_for_a_sudo_password(lab: Lab) -> None:
    assert login(lab, "cp1", "sudo", "-n", "id", "-un").stdout.strip() == "root"
    refused = login(lab, "w1", "sudo", "-n", "id", "-un")
    assert refused.returncode != 0
    assert "password is required" in refused.stderr


def test_sessions_can_be_counted(lab: Lab) -> None:
    def count() -> int:
        return lab.exec("cp1", "journalctl", "-u", "ssh", "--no-pager").stdout.count("Starting session: command")

    before = count()
    login(lab, "cp1", "true")
    assert count() == before + 1


def test_the_default_route_is_on_the_first_network(lab: Lab) -> None:
    cp1 = lab.record.node("cp1")
    (route,) = json.loads(lab.exec("cp1", "ip", "-j", "route", "show", "default").stdout)
    assert route["dev"] == "eth0"
    hosts = (lab.inventory / "hosts.ini").read_text()
    assert f"cp1 ansible_host={cp1.address} ansible_user=admin ip={cp1.second_address}\n" in hosts
    assert lab.exec("w1", "bash", "-c", f"exec 3<>/dev/tcp/{cp1.second_address}/22").returncode == 0


def test_files_of_etc_can_be_replaced_by_a_rename(lab: Lab) -> None:
    for file in ("/etc/hosts", "/etc/hostname", "/etc/resolv.conf"):
        lab.exec("cp1", "sh", "-c", f"cp -p {file} {file}.new && mv {file}.new {file}")


def test_packages_can_be_installed(lab: Lab) -> None:
    assert lab.exec("cp1", "which", "conntrack", check=False).returncode != 0
    done = login(lab, "cp1", "sudo", "DEBIAN_FRONTEND=noninteractive", "apt-get", "install", "-y", "conntrack")
    assert done.returncode == 0, done.stderr
    assert lab.exec("cp1", "which", "conntrack").stdout.strip() == "/usr/sbin/conntrack"


@pytest.mark.parametrize("kill", [False, True])
def test_a_stopped_node_starts_again_as_it_was(lab: Lab, kill: bool) -> None:
    def identity() -> str:
        return lab.exec("w1", "cat", "/etc/machine-id", "/sys/class/net/eth0/address", "/etc/hosts").stdout

    before, boot = identity(), lab.exec("w1", "cat", BOOT_ID).stdout
    lab.exec("w1", "sh", "-c", "echo kept > /var/lib/containerd/mark; echo kept > /etc/mark; sync")
    lab.stop_node("w1", kill=kill)
    assert states(lab) == {"cp1": NodeState.RUNNING, "w1": NodeState.STOPPED}
    lab.start_node("w1")
    assert lab.exec("w1", "cat", "/etc/mark", "/var/lib/containerd/mark").stdout == "kept\nkept\n"
    assert identity() == before
    assert lab.exec("w1", "cat", BOOT_ID).stdout != boot


def test_a_node_that_is_cut_off_leaves_the_others_alone(lab: Lab) -> None:
    cp1, w1 = (lab.record.node(name) for name in ("cp1", "w1"))
    lab.cut_network("w1")
    assert states(lab) == {"cp1": NodeState.RUNNING, "w1": NodeState.CUT}
    assert not listens(w1.address)
    assert listens(cp1.address)
    peer = lab.exec("cp1", "timeout", "2", "bash", "-c", f"exec 3<>/dev/tcp/{w1.second_address}/22", check=False)
    assert peer.returncode != 0
    lab.heal_network("w1")
    assert listens(w1.address)
    assert states(lab)["w1"] is NodeState.RUNNING


def test_a_node_whose_monitor_was_killed_too_comes_back(lab: Lab) -> None:
    container = f"{lab.record.identity}-w1"
    template = "{{.State.ConmonPid}} {{.State.Pid}}"
    inspected = subprocess.run(
        ("podman", "inspect", "--format", template, container), capture_output=True, text=True, check=True, timeout=30
    )
    for process in inspected.stdout.split():
        os.kill(int(process), signal.SIGKILL)
    deadline = time.monotonic() + 10
    while states(lab)["w1"] is not NodeState.KILLED and time.monotonic() < deadline:
        time.sleep(0.1)
    assert states(lab) == {"cp1": NodeState.RUNNING, "w1": NodeState.KILLED}
    assert lab.up(1, 1, second_network=True) is UpOutcome.STARTED
    assert lab.exec("w1", "cat", "/etc/mark").stdout == "kept\n"


def test_growing_adds_nodes_to_the_inventory(lab: Lab) -> None:
    assert [node.name for node in lab.grow(workers=1)] == ["w2"]
    assert login(lab, "w2", "hostname").stdout.strip() == "w2"
    assert "[kube_node]\nw1\nw2\n" in (lab.inventory / "hosts.ini").read_text()


def test_a_killed_up_leaves_nothing_after_the_next_down() -> None:
    lab = Lab("killed")
    lab.down()
    source = "from kubewright.lab import Lab; Lab('killed', progress=lambda line: print(line, flush=True)).up(1, 1)"
    with subprocess.Popen(
        (sys.executable, "-c", source), stdout=subprocess.PIPE, text=True, start_new_session=True
    ) as up:
        assert up.stdout is not None
        line = next(line for line in up.stdout if line.startswith("booting"))
        print(line)
        time.sleep(1.0)  # into the making of containers; any moment will do
        os.killpg(up.pid, signal.SIGKILL)
    assert lab.down()
    assert not lab.down()
    listed = ("podman", "ps", "--all", "--external", "--format", "{{.Names}}")
    names = subprocess.run(listed, capture_output=True, text=True, check=True, timeout=30).stdout
    assert "-killed-" not in names


def test_a_lab_that_is_down_is_gone(lab: Lab) -> None:
    identity = lab.record.identity
    assert lab.down()
    for kind in ("volume", "network"):
        listed = subprocess.run(
            ("podman", kind, "ls", "--quiet"), capture_output=True, text=True, check=True, timeout=30
        ).stdout
        assert identity not in listed
    with pytest.raises(BadInputError, match="no such lab"):
        _ = lab.inventory
