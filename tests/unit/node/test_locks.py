"""The node lock is exclusive, tells who holds it, and outlives a killed holder only through its commands."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from ansible_collections.kubewright.cluster.plugins.module_utils import locks
from ansible_collections.kubewright.cluster.plugins.module_utils.errors import LOCKED, NodeError
from ansible_collections.kubewright.cluster.plugins.module_utils.process import System

HOLDER = """
import sys, time
from pathlib import Path
from ansible_collections.kubewright.cluster.plugins.module_utils import locks
from ansible_collections.kubewright.cluster.plugins.module_utils.process import System
system = System(Path(sys.argv[1]))
with locks.hold(system, "joining", run="r1"):
    print("held", flush=True)
    if sys.argv[2] == "command":
        system.run("sh", "-c", "echo $$ > %s/pid; exec sleep 60" % sys.argv[1])
    time.sleep(float(sys.argv[2]))
"""


def start_holder(root: Path, what: str) -> subprocess.Popen[str]:
    environment = dict(os.environ, PYTHONPATH=os.pathsep.join(sys.path))
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(root), what], stdout=subprocess.PIPE, text=True, env=environment
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    return process


def finish(process: subprocess.Popen[str]) -> None:
    process.kill()
    process.communicate()


class TestFree:
    def test_nobody_holds_it(self, tmp_path: Path) -> None:
        assert locks.holder(System(tmp_path)) is None

    def test_looking_makes_no_file(self, tmp_path: Path) -> None:
        """A machine that is another's is left without a trace."""
        with locks.look(System(tmp_path)) as held:
            assert held == locks.Held()
        assert list(tmp_path.iterdir()) == []

    def test_it_is_given_up_with_the_block(self, tmp_path: Path) -> None:
        system = System(tmp_path)
        for _ in range(2):
            with locks.hold(system, "converge", timeout=0) as held:
                assert held.waited == 0
                assert len(system.inherited) == 1
            assert system.inherited == []
        assert locks.holder(system) is None

    def test_a_holder_is_named(self, tmp_path: Path) -> None:
        system = System(tmp_path)
        with locks.hold(system, "converge", run="r7"):
            holder = locks.holder(system)
        assert holder is not None
        assert (holder["pid"], holder["action"], holder["run"]) == (os.getpid(), "converge", "r7")


class TestTaken:
    def test_a_wait_that_ends(self, tmp_path: Path) -> None:
        process = start_holder(tmp_path, "0.3")
        with locks.hold(System(tmp_path), "converge", timeout=20) as held:
            assert 0 < held.waited < 20
            assert held.waited_for is not None
            assert held.waited_for["action"] == "joining"
        finish(process)

    @pytest.mark.parametrize("way", ["hold", "look"])
    def test_a_wait_that_takes_too_long(self, tmp_path: Path, way: str) -> None:
        process = start_holder(tmp_path, "60")
        before = signal.getsignal(signal.SIGALRM)
        lock = (
            locks.hold(System(tmp_path), "x", timeout=0.1) if way == "hold" else locks.look(System(tmp_path), timeout=0)
        )
        with pytest.raises(NodeError, match=rf"by joining \(process {process.pid}\)") as caught, lock:
            pass
        assert caught.value.exit_code == LOCKED
        assert signal.getsignal(signal.SIGALRM) is before
        finish(process)

    def test_a_killed_holder_leaves_no_lock(self, tmp_path: Path) -> None:
        finish(start_holder(tmp_path, "60"))
        assert locks.holder(System(tmp_path)) is None

    def test_a_killed_holders_command_keeps_it(self, tmp_path: Path) -> None:
        """What still changes the node must not have a second run beside it."""
        process = start_holder(tmp_path, "command")
        pid_file = tmp_path / "pid"
        deadline = time.monotonic() + 20
        while not (pid_file.exists() and pid_file.read_text().strip()):
            assert time.monotonic() < deadline, "the command did not start"
            time.sleep(0.01)
        finish(process)
        try:
            holder = locks.holder(System(tmp_path))
            assert holder is not None
            assert holder["action"] == "joining"
        finally:
            os.kill(int(pid_file.read_text()), signal.SIGKILL)
        with locks.hold(System(tmp_path), "converge", timeout=20):
            pass
