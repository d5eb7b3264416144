"""Mutated inventories through the command itself: exit code, time and what is printed."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.fuzz.mutations import make

NUMBER = int(os.environ.get("KUBEWRIGHT_TEST_COMMANDS", "30"))
PER_TEST = 10
SECONDS = 10
# Far from the numbers of the tests in process.
FIRST = 1_000_000
VERBS = ("validate", "topology")


def outcome(number: int, folder: Path) -> str:
    """Empty, or what went wrong with the inventory of this number."""
    source = make(number, folder)
    command = [sys.executable, "-m", "kubewright.cli.main", VERBS[number % len(VERBS)], "-i", str(source)]
    began = time.monotonic()
    try:
        done = subprocess.run(command, capture_output=True, timeout=SECONDS, cwd=folder, check=False)
    except subprocess.TimeoutExpired:
        return f"{number}: over {SECONDS} s"
    told = f"{number}: {' '.join(command[3:])}: {done.returncode} in {time.monotonic() - began:.1f} s\n"
    output = (done.stdout + done.stderr).decode("utf-8", "replace")
    return told + output[-1500:] if done.returncode not in (0, 3) or "Traceback" in output else ""


@pytest.mark.parametrize("first", range(FIRST, FIRST + NUMBER, PER_TEST))
def test_mutated_inventories(first: int, tmp_path: Path) -> None:
    outcomes = [outcome(number, tmp_path / str(number)) for number in range(first, first + PER_TEST)]
    wrong = [text for text in outcomes if text]
    assert not wrong, f"{len(wrong)} of {PER_TEST}:\n" + "\n".join(wrong)
