"""Verbs that change a cluster."""

from __future__ import annotations

import json
from typing import Any

import typer

from kubewright.cli import common
from kubewright.cli.common import leave, out, want_json
from kubewright.cli.running import Options, execute, show_plan
from kubewright.engine.motor import FORKS, Connection
from kubewright.engine.record import Run
from kubewright.errors import KubewrightError, StepFailedError
from kubewright.plan import Plan
from kubewright.report.text import nothing_to_do

app = typer.Typer()


def _change(playbook: str, verb_options: dict[str, Any]) -> None:
    strict = verb_options.pop("strict")
    options = _options(**verb_options)
    run, error = execute(playbook, options, kubewright_strict=strict)
    if options.dry_run or error is None:
        _show(run, options, error)
    leave(error or (None if options.dry_run else left_out(run)))


def _options(
    *,
    inventories: list[str],
    limit: str,
    dry_run: bool,
    output: str,
    verbose: bool,
    user: str,
    private_key: str,
    ask_pass: bool,
    ask_become_pass: bool,
    vault: list[str],
    ask_vault: bool,
    extra_vars: list[str],
    forks: int,
    state_dir: str,
) -> Options:
    connection = Connection(
        user=user,
        private_key=private_key,
        ask_pass=ask_pass,
        ask_become_pass=ask_become_pass,
        vault_password_files=tuple(vault),
        ask_vault_pass=ask_vault,
        extra_vars=tuple(extra_vars),
        forks=forks,
    )
    return Options(inventories, connection, limit, dry_run, want_json(output), verbose, state_dir)


def _show(run: Run, options: Options, error: KubewrightError | None) -> None:
    if options.dry_run:
        show_plan(run, options)
        return
    plan = Plan.from_json(run.read("plan"))
    events = run.events()
    changed = sum(
        1 for event in events if event["event"] == "end" and event.get("changed") and event["stage"] != "check"
    )
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


def left_out(run: Run) -> StepFailedError | None:
    """The error that a run ends with which did all it could, but not on every host; None where none was left out."""
    later = [str(event["host"]) for event in run.events() if event["event"] == "left"]
    silent = run.read("unreachable") if run.has("unreachable") else {}
    hosts = sorted({*later, *silent})
    if not hosts:
        return None
    return StepFailedError(
        f"hosts {', '.join(hosts)}",
        "they did not answer and were left out; all else is done",
        "Bring them back and run the same command again",
    )


@app.command(epilog="Example: kubewright deploy -i inventory/mycluster --dry-run")
def deploy(
    inventories: common.Inventories,
    limit: common.Limit = "",
    dry_run: common.DryRun = False,
    strict: common.Strict = False,
    output: common.Output = "table",
    yes: common.Yes = False,
    verbose: common.Verbose = False,
    user: common.User = "",
    private_key: common.PrivateKey = "",
    ask_pass: common.AskPass = False,
    ask_become_pass: common.AskBecomePass = False,
    vault: common.VaultFiles = [],
    ask_vault: common.AskVault = False,
    extra_vars: common.ExtraVars = [],
    forks: common.Forks = FORKS,
    state_dir: common.StateDir = "",
) -> None:
    """Create the cluster, add what is missing, correct what differs."""
    options = {key: value for key, value in locals().items() if key != "yes"}
    _change("cluster", options)


@app.command(epilog="Example: kubewright scale -i inventory/mycluster --limit worker7,worker8")
def scale(
    inventories: common.Inventories,
    limit: common.Limit = "",
    dry_run: common.DryRun = False,
    strict: common.Strict = False,
    output: common.Output = "table",
    yes: common.Yes = False,
    verbose: common.Verbose = False,
    user: common.User = "",
    private_key: common.PrivateKey = "",
    ask_pass: common.AskPass = False,
    ask_become_pass: common.AskBecomePass = False,
    vault: common.VaultFiles = [],
    ask_vault: common.AskVault = False,
    extra_vars: common.ExtraVars = [],
    forks: common.Forks = FORKS,
    state_dir: common.StateDir = "",
) -> None:
    """Add hosts of the inventory that are not in the cluster yet; existing nodes only learn of the new ones."""
    options = {key: value for key, value in locals().items() if key != "yes"}
    _change("scale", options)
