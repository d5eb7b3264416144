"""Everything that can go wrong for a user, as one small tree of exceptions, each with its exit code.

An error is a value: a *subject* (host, file and line, setting, step), a *cause* and a *remedy*. Whoever catches it
decides how to show it; raising it has no side effect. The exit codes are documented in ``docs/exit-codes.md`` and
stable.
"""

from __future__ import annotations

import enum


class ExitCode(enum.IntEnum):
    """Exit codes of every verb; stable, see ``docs/exit-codes.md``."""

    DONE = 0
    INTERNAL = 1
    DIFFERENCES = 2
    BAD_INPUT = 3
    UNREACHABLE = 4
    REFUSED = 5
    LOCKED = 6
    STEP_FAILED = 7
    ARTIFACTS = 8
    FOREIGN = 9
    USAGE = 64
    INTERRUPTED = 130


def printable(text: str) -> str:
    """Return a text that any terminal and file can take: what comes from damaged or hostile input is escaped."""
    if text.isprintable():
        return text
    return "".join(
        each if each.isprintable() or each in "\n\t" else each.encode("unicode_escape").decode() for each in text
    )


class KubewrightError(Exception):
    """Base of every error that a user sees.

    Args:
        subject: what it is about: a host, ``file:line``, a setting, a step. One line.
        cause: what is wrong, with the values. A sentence without a full stop.
        remedy: what to do about it. A sentence without a full stop.

    """

    exit_code: ExitCode = ExitCode.INTERNAL

    def __init__(self, subject: str, cause: str, remedy: str = "") -> None:
        subject, cause, remedy = printable(subject), printable(cause), printable(remedy)
        super().__init__(subject, cause, remedy)
        self.subject = subject
        self.cause = cause
        self.remedy = remedy

    def __str__(self) -> str:
        text = f"{self.subject}: {self.cause}"
        return f"{text}. {self.remedy}" if self.remedy else text


class BadInputError(KubewrightError):
    """The inventory, a setting or an argument is wrong, or a host cannot carry what is asked."""

    exit_code = ExitCode.BAD_INPUT


class BadInputErrors(BadInputError):  # noqa: N818  several of them
    """Several :class:`BadInputError` found in one pass, shown together."""

    def __init__(self, errors: tuple[BadInputError, ...]) -> None:
        super().__init__(f"{len(errors)} problems", "; ".join(str(error) for error in errors))
        self.errors = errors

    def __str__(self) -> str:
        return "\n".join(str(error) for error in self.errors)


class UnreachableError(KubewrightError):
    """A host did not answer, or refused the login."""

    exit_code = ExitCode.UNREACHABLE


class RefusedError(KubewrightError):
    """A safety rule refuses the change."""

    exit_code = ExitCode.REFUSED


class LockedError(KubewrightError):
    """Another run holds the cluster's or a node's lock."""

    exit_code = ExitCode.LOCKED


class StepFailedError(KubewrightError):
    """A step failed, or hosts were left out."""

    exit_code = ExitCode.STEP_FAILED


class ArtifactError(KubewrightError):
    """A binary or image could not be had, or is not what it should be."""

    exit_code = ExitCode.ARTIFACTS


class ForeignError(KubewrightError):
    """The node or cluster was not made by kubewright; nothing was changed."""

    exit_code = ExitCode.FOREIGN


ERRORS_BY_EXIT_CODE: dict[int, type[KubewrightError]] = {
    kind.exit_code: kind
    for kind in (
        KubewrightError,
        BadInputError,
        UnreachableError,
        RefusedError,
        LockedError,
        StepFailedError,
        ArtifactError,
        ForeignError,
    )
}
"""The error class that each exit code stands for, for errors that crossed a process boundary."""
