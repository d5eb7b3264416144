"""Verbs that change nothing: status, check and kubectl."""

from __future__ import annotations

import json
import sys

import typer
from rich.console import Console

from kubewright.cli import common
from kubewright.cli.common import leave, out, want_json
from kubewright.cli.running import Options, execute
from kubewright.engine.flow import find_cluster
from kubewright.engine.inputs import Inputs
from kubewright.engine.motor import FORKS, Connection
from kubewright.report.checks import check_table
from kubewright.report.status import status_json, status_tables

app = typer.Typer()


@app.command(epilog="Example: kubewright status -i inventory/mycluster -o json")
def status(
    inventories: common.Inventories,
    output: common.Output = "table",
    verbose: common.Verbose = False,
    user: common.User = "",
    private_key: common.PrivateKey = "",
    ask_pass: common.AskPass = False,
    ask_become_pass: common.AskBecomePass = False,
    vault: common.VaultFiles = [],
    ask_vault: common.AskVault = False,
    extra_vars: common.ExtraVars = [],
    state_dir: common.StateDir = "",
) -> None:
    """Show nodes, versions, etcd health and certificates' expiry, as one control plane tells them."""
    connection = Connection(user, private_key, ask_pass, ask_become_pass, tuple(vault), ask_vault, tuple(extra_vars))
    options = Options(inventories, connection, json=want_json(output), verbose=verbose, state_dir=state_dir)
    run, error = execute("status", options)
    if error is None:
        inputs = Inputs.load(run)
        found = find_cluster(run, inputs)
        if options.json:
            out.print_json(json.dumps(status_json(found.cluster, inputs.names, found.unreachable)))
        else:
            hosts = inputs.settings.hosts
            node_names = {name: hosts[name].kube_override_hostname or name for name in inputs.names.all}
            for part in status_tables(found.cluster, node_names, found.unreachable):
                out.print(part)
    leave(error)


@app.command(epilog="Example: kubewright check -i inventory/mycluster")
def check(
    inventories: common.Inventories,
    limit: common.Limit = "",
    output: common.Output = "table",
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
    """Check from every node.

    Node ready, cluster DNS, a pod on another node, the API through the node's own endpoint.
    """
    connection = Connection(
        user, private_key, ask_pass, ask_become_pass, tuple(vault), ask_vault, tuple(extra_vars), forks
    )
    options = Options(inventories, connection, limit, json=want_json(output), verbose=verbose, state_dir=state_dir)
    run, error = execute("check", options)
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
def kubectl(
    arguments: list[str] = typer.Argument(..., metavar="-- ARGS…", help="Arguments for kubectl."),
    inventories: common.Inventories = [],
    user: common.User = "",
    private_key: common.PrivateKey = "",
    ask_pass: common.AskPass = False,
    ask_become_pass: common.AskBecomePass = False,
    vault: common.VaultFiles = [],
    ask_vault: common.AskVault = False,
    extra_vars: common.ExtraVars = [],
    state_dir: common.StateDir = "",
) -> None:
    """Run kubectl on a control plane with the administrator's rights; its exit code is ours."""
    connection = Connection(user, private_key, ask_pass, ask_become_pass, tuple(vault), ask_vault, tuple(extra_vars))
    options = Options(inventories, connection, state_dir=state_dir)
    run, error = execute("status", options, kubewright_kubectl=arguments)
    if error is not None:
        leave(error)
    answer = run.read("kubectl")
    Console(soft_wrap=True).out(answer["stdout"], end="", highlight=False)
    sys.stderr.write(answer["stderr"])
    raise typer.Exit(int(answer["code"]))
