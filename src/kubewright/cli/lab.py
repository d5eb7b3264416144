"""``kubewright lab``: real nodes on this machine, and the inventory that reaches them."""

from __future__ import annotations

import enum
import json
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Annotated, Any, TypeVar

import rich.box
import rich.console
import rich.table
import typer

from kubewright.lab import Lab, UpOutcome, lab_names

app = typer.Typer(
    name="lab",
    help="Boot real nodes in podman on this machine and write an inventory that reaches them. Deploys nothing.",
    no_args_is_help=True,
    rich_markup_mode=None,
)


class Output(enum.StrEnum):
    """How an answer is printed."""

    TABLE = "table"
    JSON = "json"


NameArgument = Annotated[str, typer.Argument(help="Name of the lab.", metavar="NAME")]
NodeArgument = Annotated[str, typer.Argument(help="Name of the node, such as cp1 or w2.", metavar="NODE")]
OutputOption = Annotated[Output, typer.Option("-o", "--output", help="How to print the answer.")]
_WIDE = 240
_Verb = TypeVar("_Verb", bound=Callable[..., None])


def _examples(*lines: str) -> Callable[[_Verb], _Verb]:
    """Add examples to a verb's help, each on a line of its own."""

    def add(verb: _Verb) -> _Verb:
        # A backspace on a line of its own keeps the lines of a paragraph as they are.
        verb.__doc__ = "\n".join((f"{verb.__doc__}\n\n\b\nExamples:", *(f"  {line}" for line in lines)))
        return verb

    return add


@app.command()
@_examples(
    "kubewright lab up",
    "kubewright lab up big --control-planes 3 --workers 2",
    "kubewright deploy -i $(kubewright lab path big)",
)
def up(
    name: NameArgument = "default",
    control_planes: Annotated[int, typer.Option("--control-planes", help="Nodes meant as control planes.")] = 1,
    workers: Annotated[int, typer.Option("--workers", help="Nodes meant as workers.")] = 1,
    kubernetes: Annotated[
        str | None, typer.Option("--kubernetes", metavar="V", help="Version for the inventory's kube_version.")
    ] = None,
    *,
    second_network: Annotated[
        bool, typer.Option("--second-network", help="Two networks: default route on the first, ip on the second.")
    ] = False,
    addresses: Annotated[bool, typer.Option("--addresses", help="Write ip and access_ip into the inventory.")] = False,
) -> None:
    """Boot a lab's nodes and write its inventory; start them again where they were stopped."""
    lab = Lab(name, progress=_Clock())
    outcome = lab.up(control_planes, workers, kubernetes=kubernetes, second_network=second_network, addresses=addresses)
    said = {
        UpOutcome.BOOTED: "is up",
        UpOutcome.STARTED: "was there and is up again",
        UpOutcome.UNCHANGED: "was already up in this shape; nothing was done",
    }[outcome]
    typer.echo(f"lab {name} {said}: {lab.record.shape}\ninventory: {lab.inventory}")


@app.command()
@_examples(
    "kubewright lab grow default --workers 1",
    "kubewright scale -i $(kubewright lab path default) --limit w2",
)
def grow(
    name: NameArgument,
    workers: Annotated[int, typer.Option("--workers", help="Workers to add.")] = 0,
    control_planes: Annotated[int, typer.Option("--control-planes", help="Control planes to add.")] = 0,
) -> None:
    """Boot more nodes and add them to the inventory; the cluster does not know them before kubewright scale."""
    lab = Lab(name, progress=_Clock())
    added = lab.grow(workers, control_planes)
    typer.echo(f"lab {name} has grown by {', '.join(node.name for node in added)}: {lab.record.shape}")


@app.command("stop-node")
@_examples(
    "kubewright lab stop-node default w1",
    "kubewright lab stop-node default cp1 --kill",
)
def stop_node(
    name: NameArgument,
    node: NodeArgument,
    *,
    kill: Annotated[bool, typer.Option("--kill", help="As a power cut would, instead of shutting it down.")] = False,
) -> None:
    """Stop a node; its data and address stay."""
    Lab(name).stop_node(node, kill=kill)


@app.command("start-node")
@_examples(
    "kubewright lab start-node default w1",
)
def start_node(name: NameArgument, node: NodeArgument) -> None:
    """Start a stopped node and wait until it lets one log in."""
    Lab(name, progress=_Clock()).start_node(node)


@app.command("cut-network")
@_examples(
    "kubewright lab cut-network default cp1",
)
def cut_network(name: NameArgument, node: NodeArgument) -> None:
    """Cut a running node off from everything, as if its cables were pulled."""
    Lab(name).cut_network(node)


@app.command("heal-network")
@_examples(
    "kubewright lab heal-network default cp1",
)
def heal_network(name: NameArgument, node: NodeArgument) -> None:
    """Undo cut-network."""
    Lab(name).heal_network(node)


@app.command("list")
@_examples(
    "kubewright lab list",
    "kubewright lab list -o json",
)
def list_labs(output: OutputOption = Output.TABLE) -> None:
    """List this checkout's labs."""
    labs = [Lab(name) for name in lab_names()]
    rows = [
        {
            "name": lab.name,
            "shape": str(lab.record.shape) if lab.record.complete else "not finished; run lab up again",
            "inventory": str(lab.inventory) if lab.record.complete else "",
        }
        for lab in labs
    ]
    _print(rows, ("name", "shape", "inventory"), output)


@app.command()
@_examples(
    "kubewright lab status",
    "kubewright lab status big -o json",
)
def status(name: NameArgument = "default", output: OutputOption = Output.TABLE) -> None:
    """Show what a lab's nodes are doing: running, cut off, stopped, killed or missing."""
    rows = [
        {
            "node": status.node.name,
            "role": status.node.role.value,
            "address": str(status.node.address),
            "second_address": str(status.node.second_address or ""),
            "state": status.state.value,
        }
        for status in Lab(name).status()
    ]
    _print(rows, ("node", "role", "address", "second_address", "state"), output)


@app.command("exec")
@_examples(
    "kubewright lab exec default cp1 -- journalctl -u kubelet",
    "kubewright lab exec default w1 -- bash",
)
def execute(
    name: NameArgument,
    node: NodeArgument,
    command: Annotated[list[str], typer.Argument(metavar="-- CMD [ARG]...", help="What to run.")],
) -> None:
    """Run a command as root within a node, not through ssh; ends with the command's exit code."""
    terminal = sys.stdin.isatty() and sys.stdout.isatty()
    line = Lab(name).exec_command(node, command, interactive=True, terminal=terminal)
    raise typer.Exit(subprocess.run(line, check=False).returncode)


@app.command()
@_examples(
    "ansible -i $(kubewright lab path) all -m ping",
)
def path(name: NameArgument = "default") -> None:
    """Print the directory of a lab's inventory."""
    typer.echo(Lab(name).inventory)


@app.command()
@_examples(
    "kubewright lab down big",
)
def down(name: NameArgument = "default") -> None:
    """Remove a lab: nodes, networks, volumes, keys and inventory, and what a killed one left."""
    known = Lab(name).down()
    typer.echo(f"lab {name} is gone" if known else f"there was no lab {name}")


class _Clock:
    """Prints each line of progress with the seconds since the first moment."""

    def __init__(self) -> None:
        self._began = time.monotonic()

    def __call__(self, message: str) -> None:
        typer.echo(f"{time.monotonic() - self._began:6.1f} s  {message}", err=True)


def _print(rows: list[dict[str, Any]], columns: tuple[str, ...], output: Output) -> None:
    if output is Output.JSON:
        typer.echo(json.dumps(rows, indent=2))
        return
    table = rich.table.Table(box=rich.box.SIMPLE_HEAD)
    for column in columns:
        if any(row[column] for row in rows):
            table.add_column(column.replace("_", " ").upper(), overflow="fold")
    for row in rows:
        table.add_row(*(row[column] for column in columns if any(other[column] for other in rows)))
    # Paths are there to be copied: they are not broken where nobody looks at a terminal.
    console = rich.console.Console()
    (console if console.is_terminal else rich.console.Console(width=_WIDE)).print(table)
