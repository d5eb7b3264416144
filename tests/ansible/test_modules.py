"""The modules run under Ansible itself, packed as they are for a real node."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A directory for Ansible's own files, so that nothing of the user's is read or written."""
    (tmp_path / "ansible.cfg").write_text("")
    return tmp_path


def ansible(home: Path, *arguments: str) -> dict[str, Any]:
    """Run a module on this machine; its result."""
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
        [str(program), "localhost", "-c", "local", *python, *arguments],
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
        facts = ansible(home, "-m", "kubewright.cluster.probe", "-a", "ports=22")["facts"]
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
    def arguments(self, home: Path, **more: Any) -> str:
        file = {"type": "file", "id": "f", "path": str(home / "made"), "content": "made\n"}
        return json.dumps({"document": {"format": 1, "host": "localhost", "resources": [file]}, **more})

    def test_check_mode_tells_and_changes_nothing(self, home: Path) -> None:
        """Run in check mode only: the manifest and the lock of the machine that runs the tests are its own."""
        result = ansible(home, "-m", "kubewright.cluster.converge", "--check", "-a", self.arguments(home))
        assert result["changed"] is True
        assert [change["action"] for change in result["changes"]] == ["create"]
        assert not (home / "made").exists()

    def test_an_error_has_its_parts_and_no_arguments(self, home: Path) -> None:
        arguments = json.dumps({"document": {"format": 9, "resources": []}})
        result = ansible(home, "-m", "kubewright.cluster.converge", "--check", "-a", arguments)
        assert result["error"]["subject"] == "node document"
        assert result["error"]["exit_code"] == 3
        assert "module_args" not in result.get("invocation", {})
