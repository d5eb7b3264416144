"""What went wrong on the way to a node, told from SSH's, sudo's and modules' own words."""

from __future__ import annotations

from typing import Any

import pytest
from ansible.errors import AnsibleConnectionFailure, AnsibleError, AnsibleFileNotFound

from kubewright.engine.actions.failures import ansible_failures, connection_error, login_error, module_error
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
NO_PYTHON = {
    "failed": True,
    "msg": "The module interpreter '/usr/bin/python3' was not found.",
    "module_stdout": "",
    "module_stderr": "/bin/sh: 1: /usr/bin/python3: not found\n",
    "rc": 127,
}
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


class TestModule:
    @pytest.mark.parametrize(
        "answer",
        [
            {"msg": "Missing sudo password"},
            {"msg": "MODULE FAILURE", "module_stderr": "sudo: a password is required\n"},
            {"msg": "MODULE FAILURE", "module_stdout": "admin is not in the sudoers file.\r\n"},
        ],
    )
    def test_sudo_was_refused(self, answer: dict[str, Any]) -> None:
        assert isinstance(module_error("w1", "probe", answer), UnreachableError)

    @pytest.mark.parametrize(
        "answer",
        [
            pytest.param(NO_PYTHON, id="dash"),
            {
                "msg": "MODULE FAILURE",
                "module_stderr": "/bin/sh: line 1: /usr/bin/python3: No such file or directory\n",
            },
            {"msg": "MODULE FAILURE", "module_stdout": "bash: /usr/bin/python3: No such file or directory\r\n"},
        ],
    )
    def test_there_is_no_python(self, answer: dict[str, Any]) -> None:
        error = module_error("w1", "probe", answer)
        assert isinstance(error, BadInputError)
        assert error.subject == "host w1"
        assert "ansible_python_interpreter" in error.remedy

    @pytest.mark.parametrize("words", ["No space left on device", "Read-only file system"])
    def test_a_disk_that_cannot_be_written_to(self, words: str) -> None:
        """The module does not come so far as to tell an error of its own; a traceback is nobody's message."""
        traceback = f"Traceback (most recent call last):\n  File x, line 3\nOSError: [Errno 28] {words}: '/tmp/x'\n"
        error = module_error("cp1", "cluster_state", {"msg": "MODULE FAILURE", "module_stderr": traceback})
        assert isinstance(error, StepFailedError)
        assert f"nothing can be written there: OSError: [Errno 28] {words}" in error.cause
        assert "Traceback" not in error.cause
        assert error.remedy

    def test_a_file_that_is_missing_is_not_python(self) -> None:
        """Every traceback names files of Python's own."""
        error = module_error("w1", "converge", {"msg": "MODULE FAILURE", "module_stderr": TRACEBACK})
        assert isinstance(error, StepFailedError)

    def test_what_the_module_says_of_a_missing_file_comes_first(self) -> None:
        own = {
            "subject": "file /etc/python3",
            "cause": "No such file or directory",
            "remedy": "Look at the disks",
            "exit_code": 7,
        }
        error = module_error("w1", "converge", {"msg": "file /etc/python3: No such file or directory", "error": own})
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
    def test_keeps_the_kind_that_the_module_chose(self, code: int, kind: type[KubewrightError]) -> None:
        own = {"subject": "etcd", "cause": "it is so", "remedy": "Do this", "exit_code": code}
        error = module_error("cp1", "kubeadm_join", {"msg": "etcd: it is so. Do this", "error": own})
        assert type(error) is kind
        assert (error.subject, error.cause, error.remedy) == ("host cp1, etcd", "it is so", "Do this")

    def test_without_its_own_error_the_message_is_the_cause(self) -> None:
        error = module_error("w1", "objects", {"msg": "parameters are mutually exclusive\n"})
        assert isinstance(error, StepFailedError)
        assert str(error) == "host w1, objects: parameters are mutually exclusive"

    def test_output_without_message_is_cut(self) -> None:
        error = module_error("w1", "objects", {"msg": "", "module_stderr": "x" * 9000})
        assert len(error.cause) == 2000
