"""Mutated inventories through the command itself: exit code, time and what is printed."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
from pathlib import Path

import pytest

from kubewright.errors import ExitCode
from tests.fuzz.mutations import make

NUMBER = int(os.environ.get("KUBEWRIGHT_TEST_COMMANDS", "30"))
PER_TEST = 10
SECONDS = 10
# Far from the numbers of the tests in process.
FIRST = 1_000_000
EXIT_CODES = (ExitCode.DONE, ExitCode.BAD_INPUT)
VERBS = ("validate", "topology")


def outcome(number: int, folder: Path) -> str:
    """Empty, or what went wrong with the inventory of this number."""
    source = make(number, folder)
    command = [sys.executable, "-m", "kubewright.cli.main", VERBS[number % len(VERBS)], "-i", str(source)]
    before = used()
    try:
        done = subprocess.run(command, capture_output=True, timeout=6 * SECONDS, cwd=folder, check=False)
    except subprocess.TimeoutExpired:
        return f"{number}: {' '.join(command[3:])}: over {6 * SECONDS} s"
    seconds = used() - before
    told = f"{number}: {' '.join(command[3:])}: {done.returncode} in {seconds:.1f} s\n"
    output = (done.stdout + done.stderr).decode("utf-8", "replace")
    good = done.returncode in EXIT_CODES and seconds <= SECONDS and "Traceback" not in output
    return "" if good else told + output[-1500:]


def used() -> float:
    """Seconds of processor time that the commands took so far: other tests use the machine, too."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


@pytest.mark.parametrize("first", range(FIRST, FIRST + NUMBER, PER_TEST))
def test_mutated_inventories(first: int, tmp_path: Path) -> None:
    outcomes = [outcome(number, tmp_path / str(number)) for number in range(first, first + PER_TEST)]
    wrong = [text for text in outcomes if text]
    assert not wrong, f"{len(wrong)} of {PER_TEST}:\n" + "\n".join(wrong)
