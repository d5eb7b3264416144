"""The verb ``topology``: every host's addresses, names and roles, and where each value came from."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import typer

from kubewright.cli.asking import asked
from kubewright.cli.common import check_inventories, err, leave, out
from kubewright.cli.loading import load_inventory, state_directory
from kubewright.cli.options import Options, with_run_options
from kubewright.errors import BadInputError, BadInputErrors
from kubewright.inventory import Inventory, InventoryHost
from kubewright.inventory.known import group_names, known_of
from kubewright.inventory.remembered import remembered
from kubewright.report.topology import explanation, fact_json, survey_json, survey_parts
from kubewright.settings import HONOURED_NAMES
from kubewright.settings.types import without_passwords
from kubewright.topology import VARIABLES, Fact, KnownAddresses, Survey, read_settings, survey

app = typer.Typer()

_EPILOG = (
    "Examples: kubewright topology -i inventory/mycluster; "
    "kubewright topology -i inventory/mycluster --explain worker1 main_access_ip"
)

Explain = Annotated[
    tuple[str, str] | None,
    typer.Option("--explain", metavar="HOST VARIABLE", help="Explain one value of one host."),
]


Online = Annotated[
    bool, typer.Option("--online", help="Ask the live cluster, and hosts whose address nothing else gives.")
]


@app.command(epilog=_EPILOG)
@with_run_options
def topology(options: Options, *, explain: Explain = None, online: Online = False) -> None:
    """Show every host's addresses, names and roles with their origin. Without --online no connection is made.

    What is known comes from the inventory and from what earlier runs found. A host whose address neither gives is
    listed with what to do about it; --online, deploy and scale ask the live cluster and the host itself.
    """
    check_inventories(options.inventories)
    inventory = load_inventory(options)
    directory = state_directory(options, inventory)
    found = _survey(inventory, directory, _ask(options) if online else {})
    if explain is not None:
        _explain(inventory, found, *explain, as_json=options.json)
    elif options.json:
        out.print_json(json.dumps(survey_json(found)))
    else:
        for part in survey_parts(found):
            out.print(part)
    if found.errors:
        raise BadInputErrors(found.errors)


def _ask(options: Options) -> dict[str, KnownAddresses]:
    """Return what the live cluster says, and the hosts that it does not know.

    Ends the command where nobody can be asked.
    """
    known, error = asked(options)
    if error is not None:
        leave(error)
    return known


def _survey(inventory: Inventory, directory: Path, asked: Mapping[str, KnownAddresses]) -> Survey:
    settings, stack = read_settings(inventory.by_name)
    memory = remembered(directory, max_age=settings.cluster.kubewright_fact_max_age)
    for warning in inventory.warnings:
        err.print(f"Note: {warning}", markup=False)
    names = group_names(inventory)
    return survey(names, settings, {**known_of(names.all, memory), **asked}, stack)


def _explain(inventory: Inventory, found: Survey, host: str, variable: str, *, as_json: bool) -> None:
    if host not in found.facts:
        cause = f"{host} is not a cluster host of this inventory"
        raise BadInputError("--explain", cause, f"Name one of: {', '.join(found.facts)}")
    fact = found.facts[host].get(variable) or _given(inventory, host, variable)
    if as_json:
        out.print_json(json.dumps({"host": host, "variable": variable, **fact_json(fact)}))
        return
    for line in explanation(host, variable, fact):
        out.print(line, markup=False)


def _given(inventory: Inventory, host: str, variable: str) -> Fact:
    """Explain a variable of the inventory.

    Raises:
        BadInputError: the host has no such variable.

    """
    known = inventory[host]
    if variable not in known.variable_names:
        cause = f"{variable} is not set for {host}, and it is none of what kubewright computes"
        raise BadInputError("--explain", cause, f"Computed are: {', '.join(VARIABLES)}")
    return Fact(_shown(known, variable), known.origin(variable) or "the inventory")


def _shown(host: InventoryHost, variable: str) -> str:
    """Return a variable's value; only of those that kubewright honours, for what others mean can be secret."""
    if variable not in HONOURED_NAMES:
        return "(not shown: kubewright does nothing with it)"
    value = host.variables.get(variable)
    return without_passwords(value if isinstance(value, str) else json.dumps(value, default=str))
