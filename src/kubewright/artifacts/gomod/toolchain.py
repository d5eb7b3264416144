"""The Go toolchain: finding it, and running it with a build cache of its own."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from kubewright.artifacts.store import Store, remove_tree
from kubewright.errors import ArtifactError

_PLACES = ("/usr/local/go/bin/go",)
_POLL_SECONDS = 0.5
_GRACE_SECONDS = 3.0
_TAIL_LINES = 15


@dataclass(frozen=True)
class Toolchain:
    """A usable ``go`` command and the environment it runs in."""

    go: str
    environment: dict[str, str]

    def run(self, arguments: list[str], *, folder: Path, subject: str, tick: Callable[[], None] | None = None) -> str:
        """Run ``go`` with these arguments; its standard output.

        Args:
            arguments: after ``go``.
            folder: the working directory.
            subject: what the error is about.
            tick: called every few seconds while it runs.

        Raises:
            ArtifactError: it failed; the message has the end of what it wrote.

        """
        return run_command(
            [self.go, *arguments], folder=folder, environment=self.environment, subject=subject, tick=tick
        )


@contextlib.contextmanager
def toolchain(store: Store, oldest: str, architecture: str) -> Iterator[Toolchain]:
    """A Go toolchain that is at least ``oldest``, building for Linux on ``architecture``.

    The build cache is a temporary folder, or the folder that ``KUBEWRIGHT_GOCACHE`` names, which is kept.

    Raises:
        ArtifactError: Go is missing, too old, or set up not to verify modules.

    """
    go = _find(oldest)
    given = os.environ.get("KUBEWRIGHT_GOCACHE")
    with contextlib.ExitStack() as stack:
        cache = given or str(stack.enter_context(store.workspace()))
        yield Toolchain(go, _environment(cache, architecture))


def problem(oldest: str) -> str:
    """Why there is no usable Go toolchain; empty if there is one."""
    try:
        _find(oldest)
    except ArtifactError as error:
        return str(error)
    return ""


def run_command(
    command: list[str],
    *,
    folder: Path,
    environment: dict[str, str],
    subject: str,
    tick: Callable[[], None] | None = None,
) -> str:
    """Run a command in its own process group, which ends with this call whatever happens; its standard output."""
    with tempfile.TemporaryFile("w+") as output, tempfile.TemporaryFile("w+") as errors:
        process = subprocess.Popen(
            [*_mortal(), *command],
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=errors,
            process_group=0,
        )
        try:
            _await(process, tick)
        except BaseException:
            _end(process)
            raise
        errors.seek(0)
        output.seek(0)
        if process.returncode != 0:
            tail = "\n".join(errors.read().strip().splitlines()[-_TAIL_LINES:])
            raise ArtifactError(subject, f"{' '.join(command[:3])} … failed with status {process.returncode}:\n{tail}")
        return output.read()


def remove_cache(folder: Path) -> None:
    """Remove a cache of Go, read-only parts included."""
    remove_tree(folder)


def _mortal() -> list[str]:
    """Return what makes a command end with this process, even when this one is killed outright; empty where unknown."""
    setpriv = shutil.which("setpriv")
    return [setpriv, "--pdeathsig", "TERM", "--"] if setpriv else []


def _end(process: subprocess.Popen[bytes]) -> None:
    """End a process and its group: first as it likes, so that it cleans up, then for certain."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGTERM)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(timeout=_GRACE_SECONDS)
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def _await(process: subprocess.Popen[bytes], tick: Callable[[], None] | None) -> None:
    while True:
        try:
            process.wait(timeout=_POLL_SECONDS)
        except subprocess.TimeoutExpired:
            if tick is not None:
                tick()
        else:
            return


def _find(oldest: str) -> str:
    wanted = f"Install Go {oldest} or newer (https://go.dev/dl) so that `go` is on PATH or in /usr/local/go/bin"
    candidates = [path for path in (shutil.which("go"), *_PLACES) if path and Path(path).exists()]
    if not candidates:
        raise ArtifactError("gomod", "Go is not installed", wanted)
    found = ""
    for go in candidates:
        found = _version(go)
        if tuple(int(part) for part in found.split(".")) >= tuple(int(part) for part in oldest.split(".")):
            return go
    raise ArtifactError("gomod", f"Go {found} is too old", wanted)


def _version(go: str) -> str:
    environment = {**os.environ, "GOTOOLCHAIN": "local"}
    started = time.monotonic()
    try:
        text = subprocess.run(
            [go, "env", "GOVERSION"], check=True, capture_output=True, text=True, env=environment, timeout=30
        ).stdout
    except (OSError, subprocess.SubprocessError) as error:
        raise ArtifactError(
            "gomod", f"{go} does not run ({error})", f"It was tried for {time.monotonic() - started:.0f} s"
        ) from error
    match = re.match(r"go(\d+\.\d+(?:\.\d+)?)", text)
    return match.group(1) if match else "0"


def _environment(cache: str, architecture: str) -> dict[str, str]:
    environment = {
        **os.environ,
        "GOCACHE": cache,
        "GOOS": "linux",
        "GOARCH": architecture,
        "CGO_ENABLED": "0",
        "GOFLAGS": "-mod=mod -buildvcs=false",
        "GOTOOLCHAIN": "local",
        "GOWORK": "off",
        # A build must not depend on what the user set for their own work.
        "GOENV": "off",
        "GOEXPERIMENT": "",
        "GODEBUG": "",
    }
    off = [name for name in ("GOSUMDB", "GONOSUMDB", "GONOSUMCHECK", "GOINSECURE", "GOPRIVATE") if os.environ.get(name)]
    if off and not (off == ["GOSUMDB"] and os.environ["GOSUMDB"] != "off"):
        raise ArtifactError(
            "gomod", f"{', '.join(off)} in the environment would keep Go from verifying modules", "Unset it"
        )
    return environment
