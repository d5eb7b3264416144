"""podman as the lab uses it: one command at a time, its answer or a clear error."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Sequence
from typing import Any

from kubewright.errors import StepFailedError

LABEL = "kubewright.lab"
"""Label of everything that a lab makes in podman; its value is the lab's identity."""

COMMAND = ("podman", "--runtime", "runc")
"""crun refuses the hybrid cgroup layout; runc serves all of them."""


def podman(*arguments: str, timeout: float = 120) -> str:
    """Run podman and return what it printed.

    Args:
        arguments: of podman, the verb first.
        timeout: seconds that it may take.

    Raises:
        StepFailedError: it failed or took too long; with podman's own last words.

    """
    subject = " ".join(("podman", *arguments[:2]))
    try:
        done = subprocess.run(
            (*COMMAND, *arguments),
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
            stdin=subprocess.DEVNULL,
        )
    except subprocess.TimeoutExpired as error:
        raise StepFailedError(subject, f"no answer within {timeout:.0f} s") from error
    if done.returncode != 0:
        raise StepFailedError(subject, last_words(done.stderr) or f"exit code {done.returncode}")
    return done.stdout.strip()


def podman_json(*arguments: str) -> list[dict[str, Any]]:
    """Run podman with an answer in JSON, always a list."""
    answer: list[dict[str, Any]] | None = json.loads(podman(*arguments, "--format", "json") or "[]")
    return answer or []


def labelled_names(kind: str, identity: str) -> list[str]:
    """Names of the volumes or networks (``kind``) that carry a lab's label."""
    return podman(kind, "ls", "--quiet", "--filter", f"label={LABEL}={identity}").split()


def exec_command(
    container: str, argv: Sequence[str], *, interactive: bool = False, terminal: bool = False
) -> list[str]:
    """Return the command line that runs ``argv`` in a container."""
    flags = [flag for flag, wanted in (("--interactive", interactive), ("--tty", terminal)) if wanted]
    return [*COMMAND, "exec", *flags, container, *argv]


def last_words(text: str, lines: int = 3) -> str:
    """Return the last lines of a command's error output, in one."""
    return "; ".join(line.strip() for line in text.strip().splitlines()[-lines:])
