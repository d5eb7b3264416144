"""What killed labs leave is told from what is another's."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from kubewright.lab import _leftovers

IDENTITY = "kubewright-abc123-big"


@pytest.fixture
def listed(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    entries: list[dict[str, Any]] = []
    monkeypatch.setattr(_leftovers, "podman_json", lambda *arguments: entries)
    return entries


def entry(name: str, state: str = "running", pid: int = 0) -> dict[str, Any]:
    return {"Id": "0" * 64, "Names": [name], "State": state, "Pid": pid}


class TestContainers:
    @pytest.mark.parametrize(
        "name", ["kubewright-abc123-big-2-cp1", "kubewright-fff000-big-cp1", "big-cp1", "kubewright-abc123-big-cp1x"]
    )
    def test_those_of_other_labs_and_checkouts_are_not_ours(self, listed: list[dict[str, Any]], name: str) -> None:
        listed += [entry(name), entry("kubewright-abc123-big-cp1")]
        assert list(_leftovers.containers(IDENTITY)) == ["kubewright-abc123-big-cp1"]

    def test_one_whose_process_is_gone_was_killed(self, listed: list[dict[str, Any]]) -> None:
        listed.append(entry(f"{IDENTITY}-w1", pid=0))
        assert _leftovers.containers(IDENTITY)[f"{IDENTITY}-w1"].killed

    def test_one_whose_process_id_is_anothers_now_was_killed(self, listed: list[dict[str, Any]]) -> None:
        listed.append(entry(f"{IDENTITY}-w1", pid=os.getpid()))
        assert _leftovers.containers(IDENTITY)[f"{IDENTITY}-w1"].killed

    @pytest.mark.parametrize("state", ["exited", "created", "storage"])
    def test_one_that_was_stopped_was_not_killed(self, listed: list[dict[str, Any]], state: str) -> None:
        listed.append(entry(f"{IDENTITY}-w1", state))
        container = _leftovers.containers(IDENTITY)[f"{IDENTITY}-w1"]
        assert not container.killed
        assert not container.alive


class TestOrphans:
    @staticmethod
    def process(proc: Path, number: int, *command: str) -> None:
        directory = proc / str(number)
        directory.mkdir()
        (directory / "cmdline").write_bytes(b"\0".join(word.encode() for word in command) + b"\0")

    def test_commands_that_change_the_lab_are_found(self, tmp_path: Path) -> None:
        self.process(tmp_path, 11, "podman", "--runtime", "runc", "start", f"{IDENTITY}-cp1")
        self.process(tmp_path, 12, "/usr/bin/podman", "create", f"--name={IDENTITY}-w2", "image")
        self.process(tmp_path, 13, "podman", "network", "create", f"{IDENTITY}-a0f1")
        assert sorted(_leftovers.orphans(IDENTITY, tmp_path)) == [11, 12, 13]

    def test_others_are_not(self, tmp_path: Path) -> None:
        self.process(tmp_path, 21, "podman", "exec", f"{IDENTITY}-cp1", "bash")
        self.process(tmp_path, 22, "podman", "start", f"{IDENTITY}-2-cp1")
        self.process(tmp_path, 23, "/usr/bin/conmon", "-n", f"{IDENTITY}-cp1")
        self.process(tmp_path, 24, "")
        (tmp_path / "25").mkdir()
        assert _leftovers.orphans(IDENTITY, tmp_path) == []


class TestControlGroups:
    def test_those_of_exactly_this_container_are_found_and_removed_innermost_first(self, tmp_path: Path) -> None:
        (tmp_path / "pids/libpod_parent/libpod-aa/kubepods/pod1").mkdir(parents=True)
        (tmp_path / "machine.slice/libpod-aa.scope").mkdir(parents=True)
        (tmp_path / "pids/libpod_parent/libpod-aab").mkdir()
        found = _leftovers.cgroups("aa", tmp_path)
        assert [group.name for group in found] == ["libpod-aa"]
        for group in found:
            _leftovers.remove_cgroup(group)
        assert [path.name for path in (tmp_path / "pids/libpod_parent").iterdir()] == ["libpod-aab"]
