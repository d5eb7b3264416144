"""The plan of a verb, and nothing else."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from kubewright.cli import common
from kubewright.cli.common import leave
from kubewright.cli.options import Options, with_run_options
from kubewright.cli.running import execute, show_plan
from kubewright.engine.saving import save_plan
from kubewright.errors import BadInputError, ExitCode
from kubewright.plan import Plan

app = typer.Typer()

PLAYBOOKS = {"deploy": "cluster", "scale": "scale", "check": "check"}
"""Playbook by verb, of those that have a plan. ``deploy`` does everything that destroys nothing."""


def playbook_of(verb: str) -> str:
    """Name the playbook that carries out a verb.

    Raises:
        BadInputError: the verb has no plan.

    """
    if verb not in PLAYBOOKS:
        raise BadInputError(f"plan {verb}", "there is no such verb with a plan", f"Use {', '.join(PLAYBOOKS)}")
    return PLAYBOOKS[verb]


@app.command(epilog="Example: kubewright plan -i inventory/mycluster --detailed-exitcode")
@with_run_options
def plan(
    options: Options,
    *,
    verb: Annotated[str, typer.Argument(metavar="deploy|scale|check", help="What is planned.")] = "deploy",
    limit: common.Limit = "",
    strict: common.Strict = False,
    out_file: Annotated[
        str, typer.Option("--out", metavar="FILE", help="Keep the plan for kubewright apply FILE.")
    ] = "",
    detailed_exitcode: Annotated[
        bool, typer.Option("--detailed-exitcode", help="End with 2 where there is something to do.")
    ] = False,
) -> None:
    """Show what a verb would do, as its --dry-run does; nothing is changed."""
    _check_out(verb, out_file)
    asked = replace(options, limit=limit, dry_run=True)
    run, error = execute(playbook_of(verb), asked, kubewright_strict=strict)
    show_plan(run, asked)
    if error is None and out_file:
        save_plan(run, Path(out_file))
    if error is None and detailed_exitcode and not Plan.from_json(run.read("plan")).empty:
        raise typer.Exit(ExitCode.DIFFERENCES)
    leave(error)


def _check_out(verb: str, path: str) -> None:
    if path and verb == "check":
        raise BadInputError("--out", "check changes nothing, so there is nothing to save", "Run kubewright check")
