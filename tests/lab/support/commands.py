"""Run commands on this machine and remember what they said, for the evidence of a failed test."""

from __future__ import annotations

import dataclasses
import os
import shlex
import subprocess
import time
from collections.abc import Sequence


@dataclasses.dataclass(frozen=True, kw_only=True)
class Result:
    """A finished command: what it was, its exit code, its output and its duration in seconds."""

    arguments: tuple[str, ...]
    exit_code: int
    stdout: str
    stderr: str
    seconds: float

    @property
    def output(self) -> str:
        """Both streams, for messages that may come on either."""
        return self.stdout + self.stderr

    def __str__(self) -> str:
        ending = f"exit code {self.exit_code} after {self.seconds:.1f} s"
        return f"$ {shlex.join(self.arguments)}\n{ending}\n{self.output}"

    def check(self) -> Result:
        """Return itself, or fail the test with everything that the command said."""
        if self.exit_code != 0:
            raise AssertionError(f"a command failed\n{self}")
        return self


def run(
    arguments: Sequence[str],
    *,
    timeout: float,
    stdin: str = "",
    environment: dict[str, str] | None = None,
) -> Result:
    """Run a command to its end; ``timeout`` is in seconds and its passing fails the test."""
    started = time.monotonic()
    try:
        done = subprocess.run(
            arguments,
            input=stdin,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=timeout,
            check=False,
            env={**os.environ, "NO_COLOR": "1", "COLUMNS": "200", **(environment or {})},
        )
    except subprocess.TimeoutExpired as error:
        said = b"".join(stream for stream in (error.stdout, error.stderr) if isinstance(stream, bytes))
        raise AssertionError(
            f"not finished after {timeout:.0f} s: {shlex.join(arguments)}\n{said.decode(errors='replace')}"
        ) from error
    return Result(
        arguments=tuple(arguments),
        exit_code=done.returncode,
        stdout=done.stdout,
        stderr=done.stderr,
        seconds=time.monotonic() - started,
    )
