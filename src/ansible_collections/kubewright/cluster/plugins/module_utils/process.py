"""Run commands on a node, and the one object through which node-side code touches its machine.

:class:`System` has the root below which paths lie (``/`` but in tests) and runs commands, so that a test replaces both.
"""

from __future__ import annotations

import errno
import os
import subprocess
from pathlib import Path
from typing import Optional

from ansible_collections.kubewright.cluster.plugins.module_utils.errors import NodeError
from ansible_collections.kubewright.cluster.plugins.module_utils.frozen import field, frozen, mutable

DEFAULT_TIMEOUT = 600.0
"""Seconds after which a command that was given no limit of its own is taken for stuck."""

_SEARCH_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


@frozen
class Completed:
    """A command that ended: its exit status and its output as text.

    As a shell has it, the status is 127 where there is no such command and 126 where it cannot be executed.
    """

    argv: tuple[str, ...]
    status: int
    stdout: str
    stderr: str

    @property
    def ok(self) -> bool:
        """Whether it exited with 0."""
        return self.status == 0

    @property
    def complaint(self) -> str:
        """The last lines of what it wrote, for an error message."""
        text = self.stderr.strip() or self.stdout.strip()
        return " / ".join(text.splitlines()[-4:]) or "exit status %d" % self.status


@mutable
class System:
    """The machine as node-side code sees it.

    ``inherited`` are file descriptors that every command inherits: the node lock's, so that the lock outlives a killed
    module for as long as a command that it started (``apt-get``, ``kubeadm``) is still changing the node. ``search``
    are directories in which commands are looked for after the usual ones.
    """

    root: Path = Path("/")
    inherited: list[int] = field(default_factory=list)
    search: list[str] = field(default_factory=list)

    def path(self, name: str) -> Path:
        """Return the absolute path ``name`` below the root."""
        return self.root / name.lstrip("/")

    def finds(self, program: str) -> bool:
        """Whether there is a program of that name where commands are looked for."""
        folders = [*_SEARCH_PATH.split(":"), *self.search]
        return any(os.access(str(self.path("%s/%s" % (folder, program))), os.X_OK) for folder in folders)

    def run(
        self,
        *argv: str,
        stdin: Optional[str] = None,
        timeout: float = DEFAULT_TIMEOUT,
        env: Optional[dict[str, str]] = None,
    ) -> Completed:
        """Run a command to its end, whatever its exit status.

        Args:
            argv: the command and its arguments; no shell is involved.
            stdin: text for its standard input; nothing when None.
            timeout: seconds; the command is killed when they have passed.
            env: additions to the environment (messages are in C's language in any case).

        Raises:
            NodeError: it did not end in time.

        """
        environment = dict(os.environ, LC_ALL="C", LANGUAGE="C", **(env or {}))
        environment["PATH"] = ":".join([_SEARCH_PATH, *self.search, environment.get("PATH", "")])
        try:
            done = subprocess.run(
                argv,
                input=stdin,
                stdin=subprocess.DEVNULL if stdin is None else None,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                encoding="utf-8",
                errors="replace",
                timeout=timeout,
                env=environment,
                pass_fds=tuple(self.inherited),
                check=False,
            )
        except FileNotFoundError:
            return Completed(argv, 127, "", "%s: command not found" % argv[0])
        except OSError as error:
            if error.errno not in (errno.ENOEXEC, errno.EACCES):
                raise
            # Damaged, or without its permission to execute: whoever asked decides what follows from that.
            return Completed(argv, 126, "", "%s: cannot be executed: %s" % (argv[0], error.strerror))
        except subprocess.TimeoutExpired as error:
            remedy = "Look at what it waits for: %s" % " ".join(argv)
            raise NodeError(argv[0], "did not end within %d s" % timeout, remedy) from error
        return Completed(argv, done.returncode, done.stdout, done.stderr)

    def must(
        self,
        *argv: str,
        stdin: Optional[str] = None,
        timeout: float = DEFAULT_TIMEOUT,
        env: Optional[dict[str, str]] = None,
    ) -> str:
        """Run a command that has to succeed and return its standard output.

        Raises:
            NodeError: it failed or did not end in time.

        """
        done = self.run(*argv, stdin=stdin, timeout=timeout, env=env)
        if not done.ok:
            raise NodeError(" ".join(argv[:3]), "failed with status %d: %s" % (done.status, done.complaint))
        return done.stdout
