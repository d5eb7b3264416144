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
from kubewright.cli.verbs import PLAYBOOKS, forced, playbook_of, refuse_to_keep, variables_of
from kubewright.engine.leftout import left_out
from kubewright.errors import ExitCode
from kubewright.plan import Plan

app = typer.Typer()

EXAMPLES = (
    "Examples: kubewright plan -i inventory/mycluster --detailed-exitcode; "
    "kubewright plan remove -i inventory/mycluster --limit worker7 --out worker7.plan"
)


@app.command(epilog=EXAMPLES)
@with_run_options
def plan(
    options: Options,
    *,
    verb: Annotated[str, typer.Argument(metavar="|".join(PLAYBOOKS), help="What is planned.")] = "deploy",
    limit: common.Limit = "",
    strict: common.Strict = False,
    force: common.Force = [],
    offline: common.Offline = False,
    out_file: Annotated[
        str, typer.Option("--out", metavar="FILE", help="Keep the plan for kubewright apply FILE.")
    ] = "",
    detailed_exitcode: Annotated[
        bool, typer.Option("--detailed-exitcode", help="End with 2 where there is something to do.")
    ] = False,
) -> None:
    """Show what a verb would do, as its --dry-run does; nothing is changed."""
    playbook = playbook_of(verb)
    if out_file:
        refuse_to_keep(verb, "--out")
    variables = {**variables_of(verb, limit, offline=offline), **forced(verb, force)}
    asked = replace(options, limit=limit, dry_run=True)
    run, error = execute(playbook, asked, kubewright_strict=strict, **variables)
    show_plan(run, asked)
    if error is None and out_file:
        from kubewright.engine.saving import save_plan  # noqa: PLC0415  what makes plans is needed here only

        save_plan(run, Path(out_file))
    error = error or left_out(run)
    if error is None and detailed_exitcode and not Plan.from_json(run.read("plan")).empty:
        raise typer.Exit(ExitCode.DIFFERENCES)
    leave(error)
