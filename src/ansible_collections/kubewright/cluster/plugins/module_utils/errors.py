"""What can go wrong on a node, as one value that the controller turns back into its own error."""

from __future__ import annotations

from typing import Any

# The controller's exit codes (``kubewright.errors.ExitCode``); the node side cannot import them.
INTERNAL = 1
BAD_INPUT = 3
REFUSED = 5
LOCKED = 6
STEP_FAILED = 7
ARTIFACTS = 8
FOREIGN = 9


class NodeError(Exception):
    """An error: subject (one line), cause and remedy (sentences without full stop), the controller's exit code."""

    def __init__(self, subject: str, cause: str, remedy: str = "", exit_code: int = STEP_FAILED) -> None:
        super().__init__(subject, cause, remedy, exit_code)
        self.subject = subject
        self.cause = cause
        self.remedy = remedy
        self.exit_code = exit_code

    def __str__(self) -> str:
        text = "%s: %s" % (self.subject, self.cause)
        return "%s. %s" % (text, self.remedy) if self.remedy else text

    def to_json(self) -> dict[str, Any]:
        """Return the error as modules have it under ``error``."""
        return {
            "subject": self.subject,
            "cause": self.cause,
            "remedy": self.remedy,
            "exit_code": self.exit_code,
        }


class ComponentError(Exception):
    """An error of another component's, such as the Kubernetes API."""

    def as_node_error(self) -> NodeError:
        """Return it as the error that a call fails with."""
        raise NotImplementedError


def failure(error: Exception) -> dict[str, Any]:
    """Return what a module fails with: ``msg``, ``error`` and ``invocation`` without the arguments, secrets and all."""
    if isinstance(error, ComponentError):
        error = error.as_node_error()
    if not isinstance(error, NodeError):
        error = _from_os(error)
    return {"msg": str(error), "error": error.to_json(), "invocation": {}}


def _from_os(error: Exception) -> NodeError:
    """Return an operating system's error as one of ours: the file is the subject."""
    subject = str(getattr(error, "filename", None) or "node")
    return NodeError(subject, str(getattr(error, "strerror", None) or error), "Look at the node's disks and mounts")
