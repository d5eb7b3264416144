"""The verb ``validate``: everything that an inventory alone shows, in one report."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import typer

from kubewright import catalog, settings, topology
from kubewright.cli import common
from kubewright.cli.common import out, state_directory, want_json
from kubewright.errors import BadInputError, BadInputErrors, ExitCode, KubewrightError
from kubewright.inventory import Inventory, load, renamed_groups
from kubewright.inventory.known import group_names, known_of
from kubewright.inventory.remembered import remembered
from kubewright.report.validate import Validation, validation_json, validation_lines

app = typer.Typer()
Result = TypeVar("Result")


@app.command(epilog="Example: kubewright validate -i inventory/mycluster --strict")
def validate(
    inventories: common.Inventories,
    strict: common.Strict = False,
    output: common.Output = "table",
    vault: common.VaultFiles = [],
    ask_vault: common.AskVault = False,
    extra_vars: common.ExtraVars = [],
    state_dir: common.StateDir = "",
) -> None:
    """Show what is wrong with an inventory, what will be ignored and why. No connection is made."""
    as_json = want_json(output)
    directory = state_directory(inventories, state_dir)
    errors: list[KubewrightError] = []
    inventory = _collected(
        errors, lambda: load(inventories, extra_vars=extra_vars, vault_password_files=vault, ask_vault_pass=ask_vault)
    )
    report = Validation(tuple(errors)) if inventory is None else judged(inventory, directory, strict=strict)
    if as_json:
        out.print_json(json.dumps(validation_json(report)))
    else:
        for line in validation_lines(report):
            out.print(line, markup=False)
    raise typer.Exit(ExitCode.BAD_INPUT if report.errors else ExitCode.DONE)


def judged(inventory: Inventory, directory: Path, *, strict: bool) -> Validation:
    """Return the report on a loaded inventory; ``directory`` is where earlier runs kept what they found."""
    errors: list[KubewrightError] = []
    hosts = inventory.by_name
    parsed = _collected(errors, lambda: settings.parse(hosts, strict=strict))
    if parsed is not None:
        _collected(errors, lambda: catalog.load().release(parsed.cluster.kube_version))
    read = _collected(errors, lambda: topology.read_settings(hosts))
    names, notices = group_names(inventory), list(inventory.warnings)
    missing: tuple[str, ...] = ()
    if read is not None:
        memory = remembered(directory, max_age=read[0].cluster.kubewright_fact_max_age)
        found = topology.survey(names, read[0], known_of(names.all, memory), read[1])
        errors.extend(found.errors)
        notices.extend(str(notice) for notice in found.notices)
        missing = found.missing
    members = len(names.control_plane)
    if members and members % 2 == 0:
        notices.append(f"etcd: {members} members are even; a new cluster needs an odd number of control planes")
    return Validation(
        errors=tuple({(error.subject, error.cause): error for error in errors}.values()),
        findings=settings.survey(hosts),
        renamed=renamed_groups(group for host in inventory.hosts for group in host.groups),
        counts={
            "hosts": len(names.all),
            "control planes": len(names.control_plane),
            "workers": len([name for name in names.worker if name not in names.control_plane]),
        },
        missing=missing,
        notices=tuple(notices),
    )


def _collected(errors: list[KubewrightError], action: Callable[[], Result]) -> Result | None:
    """Return the result, or add what is wrong to the errors."""
    try:
        return action()
    except BadInputErrors as several:
        errors.extend(several.errors)
    except BadInputError as error:
        errors.append(error)
    return None
