"""What went wrong on the way to a node, told from SSH's, sudo's and calls' own words."""

from __future__ import annotations

from typing import Any

import pytest
from ansible.errors import AnsibleConnectionFailure, AnsibleError, AnsibleFileNotFound

from kubewright.engine.actions.failures import ansible_failures, call_error, connection_error, login_error
from kubewright.errors import (
    ArtifactError,
    BadInputError,
    ForeignError,
    KubewrightError,
    LockedError,
    RefusedError,
    StepFailedError,
    UnreachableError,
)

CHANGED_KEY = """\
Failed to connect to the host via ssh: @@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@
@    WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED!     @
@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@
IT IS POSSIBLE THAT SOMEONE IS DOING SOMETHING NASTY!
Offending ED25519 key in /root/.ssh/known_hosts:3
Host key for 10.7.0.11 has changed and you have requested strict checking.
Host key verification failed."""
UNKNOWN_KEY = """\
Failed to connect to the host via ssh: No ED25519 host key is known for 10.7.0.11 and you have requested strict checking.
Host key verification failed."""  # noqa: E501  as ssh writes it
TRACEBACK = """\
Traceback (most recent call last):
  File "/usr/lib/python3.11/subprocess.py", line 1024, in __init__
    self._execute_child(args, executable, preexec_fn, close_fds,
FileNotFoundError: [Errno 2] No such file or directory: 'ctr'
"""


class TestConnection:
    @pytest.mark.parametrize(
        ("message", "cause", "remedy"),
        [
            (CHANGED_KEY, "not the one in known_hosts", "ssh-keygen -R"),
            (
                UNKNOWN_KEY,
                "is not known",
                "known_hosts",
            ),
            (
                "Failed to connect to the host via ssh: admin@10.7.0.11: Permission denied (publickey,password).",
                "login was refused",
                "ansible_user",
            ),
            ("Invalid/incorrect password: Permission denied, please try again.", "login was refused", "-k"),
            (
                "Failed to connect to the host via ssh: ssh: connect to host 10.7.0.11 port 22: No route to host",
                "No route to host",
                "ansible_host and ansible_port",
            ),
            (
                "Failed to connect to the host via ssh: ssh: Could not resolve hostname w1: Name or service not known",
                "Could not resolve hostname w1",
                "ansible_host",
            ),
            ("Connection timed out during banner exchange", "timed out", "is up"),
            ("", "no SSH connection", "is up"),
        ],
    )
    def test_cause_and_remedy(self, message: str, cause: str, remedy: str) -> None:
        error = connection_error("w1", message)
        assert isinstance(error, UnreachableError)
        assert error.subject == "host w1"
        assert cause in error.cause
        assert remedy in error.remedy
        assert "\n" not in str(error)


class TestLogin:
    @pytest.mark.parametrize("message", ["Missing sudo password", "Incorrect sudo password", "Timed out\nwaiting"])
    def test_is_unreachable_with_how_to_give_the_password(self, message: str) -> None:
        error = login_error("w1", message)
        assert isinstance(error, UnreachableError)
        assert "-K" in error.remedy
        assert "\n" not in str(error)


NO_FOLDER = (
    "Failed to create temporary directory. In some cases, you may have been able to authenticate and did not have "
    "permissions on the target directory."
)


class TestAnsible:
    """What Ansible raises, wherever it does, is an error of ours."""

    @pytest.mark.parametrize(
        ("raised", "kind", "text"),
        [
            (AnsibleConnectionFailure("Failed to connect to the host via ssh: timed out"), UnreachableError, "timed"),
            (AnsibleConnectionFailure(NO_FOLDER), StepFailedError, "host w1: nothing can be written there: Failed to"),
            (AnsibleError("Missing sudo password"), UnreachableError, "commands cannot be run as root"),
            (AnsibleError("Incorrect sudo password"), UnreachableError, "commands cannot be run as root"),
            (
                AnsibleError("failed to transfer file to /a /b:\n\ndd: error writing '/b': No space left on device\n"),
                StepFailedError,
                "host w1: nothing can be written there: dd: error writing '/b': No space left on device",
            ),
            (AnsibleError("failed to transfer file to /a /b:\n\nFailure"), StepFailedError, "failed to transfer file"),
            (AnsibleFileNotFound("file or module does not exist: /a"), StepFailedError, "does not exist"),
        ],
        ids=str,
    )
    def test_is_told_by_its_cause(self, raised: AnsibleError, kind: type[KubewrightError], text: str) -> None:
        with pytest.raises(kind) as told, ansible_failures("w1"):
            raise raised
        assert type(told.value) is kind
        assert text in str(told.value)
        assert "\n" not in str(told.value)

    def test_errors_of_ours_pass(self) -> None:
        error = ArtifactError("x", "y")
        with pytest.raises(ArtifactError) as told, ansible_failures("w1"):
            raise error
        assert told.value is error


def ended(*, stdout: str = "", stderr: str = "", status: int = 1) -> dict[str, Any]:
    """How a program ended that did not come so far as to answer."""
    return {"rc": status, "stdout": stdout, "stderr": stderr}


class TestCall:
    @pytest.mark.parametrize(
        "done",
        [
            ended(stderr="Missing sudo password"),
            ended(stderr="sudo: a password is required\n"),
            ended(stdout="admin is not in the sudoers file.\r\n"),
        ],
    )
    def test_sudo_was_refused(self, done: dict[str, Any]) -> None:
        assert isinstance(call_error("w1", "probe", None, done), UnreachableError)

    @pytest.mark.parametrize(
        "done",
        [
            ended(stderr="/bin/sh: 1: /usr/bin/python3: not found\n", status=127),
            ended(stderr="/bin/sh: line 1: /usr/bin/python3: No such file or directory\n", status=127),
            ended(stdout="bash: /usr/bin/python3: No such file or directory\r\n", status=127),
        ],
    )
    def test_there_is_no_python(self, done: dict[str, Any]) -> None:
        error = call_error("w1", "probe", None, done)
        assert isinstance(error, BadInputError)
        assert error.subject == "host w1"
        assert "ansible_python_interpreter" in error.remedy

    @pytest.mark.parametrize("words", ["No space left on device", "Read-only file system"])
    def test_a_disk_that_cannot_be_written_to(self, words: str) -> None:
        """The call does not come so far as to tell an error of its own; a traceback is nobody's message."""
        traceback = f"Traceback (most recent call last):\n  File x, line 3\nOSError: [Errno 28] {words}: '/tmp/x'\n"
        error = call_error("cp1", "cluster_state", None, ended(stderr=traceback))
        assert isinstance(error, StepFailedError)
        assert f"nothing can be written there: OSError: [Errno 28] {words}" in error.cause
        assert "Traceback" not in error.cause
        assert error.remedy

    def test_a_file_that_is_missing_is_not_python(self) -> None:
        """Every traceback names files of Python's own."""
        error = call_error("w1", "converge", None, ended(stderr=TRACEBACK))
        assert isinstance(error, StepFailedError)

    def test_what_the_call_says_of_a_missing_file_comes_first(self) -> None:
        own = {
            "subject": "file /etc/python3",
            "cause": "No such file or directory",
            "remedy": "Look at the disks",
            "exit_code": 7,
        }
        error = call_error("w1", "converge", {"failed": True, "error": own}, ended())
        assert isinstance(error, StepFailedError)
        assert error.subject == "host w1, file /etc/python3"

    @pytest.mark.parametrize(
        ("code", "kind"),
        [
            (1, KubewrightError),
            (3, BadInputError),
            (5, RefusedError),
            (6, LockedError),
            (7, StepFailedError),
            (8, ArtifactError),
            (9, ForeignError),
            (99, StepFailedError),
        ],
    )
    def test_keeps_the_kind_that_the_call_chose(self, code: int, kind: type[KubewrightError]) -> None:
        own = {"subject": "etcd", "cause": "it is so", "remedy": "Do this", "exit_code": code}
        error = call_error("cp1", "kubeadm_join", {"failed": True, "error": own}, ended())
        assert type(error) is kind
        assert (error.subject, error.cause, error.remedy) == ("host cp1, etcd", "it is so", "Do this")

    def test_without_an_answer_the_output_is_the_cause(self) -> None:
        error = call_error("w1", "objects", None, ended(stderr="Killed\n", status=137))
        assert isinstance(error, StepFailedError)
        assert str(error) == "host w1, objects: Killed"

    def test_a_silent_end_is_told_by_its_status(self) -> None:
        assert "exit status 137" in call_error("w1", "objects", None, ended(status=137)).cause

    def test_of_a_long_output_the_end_is_shown(self) -> None:
        error = call_error("w1", "objects", None, ended(stderr="x" * 9000 + "KeyError: 'a'\n"))
        assert len(error.cause) == 2000
        assert error.cause.endswith("KeyError: 'a'")
