"""The leash: what Ansible runs does not outlive kubewright, however that ends."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from kubewright.engine import leash

SOURCE = Path(leash.__file__).parents[2]
DEADLINE_SECONDS = leash.GRACE_SECONDS + 8
# A tree as Ansible's: a main process, a fork in its group, and one in a session of its own that main ends on SIGTERM.
TREE = """
import signal, subprocess, sys, time
sleep = [sys.executable, "-c", "import time; time.sleep(300)"]
children = [subprocess.Popen(sleep), subprocess.Popen(sleep, start_new_session=True)]
def end(number, frame):
    for child in children:
        child.kill()
        child.wait()
    sys.exit(143)
signal.signal(signal.SIGTERM, end)
print(*(child.pid for child in children), flush=True)
time.sleep(300)
"""
STUBBORN = """
import signal, subprocess, sys, time
ignore = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print(1, flush=True); time.sleep(300)"
child = subprocess.Popen([sys.executable, "-c", ignore], stdout=subprocess.PIPE)
child.stdout.readline()
signal.signal(signal.SIGTERM, signal.SIG_IGN)
print(child.pid, flush=True)
time.sleep(300)
"""


def start(parent: int, *command: str, **environment: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "kubewright.engine.leash", str(parent), *command],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(SOURCE), **environment},
        start_new_session=True,
    )


@pytest.fixture
def parent() -> Iterator[subprocess.Popen[bytes]]:
    """A process that stands for kubewright."""
    process = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(300)"])
    yield process
    process.kill()
    process.wait()


def alive(pid: int) -> bool:
    """Whether a process runs; one that ended and that nobody has awaited does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def assert_gone(*pids: int) -> None:
    deadline = time.monotonic() + DEADLINE_SECONDS
    while any(alive(pid) for pid in pids):
        assert time.monotonic() < deadline, f"of {pids} still run: {[pid for pid in pids if alive(pid)]}"
        time.sleep(0.02)


def first_line(process: subprocess.Popen[str]) -> list[int]:
    assert process.stdout is not None
    return [int(word) for word in process.stdout.readline().split()]


class TestExitStatus:
    @pytest.mark.parametrize("status", [0, 1, 2, 4, 250])
    def test_is_the_commands(self, status: int) -> None:
        with start(os.getpid(), "sh", "-c", f"exit {status}") as process:
            assert process.wait(timeout=30) == status

    def test_output_is_the_commands(self) -> None:
        with start(os.getpid(), "echo", "two words", "$HOME") as process:
            assert process.communicate(timeout=30)[0] == "two words $HOME\n"

    def test_of_a_killed_command_is_none_of_success(self) -> None:
        with start(os.getpid(), "sh", "-c", "kill -9 $$") as process:
            assert process.wait(timeout=30) != 0

    def test_without_a_parent_nothing_is_started(self, tmp_path: Path) -> None:
        gone = subprocess.Popen(["true"])
        gone.wait()
        with start(gone.pid, "touch", str(tmp_path / "made")) as process:
            assert process.wait(timeout=30) == 1
        assert not (tmp_path / "made").exists()


class TestParentKilled:
    def test_the_whole_tree_ends(self, parent: subprocess.Popen[bytes]) -> None:
        """The leash, the command, its fork and its fork in another session."""
        with start(parent.pid, sys.executable, "-c", TREE) as process:
            children = first_line(process)
            assert len(children) == 2
            assert all(alive(pid) for pid in children)
            parent.kill()
            parent.wait()
            assert_gone(process.pid, *children)

    def test_a_parent_that_nobody_awaited_counts_as_gone(self, parent: subprocess.Popen[bytes]) -> None:
        with start(parent.pid, sys.executable, "-c", TREE) as process:
            children = first_line(process)
            parent.kill()
            assert_gone(process.pid, *children)

    def test_what_ignores_the_polite_signal_ends_too(self, parent: subprocess.Popen[bytes]) -> None:
        with start(parent.pid, sys.executable, "-c", STUBBORN) as process:
            children = first_line(process)
            parent.kill()
            parent.wait()
            assert_gone(process.pid, *children)


def test_what_orphans_took_is_counted() -> None:
    """As of a fork of one of Ansible's workers, which has ended before the run does."""
    burn = "import time\nwhile time.process_time() < 0.5: pass\nprint(1, flush=True)"
    orphan = f"import subprocess, sys; subprocess.Popen([sys.executable, '-c', {burn!r}])"
    code = f"import subprocess, sys\nsubprocess.run([sys.executable, '-c', {orphan!r}], stdout=subprocess.PIPE)"
    # The pipe is open until the orphan has ended, too.
    with start(os.getpid(), sys.executable, "-c", code) as leashed:
        _process, status, usage = os.wait4(leashed.pid, 0)
        leashed.returncode = os.waitstatus_to_exitcode(status)
    assert leashed.returncode == 0
    assert usage.ru_utime + usage.ru_stime > 0.5


def test_ansible_itself_ends_with_its_forks(parent: subprocess.Popen[bytes], tmp_path: Path) -> None:
    """Its forks are in sessions of their own, so a signal to the group of the main process does not reach them."""
    (tmp_path / "ansible.cfg").touch()
    started = tmp_path / "started"
    command = f"echo $$ > {started}.part; mv {started}.part {started}; sleep 300; true"
    play = {"hosts": "all", "gather_facts": False, "tasks": [{"ansible.builtin.raw": command}]}
    (tmp_path / "play.json").write_text(json.dumps([play]))
    ansible = str(Path(sys.executable).with_name("ansible-playbook"))
    arguments = ("-i", "a,b,", "-c", "local", str(tmp_path / "play.json"))
    environment = {"ANSIBLE_CONFIG": str(tmp_path / "ansible.cfg"), "ANSIBLE_HOME": str(tmp_path)}
    with start(parent.pid, ansible, *arguments, **environment) as process:
        deadline = time.monotonic() + 60
        while not started.exists():
            assert time.monotonic() < deadline, "the play did not begin"
            time.sleep(0.02)
        tree = descendants(process.pid)
        assert len(tree) >= 4, tree
        parent.kill()
        assert_gone(process.pid, *tree)


def descendants(pid: int) -> list[int]:
    """All processes below one, in whatever session."""
    parents: dict[int, int] = {}
    for entry in Path("/proc").glob("[0-9]*/stat"):
        try:
            parents[int(entry.parent.name)] = int(entry.read_text().rpartition(")")[2].split()[1])
        except (FileNotFoundError, ProcessLookupError):
            continue  # it ended meanwhile
    found = [pid]
    for known in found:
        found.extend(child for child, above in parents.items() if above == known)
    return found[1:]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_signal_to_the_leash_ends_the_command(number: signal.Signals) -> None:
    with start(os.getpid(), sys.executable, "-c", STUBBORN.replace("SIG_IGN", "SIG_DFL")) as process:
        children = first_line(process)
        process.send_signal(number)
        assert process.wait(timeout=DEADLINE_SECONDS) != 0
        assert_gone(*children)
