"""A process that ends at once has ended in good order: what was printed is written, what was registered is called."""

from __future__ import annotations

import subprocess
import sys

import pytest

PROGRAM = """
import atexit, sys
from kubewright.quick import run_quickly

def program():
    atexit.register(print, "registered")
    print("printed")
    {end}

run_quickly(program)
"""


def run(end: str) -> subprocess.CompletedProcess[str]:
    """Run a program that ends so."""
    return subprocess.run(
        [sys.executable, "-c", PROGRAM.format(end=end)], capture_output=True, text=True, check=False, timeout=60
    )


@pytest.mark.parametrize(
    ("end", "status"),
    [("pass", 0), ("sys.exit()", 0), ("sys.exit(3)", 3), ("sys.exit(True)", 1), ("import os; sys.exit(os.EX_OK)", 0)],
)
def test_ends_with_the_programs_status(end: str, status: int) -> None:
    done = run(end)
    assert done.returncode == status
    assert done.stdout == "printed\nregistered\n"
    assert done.stderr == ""


def test_threads_are_waited_for() -> None:
    done = run("import threading, time; threading.Thread(target=lambda: (time.sleep(0.3), print('late'))).start()")
    assert done.returncode == 0
    assert done.stdout == "printed\nlate\nregistered\n"


def test_a_text_is_printed() -> None:
    done = run("sys.exit('no more')")
    assert done.returncode == 1
    assert done.stderr == "no more\n"
    assert "registered" in done.stdout


def test_what_nobody_expected_is_told_by_python() -> None:
    done = run("raise ValueError('odd')")
    assert done.returncode == 1
    assert "ValueError: odd" in done.stderr


def test_a_reader_that_has_gone_is_no_error() -> None:
    quiet = [
        "sh",
        "-c",
        'unset PYTHONUNBUFFERED; "$0" -c "$1" | true',
        sys.executable,
        PROGRAM.format(end="import time; time.sleep(0.5)"),
    ]
    done = subprocess.run(quiet, capture_output=True, text=True, check=False, timeout=60)
    assert done.stderr == ""
