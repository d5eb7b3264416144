"""What went wrong on the way to a host, told from Ansible's, SSH's, sudo's and calls' own words."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from ansible.errors import AnsibleConnectionFailure, AnsibleError

from kubewright.errors import ERRORS_BY_EXIT_CODE, BadInputError, KubewrightError, StepFailedError, UnreachableError

NO_CONNECTION = "no SSH connection"
"""How the cause of an error begins that is about a host of which nothing was heard."""
SHOWN = 2000
"""Characters of a text that nobody expected."""
_NO_SUDO = re.compile("sudo: a password is required|is not in the sudoers|Missing sudo password")
_NO_PYTHON = re.compile(r"sh: (line )?(\d+: )?\S*python\S*: (No such file|not found)")
_NO_LOGIN = re.compile("(Missing|Incorrect|Invalid/incorrect) .*password|privilege escalation|Timed out")
_NO_WRITING = re.compile(
    "[^\\n]*(No space left on device|Read-only file system|Disk quota exceeded"
    "|Failed to create temporary directory[^\\n]*)"
)


@contextmanager
def ansible_failures(host: str) -> Iterator[None]:
    """Tell what Ansible raises as an error of ours: it would end the action, and nobody would have journalled it.

    Raises:
        UnreachableError: no connection, or the login or sudo was refused.
        StepFailedError: anything else, as a transfer to a disk that is full.

    """
    try:
        yield
    except AnsibleConnectionFailure as error:
        raise _unwritable(host, str(error)) or connection_error(host, str(error)) from error
    except AnsibleError as error:
        raise _unwritable(host, str(error)) or _ansible_error(host, str(error)) from error


def _ansible_error(host: str, message: str) -> KubewrightError:
    if _NO_LOGIN.search(message):
        return login_error(host, message)
    return StepFailedError(f"host {host}", f"Ansible cannot work there: {' '.join(message.split())[:SHOWN]}")


def _unwritable(host: str, text: str) -> StepFailedError | None:
    """The error of a host that can be reached and where nothing can be written; None for any other text."""
    found = _NO_WRITING.search(text)
    if found is None:
        return None
    return StepFailedError(
        f"host {host}",
        f"nothing can be written there: {' '.join(found[0].split())[:SHOWN]}",
        "Make room, or mount its disks so that they can be written to; df -h and mount tell",
    )


def connection_error(host: str, message: str) -> UnreachableError:
    """What is wrong with a connection, told from SSH's own words."""
    text = " ".join(message.split())
    known = (
        (
            "REMOTE HOST IDENTIFICATION HAS CHANGED",
            "its SSH host key is not the one in known_hosts",
            "Find out why (reinstalled? someone in between?), then remove the old key with ssh-keygen -R",
        ),
        (
            "Host key verification failed",
            "its SSH host key is not known",
            "Add it to known_hosts after checking it (ssh-keyscan), or connect once by ssh",
        ),
        (
            "Permission denied",
            "the SSH login was refused",
            "Check ansible_user and the key (ansible_ssh_private_key_file, --private-key, or -k)",
        ),
    )
    for words, cause, remedy in known:
        if words in text:
            return UnreachableError(f"host {host}", cause, remedy)
    return UnreachableError(
        f"host {host}",
        f"{NO_CONNECTION}: {text}",
        "Check that it is up and that ansible_host and ansible_port are right",
    )


def login_error(host: str, message: str) -> UnreachableError:
    """A refused sudo is a refused login."""
    text = " ".join(message.split())
    return UnreachableError(
        f"host {host}",
        f"commands cannot be run as root: {text}",
        "Give the sudo password by -K or ansible_become_password",
    )


def call_error(host: str, name: str, answer: dict[str, Any] | None, done: dict[str, Any]) -> KubewrightError:
    """The error that a failed call stands for: its own, if it came so far as to tell one.

    ``done`` is how the program ended that made it: ``rc``, ``stdout`` and ``stderr``.
    """
    if answer is not None:
        error = answer["error"]
        kind = ERRORS_BY_EXIT_CODE.get(error["exit_code"], StepFailedError)
        return kind(f"host {host}, {error['subject']}", error["cause"], error["remedy"])
    output = "\n".join(text for text in (done["stdout"].strip(), done["stderr"].strip()) if text)
    if _NO_SUDO.search(output):
        return login_error(host, "sudo was refused")
    if full := _unwritable(host, output):
        return full
    if _NO_PYTHON.search(output):
        return BadInputError(
            f"host {host}", "there is no Python", "Install python3, or name one with ansible_python_interpreter"
        )
    # Of a traceback the end tells most.
    return StepFailedError(f"host {host}, {name}", output[-SHOWN:] or f"it ended with exit status {done['rc']}")
