"""``kubewright unlock``: show who holds the cluster's lock, and break it."""

from __future__ import annotations

import json
import sys

import typer

from kubewright.cli import common
from kubewright.cli.common import leave, out
from kubewright.cli.options import Options, with_run_options
from kubewright.cli.running import execute
from kubewright.engine.actions.locking import holders_found
from kubewright.engine.processes import has_ended, is_local
from kubewright.errors import BadInputError

app = typer.Typer()


def holder_lines(holder: dict[str, str]) -> list[str]:
    """The holder as a person reads it."""
    state = "unknown: its machine is another one"
    if is_local(holder):
        state = "has ended, so the next run takes the lock over" if has_ended(holder) else "is at work"
    return [
        f"Held by {holder['user']} on {holder['host']} since {holder['since']}",
        f"  command: {holder['command']}",
        f"  process: {holder['pid']} ({state})",
        f"  run:     {holder['id']}",
    ]


@app.command(epilog="Example: kubewright unlock -i inventory/mycluster")
@with_run_options
def unlock(options: Options, *, yes: common.Yes = False) -> None:
    """Show who holds the cluster's lock, and break it: only for a run that is gone and cannot come back.

    A run whose lock is broken begins no further step.
    """
    run, error = execute("unlock", options)
    if error is not None:
        leave(error)
    holders = holders_found(run)
    if not options.json:
        for line in [line for holder in holders for line in holder_lines(holder)] or ["Nobody holds the lock."]:
            out.print(line, markup=False)
    broken = [holder["id"] for holder in holders if _wanted(holder, options, yes=yes)]
    for identity in broken:
        _run, error = execute("unlock", options, unlock_confirmation=True, kubewright_lock_id=identity)
        if error is not None:
            leave(error)
    if options.json:
        out.print_json(json.dumps({"holders": holders, "broken": broken}))
    elif broken:
        out.print("The lock is broken.")
    leave(None)


def _wanted(holder: dict[str, str], options: Options, *, yes: bool) -> bool:
    """Whether this holder's lock is to be broken.

    Raises:
        BadInputError: nobody can be asked.

    """
    if yes:
        return True
    if options.json or not sys.stdin.isatty():
        raise BadInputError(
            "unlock", f"{holder['user']} on {holder['host']} holds the lock, and nobody can be asked", "Add --yes"
        )
    return typer.confirm("Break it? The run that holds it begins no further step", default=False)
