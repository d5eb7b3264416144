"""The verb ``settings``: the reference of settings, or one of them."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator
from typing import Annotated

import typer

from kubewright.cli import common
from kubewright.cli.common import out, want_json
from kubewright.errors import BadInputError
from kubewright.settings.entries import Entry, entries
from kubewright.settings.nearest import closest

app = typer.Typer()

Name = Annotated[str, typer.Argument(metavar="[NAME]", help="One setting; without it, all that are honoured.")]
All = Annotated[bool, typer.Option("--all", help="Kubespray's others, too.")]


@app.command(epilog="Example: kubewright settings kube_pods_subnet")
def settings(name: Name = "", every: All = False, output: common.Output = "table") -> None:
    """Show what a setting means, its values and default, and whether it is honoured."""
    as_json = want_json(output)
    chosen = [_named(name)] if name else [entry for entry in entries().values() if every or entry.scope]
    if as_json:
        values = [dataclasses.asdict(entry) for entry in chosen]
        out.print_json(json.dumps(values[0] if name else values))
        return
    lines = _one(chosen[0]) if name else (f"{entry.name}: {entry.text}{_short(entry)}" for entry in chosen)
    for line in lines:
        out.print(line, markup=False)


def _named(name: str) -> Entry:
    """Return a setting.

    Raises:
        BadInputError: there is none of that name; the nearest names are told.

    """
    if entry := entries().get(name):
        return entry
    near = closest(name)
    remedy = f"Near it are: {', '.join(near)}" if near else "List them with: kubewright settings --all"
    raise BadInputError(name, "is no setting of kubewright's or Kubespray's", remedy)


def _short(entry: Entry) -> str:
    parts = [f"default {entry.default}" if entry.default and entry.default != "must be given" else entry.default]
    if not entry.scope:
        parts.append(str(entry.state))
    told = ", ".join(part for part in parts if part)
    return f" ({told})" if told else ""


def _one(entry: Entry) -> Iterator[str]:
    yield entry.name
    yield f"  {entry.text}"
    yield f"  State: {entry.state}" + (f" ({entry.note})" if entry.note else "")
    if entry.accepted:
        yield f"  Accepted: {', '.join(entry.accepted)}"
    yield f"  Values: {entry.kind}" + (f", {entry.unit}" if entry.unit else "")
    if entry.default:
        whose = "Default" if entry.scope else "Kubespray's default"
        yield f"  {whose}: {entry.default}"
    if entry.scope:
        yield f"  Given for: {'the whole cluster' if entry.scope == 'cluster' else 'each host'}"
