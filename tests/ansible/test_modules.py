"""The module runs under Ansible itself, packed as it is for a real node."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
MODULE = "kubewright.cluster.node"


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A directory for Ansible's own files, so that nothing of the user's is read or written."""
    (tmp_path / "ansible.cfg").write_text("")
    return tmp_path


def ansible(home: Path, call: dict[str, Any], *options: str) -> dict[str, Any]:
    """Run the module on this machine; its result."""
    environment = {
        "ANSIBLE_CONFIG": str(home / "ansible.cfg"),
        "ANSIBLE_COLLECTIONS_PATH": str(ROOT / "src"),
        "ANSIBLE_HOME": str(home),
        "ANSIBLE_LOCALHOST_WARNING": "false",
        "ANSIBLE_INVENTORY_UNPARSED_WARNING": "false",
        "ANSIBLE_NOCOLOR": "true",
        "ANSIBLE_CALLBACK_RESULT_FORMAT": "json",
        "ANSIBLE_LOAD_CALLBACK_PLUGINS": "true",
        "ANSIBLE_STDOUT_CALLBACK": "ansible.builtin.minimal",
        "HOME": str(home),
        "PATH": os.environ["PATH"],
    }
    python = ["-e", json.dumps({"ansible_python_interpreter": sys.executable})]
    program = Path(sys.executable).with_name("ansible")
    done = subprocess.run(
        [str(program), "localhost", "-c", "local", *python, "-m", MODULE, "-a", json.dumps(call), *options],
        capture_output=True,
        text=True,
        env=environment,
        timeout=120,
        check=False,
    )
    assert "=>" in done.stdout, done.stdout + done.stderr
    value: dict[str, Any] = json.loads(done.stdout[done.stdout.index("=>") + 2 :])
    return value


class TestProbe:
    def test_facts_of_this_machine(self, home: Path) -> None:
        facts = ansible(home, {"probe": {"ports": [22]}})["facts"]
        assert facts["architecture"] in {"amd64", "arm64"}
        assert facts["python"] == sys.version.split()[0]
        assert facts["disk_free"]["/"] > 0
        assert facts["uid"] == os.geteuid()
        assert set(facts["listening_ports"]) <= {"22"}
        assert set(facts) == {
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


class TestConverge:
    def test_check_mode_tells_and_changes_nothing(self, home: Path) -> None:
        """Run in check mode only: the manifest and the lock of the machine that runs the tests are its own."""
        file = {"type": "file", "id": "f", "path": str(home / "made"), "content": "made\n"}
        document = {"format": 1, "host": "localhost", "resources": [file]}
        result = ansible(home, {"converge": {"document": document}}, "--check")
        assert result["changed"] is True
        assert [change["action"] for change in result["changes"]] == ["create"]
        assert not (home / "made").exists()

    def test_an_error_has_its_parts_and_no_arguments(self, home: Path) -> None:
        result = ansible(home, {"converge": {"document": {"format": 9, "resources": []}}}, "--check")
        assert result["error"]["subject"] == "node document"
        assert result["error"]["exit_code"] == 3
        assert "module_args" not in result.get("invocation", {})


class TestCalls:
    def test_one_is_named(self, home: Path) -> None:
        assert "one of the following is required" in ansible(home, {"probes": {}})["msg"]
        assert "mutually exclusive" in ansible(home, {"probe": {}, "cluster_state": {}})["msg"]

    def test_an_argument_that_it_does_not_have_is_refused(self, home: Path) -> None:
        assert "Unsupported parameters" in ansible(home, {"probe": {"prots": [22]}})["msg"]

    def test_secrets_among_the_arguments_are_hidden(self, home: Path) -> None:
        """Its arguments are one option's, and still each is as secret as it says."""
        join = {"node_name": "w1", "config": "", "discovery": "key-of-the-kingdom", "endpoint": "", "timeout": "soon"}
        result = ansible(home, {"kubeadm_join": join}, "-vvv")
        assert "timeout" in result["msg"]
        assert "key-of-the-kingdom" not in json.dumps(result)
