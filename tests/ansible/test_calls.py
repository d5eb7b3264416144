"""Calls under Ansible itself, packed as for a real node, by connections that take programs and by others."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
ACTION = """\
from kubewright.engine.actions.base import RunAction


class ActionModule(RunAction):
    def begin(self):
        args = self._task.args
        return {"answer": self.call(args["name"], args["arguments"], check=self._task.check_mode)}
"""
FACTS = {
    "addresses",
    "architecture",
    "busy",
    "cgroup",
    "cpus",
    "default_ipv4",
    "disk_free",
    "hostname",
    "kernel",
    "kubernetes",
    "kubewright",
    "listening_ports",
    "machine_id",
    "memory_total_kb",
    "os",
    "package_manager",
    "python",
    "ssh_client",
    "swap_total_kb",
    "systemd",
    "time",
    "uid",
}


class Machine:
    """This machine as a host of Ansible's; Ansible's own files are in a folder of the test."""

    def __init__(self, home: Path, *, pipelining: bool) -> None:
        self._home = home
        self._pipelining = pipelining
        (home / "action_plugins").mkdir()
        (home / "action_plugins" / "make_call.py").write_text(ACTION)
        (home / "ansible.cfg").write_text("")

    def call(self, name: str, arguments: dict[str, Any], *options: str, **environment: str) -> dict[str, Any]:
        """Have Ansible make a call here; the action's result."""
        task = {"make_call": {"name": name, "arguments": arguments}, "environment": environment}
        variables = {"ansible_pipelining": self._pipelining, "ansible_python_interpreter": sys.executable}
        play = {"hosts": "localhost", "connection": "local", "gather_facts": False, "vars": variables, "tasks": [task]}
        playbook = self._home / "play.yml"
        playbook.write_text(json.dumps([play]))
        done = subprocess.run(
            [str(Path(sys.executable).with_name("ansible-playbook")), str(playbook), *options],
            capture_output=True,
            text=True,
            env={
                "ANSIBLE_CONFIG": str(self._home / "ansible.cfg"),
                "ANSIBLE_HOME": str(self._home),
                "ANSIBLE_LOCALHOST_WARNING": "false",
                "ANSIBLE_INVENTORY_UNPARSED_WARNING": "false",
                "ANSIBLE_NOCOLOR": "true",
                # Writes each result to a file of the host's name.
                "ANSIBLE_CALLBACKS_ENABLED": "ansible.builtin.tree",
                "ANSIBLE_CALLBACK_TREE_DIR": str(self._home / "results"),
                "ANSIBLE_REMOTE_TMP": str(self._home / "remote"),
                "PYTHONPATH": str(ROOT / "src"),
                "HOME": str(self._home),
                "PATH": os.environ["PATH"],
            },
            timeout=120,
            check=False,
        )
        result = self._home / "results" / "localhost"
        assert result.exists(), done.stdout + done.stderr
        value: dict[str, Any] = json.loads(result.read_text())
        return value

    @property
    def left(self) -> list[str]:
        """What lies in the folder for temporary files of the connection."""
        remote = self._home / "remote"
        return sorted(path.name for path in remote.iterdir()) if remote.exists() else []


@pytest.fixture(params=[True, False], ids=["by its input", "by a file"])
def machine(tmp_path: Path, request: pytest.FixtureRequest) -> Machine:
    """This machine, reached either way."""
    return Machine(tmp_path, pipelining=request.param)


class TestProbe:
    def test_facts_of_this_machine(self, machine: Machine) -> None:
        facts = machine.call("probe", {"ports": [22]})["answer"]["facts"]
        assert set(facts) == FACTS
        assert facts["architecture"] in {"amd64", "arm64"}
        assert facts["python"] == sys.version.split()[0]
        assert facts["disk_free"]["/"] > 0
        assert facts["uid"] == os.geteuid()
        assert set(facts["listening_ports"]) <= {"22"}
        assert machine.left == []


class TestConverge:
    """In check mode only: the manifest and the lock of the machine that runs the tests are its own."""

    def test_check_mode_tells_and_changes_nothing(self, machine: Machine, tmp_path: Path) -> None:
        file = {"type": "file", "id": "f", "path": str(tmp_path / "made"), "content": "made\n"}
        document = {"format": 1, "host": "localhost", "resources": [file]}
        answer = machine.call("converge", {"document": document}, "--check")["answer"]
        assert answer["changed"] is True
        assert [change["action"] for change in answer["changes"]] == ["create"]
        assert not (tmp_path / "made").exists()

    def test_the_tasks_environment_is_the_calls(self, machine: Machine, tmp_path: Path) -> None:
        """Its commands have it: what the shell finds first on its path is not what the call finds."""
        (tmp_path / "dpkg-query").write_text('#!/bin/sh\necho "made-here:all $KIND"\n')
        (tmp_path / "dpkg-query").chmod(0o700)
        resource = {"type": "packages", "id": "p", "names": ["made-here"]}
        document = {"format": 1, "host": "localhost", "resources": [resource]}
        path = f"{tmp_path}:{os.environ['PATH']}"
        answer = machine.call("converge", {"document": document}, "--check", PATH=path, KIND="installed")["answer"]
        usual = any(Path(folder, "dpkg-query").exists() for folder in ("/usr/bin", "/bin", "/usr/sbin"))
        assert bool(answer["changes"]) is usual


class TestFailures:
    def test_an_error_keeps_its_parts(self, machine: Machine) -> None:
        result = machine.call("converge", {"document": {"format": 9, "resources": []}}, "--check")
        assert result["kubewright_error"]["subject"] == "host localhost, node document"
        assert machine.left == []

    def test_arguments_that_do_not_fit(self, machine: Machine) -> None:
        error = machine.call("probe", {"prots": [22]})["kubewright_error"]
        assert error["subject"] == "host localhost, call probe"
        assert "there is no argument prots" in error["cause"]

    def test_no_secret_is_told(self, machine: Machine) -> None:
        join = {"node_name": "w1", "config": "", "discovery": "key-of-the-kingdom", "endpoint": "", "timeout": "soon"}
        result = machine.call("kubeadm_join", join)
        assert "timeout" in result["msg"]
        assert "key-of-the-kingdom" not in json.dumps(result)

    def test_a_call_that_has_no_check_mode_is_skipped(self, machine: Machine) -> None:
        assert machine.call("clean_up", {}, "--check")["answer"] == {"changed": False, "skipped": True}
