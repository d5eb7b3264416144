"""Verbs that change nothing: status, check and kubectl."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from typing import Annotated

import typer
from rich.console import Console

from kubewright.cli import common
from kubewright.cli.common import leave, out
from kubewright.cli.options import Options, with_run_options
from kubewright.cli.running import execute
from kubewright.engine.inputs import Inputs
from kubewright.engine.leftout import left_out
from kubewright.engine.record import Run
from kubewright.engine.standing import stand
from kubewright.errors import KubewrightError
from kubewright.observe.states import classify
from kubewright.report.checks import check_table
from kubewright.report.status import status_json, status_tables

app = typer.Typer()


@app.command(epilog="Example: kubewright status -i inventory/mycluster -o json")
@with_run_options
def status(options: Options) -> None:
    """Show the cluster's state and what to do next; nodes, versions, etcd, certificates, the lock and the last run."""
    run, error = execute("status", options)
    leave(error or _show_status(run, options))


def _show_status(run: Run, options: Options) -> KubewrightError | None:
    """Show what was found out; the error to end with where no control plane could tell the cluster's state."""
    inputs = Inputs.load(run)
    evidence, error = stand(run, inputs)
    state = classify(evidence)
    if options.json:
        out.print_json(json.dumps(status_json(evidence, state, inputs.names)))
        return error
    hosts = inputs.settings.hosts
    node_names = {name: hosts[name].kube_override_hostname or name for name in inputs.names.all}
    for part in status_tables(evidence, state, node_names):
        out.print(part)
    return error


@app.command(epilog="Example: kubewright check -i inventory/mycluster")
@with_run_options
def check(options: Options, *, limit: common.Limit = "") -> None:
    """Check from every node.

    Node ready, cluster DNS, a pod on another node, the API through the node's own endpoint.
    """
    run, error = execute("check", replace(options, limit=limit))
    checks = run.read_all("checks")
    if options.json:
        out.print_json(json.dumps(checks))
    elif checks:
        out.print(check_table(checks))
    leave(error or left_out(run))


@app.command(
    context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False},
    epilog="Example: kubewright kubectl -i inventory/mycluster -- get pods -A",
)
@with_run_options
def kubectl(
    options: Options,
    *,
    arguments: Annotated[list[str], typer.Argument(metavar="-- ARGS…", help="Arguments for kubectl.")],
) -> None:
    """Run kubectl on a control plane with the administrator's rights; its exit code is ours."""
    run, error = execute("status", options, kubewright_kubectl=arguments)
    if error is not None:
        leave(error)
    answer = run.read("kubectl")
    Console(soft_wrap=True).out(answer["stdout"], end="", highlight=False)
    sys.stderr.write(answer["stderr"])
    raise typer.Exit(int(answer["code"]))
