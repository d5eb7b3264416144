"""The flags that make a container a node, and what tells one node from another."""

from __future__ import annotations

import stat
from ipaddress import IPv4Address
from pathlib import Path

import pytest

from kubewright.lab import _nodes
from kubewright.lab._nodes import Login
from tests.unit.lab.helpers import FIRST, SECOND, record


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for directory in ("etc/ssh", "etc/sudoers.d", "home/admin"):
        (tmp_path / directory).mkdir(parents=True)
    (tmp_path / "etc/shadow").write_text("root:*:19000:0:99999:7:::\nadmin:!:19000:0:99999:7:::\n")
    return tmp_path


class TestFlags:
    def test_podman_never_mounts_the_machines_own_systemd_hierarchy(self) -> None:
        flags = _nodes._create_flags(record(), record().node("w1"))
        assert "--systemd=false" in flags
        assert "--cgroupns=private" in flags

    def test_files_that_a_machine_can_replace_are_no_mounts(self) -> None:
        flags = _nodes._create_flags(record(), record().node("w1"))
        assert {"--no-hosts", "--dns=none"} <= set(flags)

    def test_each_network_has_its_interface_and_fixed_addresses(self) -> None:
        lab = record(networks=(FIRST, SECOND))
        networks = [flag for flag in _nodes._create_flags(lab, lab.node("w1")) if flag.startswith("--network")]
        assert networks == [
            "--network=kubewright-abc123-big-0001:ip=192.0.2.12,mac=02:6b:c0:00:02:0c,interface_name=eth0",
            "--network=kubewright-abc123-big-0002:ip=198.51.100.12,mac=02:6b:c6:33:64:0c,interface_name=eth1",
        ]

    def test_hardware_addresses_differ_as_addresses_do(self) -> None:
        assert _nodes.hardware_address(IPv4Address("10.0.0.1")) != _nodes.hardware_address(IPv4Address("10.0.1.0"))


class TestPreparation:
    def test_a_user_with_free_sudo(self, root: Path) -> None:
        shadow = (root / "etc/shadow").read_text()
        _nodes._prepare(root, record().node("w1"), Login("ssh-ed25519 AAAA lab"))
        assert (root / "etc/sudoers.d/admin").read_text() == "admin ALL=(ALL:ALL) NOPASSWD: ALL\n"
        assert (root / "home/admin/.ssh/authorized_keys").read_text() == "ssh-ed25519 AAAA lab\n"
        assert (root / "etc/shadow").read_text() == shadow
        assert (root / "etc/hostname").read_text() == "w1\n"

    def test_a_user_who_has_to_give_a_password(self, root: Path) -> None:
        _nodes._prepare(root, record().node("w1"), Login("ssh-ed25519 AAAA lab", "secret"))
        sudoers = root / "etc/sudoers.d/admin"
        assert sudoers.read_text() == "admin ALL=(ALL:ALL) ALL\n"
        assert stat.S_IMODE(sudoers.stat().st_mode) == 0o440
        other, admin = (root / "etc/shadow").read_text().splitlines()
        assert other == "root:*:19000:0:99999:7:::"
        assert admin.startswith("admin:$6$")
        assert admin.endswith(":19000:0:99999:7:::")
        assert "secret" not in admin

    def test_machine_ids_differ(self, root: Path) -> None:
        _nodes._prepare(root, record().node("w1"), Login("key"))
        first = (root / "etc/machine-id").read_text()
        (root / "home/admin/.ssh/authorized_keys").unlink()
        (root / "home/admin/.ssh").rmdir()
        _nodes._prepare(root, record().node("w1"), Login("key"))
        assert first != (root / "etc/machine-id").read_text()
