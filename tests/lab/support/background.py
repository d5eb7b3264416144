"""A verb of kubewright that is at work while a test does something else."""

from __future__ import annotations

import contextlib
import os
import subprocess
import tempfile
import time
from collections.abc import Iterator

from tests.lab.support.commands import Result
from tests.lab.support.lab import TestLab

ENDS_SECONDS = 600.0


@contextlib.contextmanager
def started(lab: TestLab, verb: str, *arguments: str) -> Iterator[subprocess.Popen[bytes]]:
    """Start a verb and leave it at work; what it said is noted when it has ended."""
    command = ("kubewright", verb, "-i", str(lab.inventory), *arguments)
    began = time.monotonic()
    with tempfile.TemporaryFile("w+", errors="replace") as output:
        environment = {**os.environ, "NO_COLOR": "1", "COLUMNS": "200"}
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT, env=environment
        )
        try:
            yield process
            process.wait(timeout=ENDS_SECONDS)
        finally:
            process.kill()
            process.wait()
            output.seek(0)
            seconds = time.monotonic() - began
            lab.note(
                Result(
                    arguments=command, exit_code=process.returncode, stdout=output.read(), stderr="", seconds=seconds
                )
            )
