"""Kill kubewright at a chosen moment, alone or with all that it started, and see that what is left stops by itself."""

from __future__ import annotations

import contextlib
import enum
import os
import signal
import subprocess
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from tests.lab.support.commands import Result
from tests.lab.support.waiting import wait_until

MARK = "KUBEWRIGHT_TEST_RUN"
"""Environment variable that everything a run starts on this machine inherits."""

MOMENT_SECONDS = 300.0
STOP_SECONDS = 15.0


class Victim(enum.StrEnum):
    """Who is killed."""

    COMMAND = "the command alone"
    TREE = "the whole process tree"


def kill_at(
    command: Sequence[str],
    moment: Callable[[], bool],
    *,
    what: str,
    victim: Victim,
    temporary: Path,
    at_once: Callable[[], None],
    delay: float = 0.0,
) -> Result:
    """Start a command and SIGKILL it once ``moment`` is true, then wait until nothing of it runs on this machine.

    Args:
        command: to start.
        moment: asked as often as possible while the command runs.
        what: the moment in words.
        victim: who is killed.
        temporary: folder for the command's temporary files.
        at_once: called right after the kill, before anything is waited for.
        delay: seconds between the moment and the kill.

    """
    mark = uuid.uuid4().hex
    started = time.monotonic()
    with tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace") as output:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            env={**os.environ, MARK: mark, "TMPDIR": str(temporary), "NO_COLOR": "1", "COLUMNS": "200"},
        )
        try:
            _wait_for(moment, process, what)
            time.sleep(delay)
        finally:
            victims = [process.pid] if victim is Victim.COMMAND else sorted({process.pid, *_marked(mark)})
            for pid in victims:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            process.wait(timeout=30)
        at_once()
        wait_until(
            lambda: not list(_marked(mark)),
            deadline=STOP_SECONDS,
            what=f"nothing of the killed command runs here any more, {what}",
            every=0.2,
        )
        output.seek(0)
        said = output.read()
    return Result(
        arguments=tuple(command),
        exit_code=process.returncode,
        stdout=f"(killed: {victim}, {what}, {delay:.2f} s later)\n{said}",
        stderr="",
        seconds=time.monotonic() - started,
    )


def _wait_for(moment: Callable[[], bool], process: subprocess.Popen[bytes], what: str) -> None:
    end = time.monotonic() + MOMENT_SECONDS
    while not _now(moment):
        assert process.poll() is None, f"the command ended with {process.returncode} before the moment: {what}"
        assert time.monotonic() < end, f"the moment did not come in {MOMENT_SECONDS:.0f} s: {what}"


def _now(moment: Callable[[], bool]) -> bool:
    try:
        return moment()
    except AssertionError:  # what it asks is not there yet
        return False


def _marked(mark: str) -> Iterator[int]:
    """Yield the processes that inherited the mark, but for SSH's idle connections, which do nothing and end later."""
    wanted = f"{MARK}={mark}".encode()
    for folder in Path("/proc").iterdir():
        if not folder.name.isdigit():
            continue
        with contextlib.suppress(OSError):
            environment = (folder / "environ").read_bytes().split(b"\0")
            line = (folder / "cmdline").read_bytes()
            if wanted in environment and not (line.startswith(b"ssh: ") and b"[mux]" in line):
                yield int(folder.name)
