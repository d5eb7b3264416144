"""Verbs that take nodes, or the whole cluster, away. They ask on a terminal, and never wait without one."""

from __future__ import annotations

import sys
from dataclasses import replace
from typing import Annotated

import typer

from kubewright.cli import common
from kubewright.cli.change import change, run_variables
from kubewright.cli.common import err
from kubewright.cli.confirming import can_ask
from kubewright.cli.options import Options, with_run_options
from kubewright.cli.verbs import require_answer, variables_of
from kubewright.errors import BadInputError

app = typer.Typer()

Confirm = Annotated[str, typer.Option("--confirm", metavar="CLUSTER_NAME", help="With --yes: the cluster's name.")]


@app.command(
    epilog="Examples: kubewright remove -i inventory/mycluster --limit worker7; "
    "kubewright remove -i inventory/mycluster --limit worker8 --offline"
)
@with_run_options
def remove(
    options: Options,
    *,
    limit: common.Limit = "",
    offline: common.Offline = False,
    drain_timeout: common.DrainTimeout = None,
    dry_run: common.DryRun = False,
    force: common.Force = [],
    max_failures: common.MaxFailures = None,
    yes: common.Yes = False,
) -> None:
    """Drain nodes, take them out of etcd and the cluster, and clean their hosts.

    --limit names hosts, or Nodes that the inventory no longer has.
    """
    variables = {**run_variables("remove", force, max_failures), **variables_of("remove", limit, offline=offline)}
    if drain_timeout is not None:
        variables["kubewright_drain_timeout"] = drain_timeout
    require_answer(limit, answered=dry_run or yes)
    change("remove_node", replace(options, limit=limit, dry_run=dry_run), confirmed=yes, **variables)


@app.command(
    epilog="Examples: kubewright reset -i inventory/mycluster; "
    "kubewright reset -i inventory/mycluster --yes --confirm cluster.local"
)
@with_run_options
def reset(options: Options, *, dry_run: common.DryRun = False, yes: common.Yes = False, confirm: Confirm = "") -> None:
    """Take the whole cluster down: clean every host of the inventory that kubewright put something on."""
    if not dry_run:
        _confirm_reset(options, confirm if yes else "")
    change("reset", replace(options, dry_run=dry_run), confirmed=True, **variables_of("reset", ""))


def _confirm_reset(options: Options, confirmed: str) -> None:
    common.check_inventories(options.inventories)
    # Only reset reads the inventory here; Ansible does so by itself.
    from kubewright.cli.loading import load_inventory  # noqa: PLC0415
    from kubewright.settings import parse  # noqa: PLC0415

    inventory = load_inventory(options)
    name = parse(inventory.by_name).cluster.cluster_name
    if confirmed and confirmed != name:
        raise BadInputError(f"--confirm {confirmed}", f"the cluster's name is {name}", f"Give --confirm {name}")
    if not confirmed:
        remedy = f"Give --yes --confirm {name}"
        _ask(f"All of cluster {name} will be lost. Type its name", name, f"reset {name}", remedy)


def _ask(question: str, wanted: str, subject: str, remedy: str) -> None:
    if not can_ask(err):
        raise BadInputError(subject, "it was not confirmed, and there is no terminal to ask on", remedy)
    err.print(f"{question}: ", end="", markup=False)
    if sys.stdin.readline().strip() != wanted:
        raise BadInputError(subject, "it was not confirmed; nothing was changed", remedy)
