"""What of this machine shapes a lab."""

from __future__ import annotations

import os
from ipaddress import IPv4Network
from pathlib import Path

import pytest

from kubewright.errors import BadInputError
from kubewright.lab import _host
from kubewright.lab._host import CgroupMode


class TestTools:
    def test_what_is_missing_is_told_with_the_line_that_installs_it(
        self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        monkeypatch.setattr(os, "geteuid", lambda: 0)
        monkeypatch.setattr(_host, "_TOOL_DIRECTORIES", ())
        for command in _host._TOOLS:
            if command not in ("runc", "ssh", "ssh-keygen"):
                (tmp_path / command).touch(mode=0o755)
        monkeypatch.setenv("PATH", str(tmp_path))
        with pytest.raises(BadInputError, match=r"runc, ssh, ssh-keygen not found.*install -y openssh-client runc$"):
            _host.require_tools()

    def test_others_than_root_are_told(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(os, "geteuid", lambda: 1000)
        with pytest.raises(BadInputError, match="as root"):
            _host.require_tools()


class TestCgroups:
    def test_v2_is_told_by_its_root(self, tmp_path: Path) -> None:
        (tmp_path / "cgroup.controllers").touch()
        assert _host.cgroup_mode(tmp_path) is CgroupMode.V2

    def test_hybrid_counts_as_v1(self, tmp_path: Path) -> None:
        (tmp_path / "unified").mkdir()
        (tmp_path / "unified" / "cgroup.controllers").touch()
        assert _host.cgroup_mode(tmp_path) is CgroupMode.V1


class TestInotify:
    def test_a_limit_that_is_too_low_is_raised_and_told(self, tmp_path: Path) -> None:
        setting, said = tmp_path / "max_user_instances", list[str]()
        setting.write_text("128\n")
        _host.raise_inotify_limit(said.append, setting)
        assert setting.read_text() == "1024\n"
        assert said == ["fs.inotify.max_user_instances raised from 128 to 1024, until this machine restarts"]

    def test_a_higher_one_is_left(self, tmp_path: Path) -> None:
        setting, said = tmp_path / "max_user_instances", list[str]()
        setting.write_text("8192\n")
        _host.raise_inotify_limit(said.append, setting)
        assert (setting.read_text(), said) == ("8192\n", [])

    def test_where_it_cannot_be_raised_the_command_is_told(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        setting, said = tmp_path / "max_user_instances", list[str]()
        setting.write_text("128\n")

        def refuse(*_: object) -> None:
            raise PermissionError(13, "Permission denied")

        monkeypatch.setattr(Path, "write_text", refuse)
        _host.raise_inotify_limit(said.append, setting)
        assert "sysctl -w fs.inotify.max_user_instances=1024" in said[0]


class TestNameServers:
    def test_the_first_file_with_a_usable_one_serves(self, tmp_path: Path) -> None:
        stub, real = tmp_path / "stub", tmp_path / "real"
        stub.write_text("# managed\nnameserver 127.0.0.53\noptions edns0\n")
        real.write_text("nameserver 192.0.2.53\nnameserver fe80::1%eth0\nsearch example.org\n")
        assert _host.nameservers((stub, tmp_path / "none", real)) == ("192.0.2.53", "fe80::1%eth0")

    def test_there_may_be_none(self, tmp_path: Path) -> None:
        assert _host.nameservers((tmp_path / "none",)) == ()


class TestSubnets:
    def test_none_that_is_given_overlaps_one_that_is_taken(self) -> None:
        taken = [IPv4Network("172.28.0.0/23"), IPv4Network("172.30.0.0/15"), IPv4Network("172.28.3.128/25")]
        free = list(_host.free_subnets(taken))
        assert str(free[0]) == "172.28.2.0/24"
        assert str(free[1]) == "172.28.4.0/24"
        assert not any(subnet.overlaps(other) for subnet in free for other in taken)

    def test_none_is_among_the_default_networks_of_a_cluster(self) -> None:
        defaults = [IPv4Network("10.233.0.0/16"), IPv4Network("10.96.0.0/12"), IPv4Network("10.244.0.0/16")]
        assert not any(subnet.overlaps(other) for subnet in _host.free_subnets([]) for other in defaults)
