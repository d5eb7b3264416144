"""Verbs that change a cluster."""

from __future__ import annotations

import functools
import json
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import typer

from kubewright.cli import common
from kubewright.cli.common import leave, out
from kubewright.cli.options import Options, with_run_options
from kubewright.cli.running import execute, show_plan
from kubewright.cli.verbs import forced, playbook_of, refuse_to_keep, require_answer, variables_of
from kubewright.engine.leftout import left_out
from kubewright.engine.record import Run
from kubewright.errors import BadInputError, KubewrightError
from kubewright.plan import Plan
from kubewright.report.outcome import changed_steps
from kubewright.report.text import nothing_to_do

app = typer.Typer()


def run_variables(verb: str, force: list[str], max_failures: int | None, *, strict: bool = False) -> dict[str, Any]:
    """What the playbook is told of the options that these verbs have in common."""
    bound = {} if max_failures is None else {"kubewright_max_failures": max_failures}
    return {"kubewright_strict": strict, **forced(verb, force), **bound}


def change(playbook: str, options: Options, *, confirmed: bool, **variables: Any) -> None:
    """Run a playbook that changes something, show how it ended and leave with its exit code."""
    run, error = execute(playbook, options, confirmed=confirmed, **variables)
    if options.dry_run or error is None:
        _show(run, options, error)
    leave(error or left_out(run))


def _show(run: Run, options: Options, error: KubewrightError | None) -> None:
    if options.dry_run:
        show_plan(run, options)
        return
    plan = Plan.from_json(run.read("plan"))
    events = run.events()
    changed = changed_steps(events)
    if options.json:
        out.print_json(
            json.dumps(
                {"verb": plan.verb, "changed": changed, "left": list(plan.left), "error": str(error) if error else None}
            )
        )
        return
    if plan.empty:
        out.print(nothing_to_do(plan))
    else:
        out.print(f"Done: {changed} steps changed something." if changed else "Done: nothing changed.")
    for event in events:
        if event["event"] == "kubeconfig":
            out.print(f"Kubeconfig: {event['path']}")
        if event["event"] == "left":
            out.print(f"Left: {event['host']} ({event['cause']}); the next run brings it up to date.")
    for sentence in plan.left:
        out.print(f"Left: {sentence}.")


@app.command(epilog="Example: kubewright deploy -i inventory/mycluster --dry-run")
@with_run_options
def deploy(
    options: Options,
    *,
    limit: common.Limit = "",
    dry_run: common.DryRun = False,
    strict: common.Strict = False,
    force: common.Force = [],
    max_failures: common.MaxFailures = None,
    yes: common.Yes = False,
) -> None:
    """Create the cluster, add what is missing, correct what differs."""
    told = run_variables("deploy", force, max_failures, strict=strict)
    change("cluster", replace(options, limit=limit, dry_run=dry_run), confirmed=yes, **told)


@app.command(epilog="Example: kubewright scale -i inventory/mycluster --limit worker7,worker8")
@with_run_options
def scale(
    options: Options,
    *,
    limit: common.Limit = "",
    dry_run: common.DryRun = False,
    strict: common.Strict = False,
    force: common.Force = [],
    max_failures: common.MaxFailures = None,
    yes: common.Yes = False,
) -> None:
    """Add hosts of the inventory that are not in the cluster yet; existing nodes only learn of the new ones."""
    told = run_variables("scale", force, max_failures, strict=strict)
    change("scale", replace(options, limit=limit, dry_run=dry_run), confirmed=yes, **told)


@app.command(epilog="Example: kubewright apply -i inventory/mycluster; kubewright apply cluster.plan")
@functools.partial(with_run_options, inventory_needed=False)
def apply(
    options: Options,
    *,
    file: Annotated[str, typer.Argument(metavar="FILE", help="A plan from kubewright plan --out FILE.")] = "",
    limit: common.Limit = "",
    dry_run: common.DryRun = False,
    strict: common.Strict = False,
    force: common.Force = [],
    max_failures: common.MaxFailures = None,
    yes: common.Yes = False,
) -> None:
    """Carry out a plan file if all is still as it was then; without FILE, everything that destroys nothing."""
    if not file:
        told = run_variables("deploy", force, max_failures, strict=strict)
        change("cluster", replace(options, limit=limit, dry_run=dry_run), confirmed=yes, **told)
        return
    if limit:
        raise BadInputError("--limit", f"the plan file {file} has its own", "Leave it out, or make another plan")
    from kubewright.engine.saving import read_plan_file  # noqa: PLC0415  as above

    path = Path(file).absolute()
    saved = read_plan_file(path)
    verb, limit = saved.plan.verb, ",".join(saved.plan.limit or ())
    refuse_to_keep(verb, f"plan file {path}")
    variables = variables_of(verb, limit, offline=saved.offline)
    # What the plan skips was approved with it; what is given here is compared with that.
    told = run_variables(verb, force or list(saved.force), max_failures, strict=strict)
    if verb == "remove":
        require_answer(limit, answered=dry_run or yes)
    again = replace(options, inventories=options.inventories or list(saved.sources), limit=limit, dry_run=dry_run)
    change(playbook_of(verb), again, confirmed=yes, kubewright_plan_file=str(path), **told, **variables)
