"""How the error that ends a command is told: to a person, or to a machine."""

from __future__ import annotations

import tempfile
import time
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import typer

from kubewright.cli.common import LogFormat, err
from kubewright.errors import KubewrightError

UsageError: Any = typer.BadParameter.__base__
"""What typer raises for a wrong command line; it exports only this sub-class."""


def show_error(error: KubewrightError) -> None:
    """Print an error: what, where, why and what to do."""
    nested = getattr(error, "errors", ())
    for each in nested or (error,):
        err.print(f"Error: {each.subject}: {each.cause}", style="red", markup=False)
        if each.remedy:
            err.print(f"  {each.remedy.removesuffix('.')}.", markup=False)


def internal_error(error: Exception) -> KubewrightError:
    """A defect as an error of ours. Its traceback is kept in a file that the error names."""
    with tempfile.NamedTemporaryFile("w", prefix="kubewright-error-", suffix=".txt", delete=False) as report:
        traceback.print_exception(error, file=report)
    return KubewrightError("internal error", f"{type(error).__name__}: {error}", f"Please report it with {report.name}")


@contextmanager
def errors_told(log_format: LogFormat) -> Iterator[None]:
    """Tell the error that ends the block in this format, and leave with its exit code.

    As text that is what the command does with the errors of every verb. A wrong command line is always told as text.
    """
    if log_format is LogFormat.TEXT:
        yield
        return
    try:
        yield
    except (typer.Exit, typer.Abort, UsageError):
        raise
    except Exception as error:
        told = error if isinstance(error, KubewrightError) else internal_error(error)
        from kubewright.report.log import error_lines  # noqa: PLC0415  needed in this case only

        for line in error_lines(told, time.time()):
            err.file.write(f"{line}\n")
        err.file.flush()
        raise typer.Exit(told.exit_code) from error
