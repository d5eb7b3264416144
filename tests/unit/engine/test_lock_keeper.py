"""The process that keeps the lock renewed: it lives as long as Ansible's main process, and tells of a loss."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from kubewright.engine.lock import HELD, LOST, UNSURE
from kubewright.engine.lock_keeper import Keeper, start_keeper
from kubewright.engine.record import Run
from kubewright.lifetime import process_start


@pytest.fixture
def run(tmp_path: Path) -> Run:
    return Run(tmp_path)


@pytest.fixture
def main() -> Iterator[subprocess.Popen[bytes]]:
    """Stands in for Ansible's main process."""
    with subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"]) as process:
        yield process
        process.kill()


def soon(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def keeper_process(run: Run) -> int:
    return int(run.read("lock_kept/cp1")["pid"])


def keep_for_ever(_action: str) -> str:
    time.sleep(60)
    return HELD


def test_it_ends_with_the_main_process(run: Run, main: subprocess.Popen[bytes], tmp_path: Path) -> None:
    def call(action: str) -> str:
        (tmp_path / "worker").write_text(str(os.getpid()))
        return keep_for_ever(action)

    start_keeper(Keeper(run=run, host="cp1", call=call, parent=main.pid, release=False))
    soon((tmp_path / "worker").exists)
    worker = int((tmp_path / "worker").read_text() or 0)
    assert process_start(keeper_process(run))
    assert run.read("lock_kept/cp1")["state"] == HELD
    main.kill()
    main.wait()
    soon(lambda: not process_start(keeper_process(run)) and not process_start(worker))


def test_a_loss_is_told(run: Run, main: subprocess.Popen[bytes]) -> None:
    start_keeper(Keeper(run=run, host="cp1", call=lambda _action: LOST, parent=main.pid, release=False))
    soon(lambda: run.read("lock_kept/cp1")["state"] == LOST)
    soon(lambda: "broken" in str(run.events()))


def test_a_broken_connection_is_made_again(run: Run, main: subprocess.Popen[bytes], tmp_path: Path) -> None:
    """One that breaks makes unsure until a short call shows that the lock is still ours."""

    def call(action: str) -> str:
        with (tmp_path / "calls").open("a") as stream:
            stream.write(f"{action} ")
        calls = (tmp_path / "calls").read_text().split()
        if action == "keep" and len(calls) > 1:
            return keep_for_ever(action)
        if len(calls) < 3:
            raise OSError("connection reset")
        return HELD

    start_keeper(Keeper(run=run, host="cp1", call=call, parent=main.pid, release=False))
    soon(lambda: run.read("lock_kept/cp1")["state"] == UNSURE)
    soon(lambda: (tmp_path / "calls").exists() and (tmp_path / "calls").read_text().endswith("keep renew renew keep "))
    assert run.read("lock_kept/cp1")["state"] == HELD


@pytest.mark.parametrize("release", [True, False])
def test_it_ends_when_the_lock_is_given_up(
    run: Run, main: subprocess.Popen[bytes], tmp_path: Path, *, release: bool
) -> None:
    def call(action: str) -> str:
        if action == "release":
            (tmp_path / "released").touch()
            return HELD
        return keep_for_ever(action)

    start_keeper(Keeper(run=run, host="cp1", call=call, parent=main.pid, release=release))
    run.write("lock_released", {})
    soon(lambda: not process_start(keeper_process(run)))
    assert (tmp_path / "released").exists() is release


def test_a_lock_that_is_being_given_up_is_not_lost(run: Run, main: subprocess.Popen[bytes]) -> None:
    run.write("lock_ending", {})
    start_keeper(Keeper(run=run, host="cp1", call=lambda _action: LOST, parent=main.pid, release=False))
    time.sleep(1.0)
    assert run.read("lock_kept/cp1")["state"] == HELD
    run.write("lock_released", {})
    soon(lambda: not process_start(keeper_process(run)))
    assert run.events() == []


def test_what_a_call_started_ends_with_it(run: Run, main: subprocess.Popen[bytes], tmp_path: Path) -> None:
    """Else the lock would be renewed for ever."""

    def call(_action: str) -> str:
        with subprocess.Popen(["sleep", "60"]) as ssh:
            (tmp_path / "ssh").write_text(str(ssh.pid))
        return HELD

    start_keeper(Keeper(run=run, host="cp1", call=call, parent=main.pid, release=False))
    soon(lambda: (tmp_path / "ssh").exists() and (tmp_path / "ssh").read_text() != "")
    ssh = int((tmp_path / "ssh").read_text())
    main.kill()
    main.wait()
    soon(lambda: not process_start(ssh) and not process_start(keeper_process(run)))
