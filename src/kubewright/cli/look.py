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
from kubewright.engine.flow import find_cluster
from kubewright.engine.inputs import Inputs
from kubewright.engine.record import Run
from kubewright.report.checks import check_table
from kubewright.report.status import status_json, status_tables

app = typer.Typer()


@app.command(epilog="Example: kubewright status -i inventory/mycluster -o json")
@with_run_options
def status(options: Options) -> None:
    """Show nodes, versions, etcd health and certificates' expiry, as one control plane tells them."""
    run, error = execute("status", options)
    if error is None:
        _show_status(run, options)
    leave(error)


def _show_status(run: Run, options: Options) -> None:
    inputs = Inputs.load(run)
    found = find_cluster(run, inputs)
    if options.json:
        out.print_json(json.dumps(status_json(found.cluster, inputs.names, found.unreachable)))
        return
    hosts = inputs.settings.hosts
    node_names = {name: hosts[name].kube_override_hostname or name for name in inputs.names.all}
    for part in status_tables(found.cluster, node_names, found.unreachable):
        out.print(part)


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
    leave(error)


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
