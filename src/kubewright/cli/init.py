"""The verb ``init``: a new inventory from flags, from addresses on standard input, or from questions."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import typer

from kubewright.cli.common import PrivateKey, User, out
from kubewright.errors import BadInputError
from kubewright.inventory.writing import HOSTS_FILE, NewHost, NewInventory, new_hosts, split_addresses

app = typer.Typer()

MANY = 5
"""So many addresses on standard input, and the first three become control planes."""

_ADDRESS = "ADDRESS|NAME=ADDRESS"
Directory = Annotated[Path, typer.Argument(metavar="DIR", help="Folder of the new inventory.")]
ControlPlanes = Annotated[
    list[str], typer.Option("--control-plane", metavar=_ADDRESS, help="A control plane; repeat it, or use commas.")
]
Workers = Annotated[list[str], typer.Option("--worker", metavar=_ADDRESS, help="A worker; repeat it, or use commas.")]
Bastion = Annotated[
    str, typer.Option("--bastion", metavar=_ADDRESS, help="The host through which the others are reached.")
]
Number = Annotated[
    int,
    typer.Option(
        "--control-planes",
        min=0,
        help=f"How many addresses of standard input become control planes; by default 3 of {MANY} or more, else 1.",
    ),
]
Force = Annotated[bool, typer.Option("--force", help="Overwrite the files of an inventory that is there.")]

_EPILOG = (
    "Examples: kubewright init inventory/mycluster --control-plane 192.0.2.11 --worker 192.0.2.21,192.0.2.22; "
    "kubewright init inventory/mycluster < addresses"
)


@app.command(epilog=_EPILOG)
def init(
    directory: Directory,
    control_planes: ControlPlanes = [],
    workers: Workers = [],
    bastion: Bastion = "",
    user: User = "",
    private_key: PrivateKey = "",
    number: Number = 0,
    force: Force = False,
) -> None:
    """Write a minimal inventory with comments that can be deployed as it is.

    Without --control-plane the addresses are read from standard input, separated by white space or commas, or asked for
    on a terminal.
    """
    planes, others = split_addresses(control_planes), split_addresses(workers)
    _refuse_overwriting(directory, force=force)
    if not planes and others:
        raise BadInputError("--worker", "there is no --control-plane", "Name at least one control plane")
    if not planes and sys.stdin.isatty():
        planes, others, user = _asked(user)
    elif not planes:
        planes, others = _shared_out(split_addresses(sys.stdin), number)
    inventory = NewInventory(
        new_hosts(planes, "cp"),
        new_hosts(others, "worker"),
        bastion=_bastion(bastion),
        user=user,
        private_key=str(Path(private_key).expanduser().absolute()) if private_key else "",
    )
    _write(directory, inventory.files())
    out.print(f"{directory}: control planes: {len(planes)}, workers: {len(others)}", markup=False)
    out.print(f"Next: kubewright topology -i {directory}; kubewright deploy -i {directory}", markup=False)


def _refuse_overwriting(directory: Path, *, force: bool) -> None:
    if directory.exists() and not directory.is_dir():
        raise BadInputError(str(directory), "it is no folder", "Name a new folder")
    there = [path.name for path in (directory.iterdir() if directory.is_dir() else ()) if not path.name.startswith(".")]
    if there and not force:
        cause = f"there is {', '.join(sorted(there)[:5])} already"
        raise BadInputError(str(directory), cause, "Name a new folder, or overwrite the inventory in it with --force")


def _asked(user: str) -> tuple[list[str], list[str], str]:
    planes = split_addresses([typer.prompt("Addresses of control planes (one, three or five)")])
    workers = split_addresses([typer.prompt("Addresses of workers", default="", show_default=False)])
    asked = user or typer.prompt("User for SSH (empty: as SSH is configured)", default="", show_default=False)
    return planes, workers, str(asked).strip()


def _shared_out(addresses: list[str], number: int) -> tuple[list[str], list[str]]:
    if not addresses:
        remedy = "Name hosts with --control-plane and --worker, or give addresses on standard input"
        raise BadInputError("init", "no address was given", remedy)
    planes = number or (3 if len(addresses) >= MANY else 1)
    if planes > len(addresses):
        cause = f"{planes} control planes are wanted of {len(addresses)} addresses"
        raise BadInputError("--control-planes", cause, "Give more addresses")
    return addresses[:planes], addresses[planes:]


def _bastion(text: str) -> NewHost | None:
    return new_hosts([text], "bastion")[0] if text else None


def _write(directory: Path, files: Mapping[str, str]) -> None:
    try:
        for name, text in files.items():
            path = directory / name
            path.parent.mkdir(parents=True, exist_ok=True)
            temporary = path.with_name(f".{path.name}.new")
            temporary.write_text(text, encoding="utf-8")
            temporary.replace(path)
    except OSError as error:
        raise BadInputError(
            str(directory / HOSTS_FILE), f"cannot be written: {error}", "Choose another folder"
        ) from error
