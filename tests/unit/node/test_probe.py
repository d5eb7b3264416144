"""What a probe tells, from files as real machines have them."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.kubewright.cluster.plugins.module_utils import locks
from ansible_collections.kubewright.cluster.plugins.module_utils.probing import host, kubernetes, network
from ansible_collections.kubewright.cluster.plugins.module_utils.process import Completed
from tests.unit.node.fake import FakeSystem

TCP = """\
  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:192B 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 1
   1: 00000000:0016 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 2
   2: 0A00000A:0016 0B00000A:C350 01 00000000:00000000 00:00000000 00000000     0        0 3
"""
TCP6 = """\
  sl  local_address                         remote_address                        st
   0: 00000000000000000000000000000000:192B 00000000000000000000000000000000:0000 0A
   1: 00000000000000000000000001000000:094B 00000000000000000000000000000000:0000 0A
"""
ROUTE = """\
Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT
eth0\t00000000\t010200C0\t0003\t0\t0\t0\t00000000\t0\t0\t0
eth0\t000200C0\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0
"""


class WithIp(FakeSystem):
    """Its ``ip`` answers from ``answers``, by the arguments' start."""

    answers: dict[str, Any]

    def _ip(self, *arguments: str) -> tuple[int, str]:
        return 0, next((json.dumps(value) for key, value in self.answers.items() if key in " ".join(arguments)), "")


def put(system: FakeSystem, path: str, text: str) -> None:
    target = system.path(path)
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(text)


@pytest.fixture
def system(tmp_path: Path) -> WithIp:
    machine = WithIp(tmp_path)
    machine.answers = {}
    return machine


class TestDefaultRoute:
    def test_the_lowest_metric_wins(self, system: WithIp) -> None:
        system.answers["route"] = [
            {"dst": "default", "gateway": "198.51.100.1", "dev": "eth1", "prefsrc": "198.51.100.5", "metric": 200},
            {"dst": "default", "gateway": "192.0.2.1", "dev": "eth0", "prefsrc": "192.0.2.5", "metric": 100},
        ]
        assert network.default_ipv4(system) == {"address": "192.0.2.5", "interface": "eth0", "gateway": "192.0.2.1"}

    def test_without_a_source_the_interfaces_address(self, system: WithIp) -> None:
        system.answers["route"] = [{"dst": "default", "gateway": "192.0.2.1", "dev": "eth0"}]
        info = [{"family": "inet", "local": "192.0.2.7", "prefixlen": 24, "scope": "global"}]
        system.answers["address"] = [{"ifname": "eth0", "addr_info": info}]
        found = network.default_ipv4(system)
        assert found is not None
        assert found["address"] == "192.0.2.7"

    def test_without_ip_from_proc(self, system: WithIp, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(network, "_source_address", lambda towards: f"towards {towards}")
        put(system, "/proc/net/route", ROUTE)
        system.failing["ip"] = "not found"
        expected = {"address": "towards 192.0.2.1", "interface": "eth0", "gateway": "192.0.2.1"}
        assert network.default_ipv4(system) == expected

    def test_none(self, system: WithIp) -> None:
        assert network.default_ipv4(system) is None

    def test_an_ip_without_json(self, system: WithIp, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(system, "run", lambda *argv, **_: Completed(argv, 0, "default via 192.0.2.1", ""))
        assert network.default_ipv4(system) is None


class TestListening:
    def test_ports_with_their_addresses(self, system: WithIp) -> None:
        put(system, "/proc/net/tcp", TCP)
        put(system, "/proc/net/tcp6", TCP6)
        expected = {"22": ["0.0.0.0"], "2379": ["::1"], "6443": ["127.0.0.1", "::"]}
        assert network.listening(system) == expected

    def test_only_those_asked_for(self, system: WithIp) -> None:
        put(system, "/proc/net/tcp", TCP)
        assert network.listening(system, [6443, 10250]) == {"6443": ["127.0.0.1"]}


class TestMachine:
    def test_os_release(self, system: WithIp) -> None:
        put(
            system,
            "/etc/os-release",
            'ID=rocky\nVERSION_ID="9.4"\nID_LIKE="rhel fedora"\nPRETTY_NAME="Rocky Linux 9.4"\n',
        )
        expected = {"id": "rocky", "version_id": "9.4", "id_like": "rhel fedora", "pretty": "Rocky Linux 9.4"}
        assert host.operating_system(system) == expected

    def test_without_os_release(self, system: WithIp) -> None:
        assert host.operating_system(system)["id"] == ""

    def test_swap(self, system: WithIp) -> None:
        put(system, "/proc/meminfo", "MemTotal:  1000 kB\nSwapTotal:       2048 kB\n")
        assert host.memory(system, "SwapTotal") == 2048
        assert host.memory(system, "Absent") == 0

    def test_cgroup(self, system: WithIp) -> None:
        assert host.cgroup_version(system) == "v1"
        put(system, "/sys/fs/cgroup/cgroup.controllers", "cpu memory")
        assert host.cgroup_version(system) == "v2"

    def test_free_bytes_of_a_path_that_is_not_there(self, system: WithIp) -> None:
        free = host.disk_free(system, ["/", "/var/lib/etcd"])
        assert free["/var/lib/etcd"] > 0
        assert set(free) == {"/", "/var/lib/etcd"}

    def test_the_ssh_client_through_sudo(self, system: WithIp) -> None:
        """sudo drops the variable; a shell above it still has it."""
        put(system, f"/proc/{os.getpid()}/status", "Name:\tpython3\nPPid:\t70\n")
        put(system, f"/proc/{os.getpid()}/environ", "SUDO_USER=admin\0")
        put(system, "/proc/70/status", "Name:\tsudo\nPPid:\t60\n")
        put(system, "/proc/60/environ", "SSH_CONNECTION=192.0.2.99 50000 192.0.2.1 22\0HOME=/\0")
        assert host.ssh_client(system) == "192.0.2.99"

    def test_no_ssh(self, system: WithIp) -> None:
        assert host.ssh_client(system) == ""


class TestKubernetes:
    def test_a_new_machine(self, system: WithIp) -> None:
        found = kubernetes.kubernetes(system)
        assert not any(found.values())
        assert kubernetes.own_record(system)["present"] is False

    def test_a_node_that_another_made(self, system: WithIp) -> None:
        """A kubelet.conf and no manifest of ours: I10 lets it be looked at only."""
        put(system, "/etc/kubernetes/kubelet.conf", "x")
        put(system, "/etc/kubernetes/manifests/etcd.yaml", "x")
        put(system, "/var/lib/etcd/member/wal/0.wal", "x")
        put(system, "/var/lib/kubelet/kubeadm-flags.env", "KUBELET_KUBEADM_ARGS=x\n")
        system.running.add("kubelet")
        assert kubernetes.kubernetes(system) == {
            "kubelet_conf": True,
            "admin_conf": False,
            "manifests": ["etcd.yaml"],
            "etcd_data": True,
            "kubelet_active": True,
            "kubeadm_flags": "KUBELET_KUBEADM_ARGS=x",
        }
        assert kubernetes.own_record(system)["present"] is False

    def test_a_node_of_ours(self, system: WithIp) -> None:
        put(system, "/etc/kubewright/manifest.json", '{"format": 1, "record": {"cluster": "demo"}, "resources": {}}')
        own = kubernetes.own_record(system)
        assert (own["present"], own["record"], own["damaged"]) == (True, {"cluster": "demo"}, "")

    def test_a_busy_node(self, system: WithIp) -> None:
        with locks.hold(system, "join"):
            holder = locks.holder(system)
        assert holder is not None
        assert holder["action"] == "join"
