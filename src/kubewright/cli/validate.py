"""The verb ``validate``: everything that an inventory alone shows, in one report."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, TypeVar

import typer

from kubewright import catalog, settings, topology
from kubewright.cli import common
from kubewright.cli.asking import asked
from kubewright.cli.common import check_inventories, out
from kubewright.cli.loading import load_inventory, state_directory
from kubewright.cli.options import Options, with_run_options
from kubewright.errors import BadInputError, BadInputErrors, ExitCode, KubewrightError
from kubewright.inventory import Inventory, renamed_groups
from kubewright.inventory.known import group_names, known_of
from kubewright.inventory.remembered import Remembered, remembered
from kubewright.report.validate import Validation, validation_json, validation_lines

app = typer.Typer()
Result = TypeVar("Result")
NOBODY_ASKED: Mapping[str, topology.KnownAddresses] = MappingProxyType({})


Online = Annotated[
    bool, typer.Option("--online", help="Ask the live cluster, and hosts whose address nothing else gives.")
]


@app.command(epilog="Example: kubewright validate -i inventory/mycluster --strict")
@with_run_options
def validate(options: Options, *, strict: common.Strict = False, online: Online = False) -> None:
    """Show what is wrong with an inventory, what will be ignored and why. Without --online no connection is made."""
    check_inventories(options.inventories)
    errors: list[KubewrightError] = []
    inventory = _collected(errors, lambda: load_inventory(options))
    # What is wrong with the settings, so that the cluster's name is not known, is told with all else that is.
    directory = None if inventory is None else _collected([], lambda: state_directory(options, inventory))
    report = Validation(tuple(errors)) if inventory is None else judged(inventory, directory, strict=strict)
    if online and inventory is not None and not report.errors:
        known, error = asked(options)
        report = judged(inventory, directory, strict=strict, known=known)
        report = report if error is None else _with(report, error)
    if options.json:
        out.print_json(json.dumps(validation_json(report)))
    else:
        for line in validation_lines(report):
            out.print(line, markup=False)
    raise typer.Exit(max((error.exit_code for error in report.errors), default=ExitCode.DONE))


def judged(
    inventory: Inventory,
    directory: Path | None,
    *,
    strict: bool,
    known: Mapping[str, topology.KnownAddresses] = NOBODY_ASKED,
) -> Validation:
    """Return the report on a loaded inventory.

    Args:
        inventory: all of it.
        directory: where earlier runs kept what they found; None where that is not known.
        strict: settings that are not honoured, and likely mistakes, are errors.
        known: what the cluster and hosts said of addresses, if they were asked.

    """
    errors: list[KubewrightError] = []
    hosts = inventory.by_name
    parsed = _collected(errors, lambda: settings.parse(hosts, strict=strict))
    if parsed is not None:
        _collected(errors, lambda: catalog.load().release(parsed.cluster.kube_version))
    read = _collected(errors, lambda: topology.read_settings(hosts))
    names, notices = group_names(inventory), list(inventory.warnings)
    missing: tuple[str, ...] = ()
    if read is not None:
        max_age = read[0].cluster.kubewright_fact_max_age
        memory = Remembered() if directory is None else remembered(directory, max_age=max_age)
        found = topology.survey(names, read[0], {**known_of(names.all, memory), **known}, read[1])
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


def _with(report: Validation, error: KubewrightError) -> Validation:
    """Return the report with what went wrong while asking."""
    several = error.errors if isinstance(error, BadInputErrors) else (error,)
    return dataclasses.replace(report, errors=(*report.errors, *several))


def _collected(errors: list[KubewrightError], action: Callable[[], Result]) -> Result | None:
    """Return the result, or add what is wrong to the errors."""
    try:
        return action()
    except BadInputErrors as several:
        errors.extend(several.errors)
    except BadInputError as error:
        errors.append(error)
    return None
