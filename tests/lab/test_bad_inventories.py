"""Inventories and settings that cannot be: refused by the command before any host is contacted.

The hosts of these inventories refuse connections, so that a command which went on would end with another exit code.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.lab.support.commands import Result, run

pytestmark = pytest.mark.lab

BAD_INPUT = 3
USAGE = 64

# Port 1 of the loopback network answers nobody.
_HOSTS = """\
[all:vars]
ansible_port=1
kube_network_plugin=flannel
etcd_deployment_type=kubeadm
kube_proxy_mode=iptables
{settings}

[kube_control_plane]
{control_plane}

[etcd:children]
kube_control_plane

[kube_node]
{workers}

[k8s_cluster:children]
kube_control_plane
kube_node
"""
CP1 = "cp1 ansible_host=127.0.0.11 ip=198.51.100.11"
W1 = "w1 ansible_host=127.0.0.12 ip=198.51.100.12"


def deploy(folder: Path, *, settings: str = "", control_plane: str = CP1, workers: str = W1) -> Result:
    """Write an inventory and deploy it."""
    text = _HOSTS.format(settings=settings, control_plane=control_plane, workers=workers)
    return deploy_text(folder, text)


def deploy_text(folder: Path, text: str) -> Result:
    """Deploy an inventory with this text."""
    inventory = folder / "hosts.ini"
    inventory.write_text(text)
    return run(("kubewright", "deploy", "-i", str(inventory)), timeout=120)


def assert_refused(result: Result, *words: str, exit_code: int = BAD_INPUT) -> None:
    """The command ended with this exit code, on one screen, without a traceback, naming these words."""
    assert result.exit_code == exit_code, str(result)
    assert "Traceback" not in result.output, str(result)
    assert len(result.output.splitlines()) < 25, "an error has to fit on one screen"
    missing = [word for word in words if word not in result.output]
    assert not missing, f"{missing} not named\n{result}"


class TestGroups:
    """The groups that a cluster needs."""

    def test_no_control_plane_group(self, tmp_path: Path) -> None:
        text = _HOSTS.format(settings="", control_plane="", workers=W1)
        done = deploy_text(
            tmp_path, text.replace("[kube_control_plane]", "[others]").replace("kube_control_plane\n", "")
        )
        assert_refused(done, "kube_control_plane")

    def test_empty_control_plane_group(self, tmp_path: Path) -> None:
        assert_refused(deploy(tmp_path, control_plane=""), "kube_control_plane")

    def test_no_such_inventory(self, tmp_path: Path) -> None:
        done = run(("kubewright", "deploy", "-i", str(tmp_path / "nothing.ini")), timeout=60)
        assert_refused(done, "nothing.ini")


class TestHosts:
    """Names and addresses of hosts."""

    def test_two_hosts_with_one_address(self, tmp_path: Path) -> None:
        twin = "w1 ansible_host=127.0.0.12 ip=198.51.100.11"
        assert_refused(deploy(tmp_path, workers=twin), "cp1", "w1", "198.51.100.11")

    def test_a_name_that_is_no_dns_label(self, tmp_path: Path) -> None:
        bad = "Worker_1 ansible_host=127.0.0.12 ip=198.51.100.12"
        assert_refused(deploy(tmp_path, workers=bad), "Worker_1")


class TestNetworks:
    """Networks that must not overlap."""

    def test_pods_and_services(self, tmp_path: Path) -> None:
        settings = "kube_pods_subnet=10.233.0.0/17\nkube_service_addresses=10.233.64.0/18"
        assert_refused(deploy(tmp_path, settings=settings), "10.233.0.0/17", "10.233.64.0/18")

    def test_pods_and_nodes(self, tmp_path: Path) -> None:
        settings = "kube_pods_subnet=198.51.0.0/16"
        assert_refused(deploy(tmp_path, settings=settings), "198.51.0.0/16", "198.51.100.1")

    def test_services_and_nodes(self, tmp_path: Path) -> None:
        settings = "kube_service_addresses=198.51.100.0/24"
        assert_refused(deploy(tmp_path, settings=settings), "198.51.100.0/24")


class TestSettings:
    """Settings that kubewright does not know or honour."""

    def test_unknown_version(self, tmp_path: Path) -> None:
        assert_refused(deploy(tmp_path, settings="kube_version=1.2.3"), "1.2.3", "1.37.2")

    def test_a_setting_that_is_not_honoured_yet(self, tmp_path: Path) -> None:
        assert_refused(deploy(tmp_path, settings="kube_network_plugin=calico"), "kube_network_plugin", "calico")

    def test_a_value_of_the_wrong_kind(self, tmp_path: Path) -> None:
        assert_refused(deploy(tmp_path, settings="kube_apiserver_port=high"), "kube_apiserver_port", "high")


class TestCommandLine:
    """Arguments of the command itself."""

    def test_unknown_option(self) -> None:
        done = run(("kubewright", "deploy", "--no-such-option"), timeout=60)
        assert_refused(done, "--no-such-option", exit_code=USAGE)

    def test_limit_to_an_unknown_host(self, tmp_path: Path) -> None:
        inventory = tmp_path / "hosts.ini"
        inventory.write_text(_HOSTS.format(settings="", control_plane=CP1, workers=W1))
        done = run(("kubewright", "scale", "-i", str(inventory), "--limit", "w9"), timeout=120)
        assert_refused(done, "w9")
