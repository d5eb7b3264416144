"""The process that begins with the command: what would be started otherwise, and it never outlives the command."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from kubewright.engine.early import IMPORTED

ROOT = Path(__file__).parents[3]
BEGUN = """
import json, os, sys, termios, time
from kubewright.engine import early
inherited = os.open("/dev/null", os.O_RDONLY)
os.set_inheritable(inherited, True)
early.begin()
(waiting,) = early._waiting
"""
ORDERED = """
def output(terminal):
    text = b""
    while True:
        try:
            more = os.read(terminal, 65536)
        except OSError:  # its other end is closed
            return text.decode()
        text += more

pid, terminal = early.order(sys.argv[1:], dict(os.environ, MARK="told"), {folder!r})
text = output(terminal)
_, status = os.waitpid(pid, 0)
print(json.dumps({{"output": text, "status": os.waitstatus_to_exitcode(status)}}))
"""
PLAY = """
- hosts: localhost
  gather_facts: false
  tasks:
    - ansible.builtin.debug:
        msg: "folder={{ lookup('pipe', 'pwd') }} mark={{ lookup('env', 'MARK') }} home={{ lookup('env', 'HOME') }}"
    - ansible.builtin.fail:
      when: fail | default(false)
"""


def start(program: str, *arguments: str, **options: Any) -> subprocess.Popen[str]:
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "src"), "ANSIBLE_NOCOLOR": "1"}
    command = [sys.executable, "-c", program, *arguments]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment, **options)


def answer(program: str, *arguments: str) -> Any:
    process = start(program, *arguments)
    output, _ = process.communicate(timeout=60)
    assert process.returncode == 0
    return json.loads(output)


def until(condition: Callable[[], bool], seconds: float = 10) -> bool:
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


def runs(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_nothing_that_is_imported_early_reads_settings() -> None:
    """Ansible's settings are read where its constants are imported; the environment is another one by then."""
    program = f"""
import importlib, json, sys
for name in {IMPORTED!r}:
    importlib.import_module(name)
print(json.dumps(sorted(sys.modules)))
"""
    modules = answer(program)
    assert not {"ansible.constants", "ansible.utils.display", "ansible.cli", "ansible.plugins.loader"} & set(modules)
    assert not [name for name in modules if name.startswith("kubewright.engine.actions")]


class TestOrdered:
    def run(self, tmp_path: Path, *arguments: str) -> Any:
        (tmp_path / "play.yml").write_text(PLAY)
        return answer(BEGUN + ORDERED.format(folder=str(tmp_path)), "-i", "localhost,", "-c", "local", *arguments)

    def test_it_runs_a_playbook_in_its_folder_with_its_environment(self, tmp_path: Path) -> None:
        done = self.run(tmp_path, "play.yml")
        assert done["status"] == 0, done["output"]
        assert f"folder={tmp_path} mark=told home={os.environ['HOME']}" in done["output"]

    def test_its_status_is_ansibles(self, tmp_path: Path) -> None:
        assert self.run(tmp_path, "play.yml", "-e", '{"fail": true}')["status"] == 2
        assert self.run(tmp_path, "nowhere.yml")["status"] == 1

    def test_settings_are_those_that_it_is_told(self, tmp_path: Path) -> None:
        program = BEGUN + ORDERED.format(folder=str(tmp_path)).replace('MARK="told"', 'ANSIBLE_FORKS="seven"')
        done = answer(program, "--version")
        assert done["status"] != 0
        assert "seven" in done["output"]


class TestWaiting:
    def test_it_ends_with_a_command_that_has_no_playbook(self) -> None:
        pid = answer(BEGUN + "print(waiting.pid)")
        assert until(lambda: not runs(pid))

    def test_it_ends_with_a_command_that_is_killed(self) -> None:
        process = start(BEGUN + "print(waiting.pid, flush=True); time.sleep(60)")
        assert process.stdout is not None
        pid = int(process.stdout.readline())
        children = Path(f"/proc/{pid}/task/{pid}/children")
        assert until(lambda: bool(children.read_text().split()))
        (ansible,) = map(int, children.read_text().split())
        process.kill()
        process.communicate()
        assert until(lambda: not runs(pid) and not runs(ansible))

    def test_where_it_was_killed_there_is_none(self) -> None:
        end = """
os.kill(waiting.pid, 15)
time.sleep(0.5)
print(json.dumps(early.order([], {}, "/")))
"""
        assert answer(BEGUN + end) is None

    def test_where_there_are_no_terminals_none_is_begun(self) -> None:
        program = """
import json, os, pty
from kubewright.engine import early
def fork():
    raise OSError("out of pty devices")
pty.fork = fork
before = sorted(os.listdir("/proc/self/fd"))
early.begin()
print(json.dumps([early.order([], {}, "/"), sorted(os.listdir("/proc/self/fd")) == before]))
"""
        assert answer(program) == [None, True]

    def test_it_is_taken_once(self) -> None:
        assert answer(BEGUN + "early._waiting.clear(); print(json.dumps(early.order([], {}, '/')))") is None

    def test_it_has_nothing_of_the_commands_but_its_order(self) -> None:
        look = """
fd = f"/proc/{waiting.pid}/fd"
def links():
    return {name: os.readlink(f"{fd}/{name}") for name in os.listdir(fd)}
deadline = time.monotonic() + 10
while any(link == "/dev/null" for link in links().values()) and time.monotonic() < deadline:
    time.sleep(0.05)
echo = bool(termios.tcgetattr(waiting.terminal)[3] & termios.ECHO)
print(json.dumps([links(), echo]))
"""
        links, echo = answer(BEGUN + look)
        assert {links[number].rpartition("/")[0] for number in "012"} == {"/dev/pts"}
        others = [link.partition(":")[0] for number, link in links.items() if number not in "012"]
        assert sorted(set(others)) in (["anon_inode", "pipe"], ["pipe"])
        assert others.count("pipe") == 1
        assert not echo

    def test_a_lost_terminal_does_not_end_it(self) -> None:
        ignored = """
deadline = time.monotonic() + 10
def ignored():
    lines = open(f"/proc/{waiting.pid}/task/{waiting.pid}/children").read().split()
    masks = [line.split()[1] for pid in lines for line in open(f"/proc/{pid}/status") if line.startswith("SigIgn")]
    return bool(masks) and all(int(mask, 16) & 1 for mask in masks)
while not ignored() and time.monotonic() < deadline:
    time.sleep(0.05)
print(json.dumps(ignored()))
"""
        assert answer(BEGUN + ignored) is True


@pytest.mark.parametrize(("arguments", "begins"), [(("plan",), True), (("plan", "--help"), False), (("lab",), False)])
def test_verbs_that_run_a_playbook_begin_it(arguments: tuple[str, ...], *, begins: bool) -> None:
    program = """
import json, sys
from kubewright import __main__
from kubewright.engine import early
begun = []
early.begin = lambda: begun.append(True)
__main__.run_quickly = lambda _program: None
__main__.run()
print(json.dumps(bool(begun)))
"""
    assert answer(program, *arguments) is begins


def test_it_has_a_session_of_its_own() -> None:
    """A Ctrl-C at the terminal reaches the command, which decides."""
    session = "print(json.dumps([os.getsid(waiting.pid) == waiting.pid, os.getsid(0) == waiting.pid]))"
    assert answer(BEGUN + "time.sleep(0.3)\n" + session) == [True, False]
