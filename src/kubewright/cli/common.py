"""Options and output that verbs share."""

from __future__ import annotations

import enum
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from kubewright.errors import BadInputError, ExitCode, KubewrightError


class LogFormat(enum.StrEnum):
    """What is written to standard error: lines for a person, or JSON lines for a machine."""

    TEXT = "text"
    JSON = "json"


Inventories = Annotated[
    list[str],
    typer.Option("-i", "--inventory", help="Inventory file, directory, script or host list; may be repeated."),
]
Limit = Annotated[str, typer.Option("--limit", "-l", metavar="HOST[,HOST]", help="Only these hosts.")]
Strict = Annotated[
    bool, typer.Option("--strict", help="Settings that are not honoured yet, and misspelt names, are errors.")
]
Force = Annotated[
    list[str],
    typer.Option("--force", metavar="NAME", help="Skip this rule that would refuse the run; may be repeated."),
]
MaxFailures = Annotated[
    int | None,
    typer.Option("--max-failures", metavar="N", min=0, help="Begin no further step once more than N hosts failed."),
]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Show the plan and change nothing.")]
Offline = Annotated[
    bool,
    typer.Option("--offline", help="Of remove: the hosts are dead for good; nothing is drained or cleaned there."),
]
DrainTimeout = Annotated[
    int | None,
    typer.Option("--drain-timeout", metavar="SECONDS", min=1, help="How long the drain of a node may take: 600."),
]
Output = Annotated[str, typer.Option("-o", "--output", help="table or json.")]
LogFormatOption = Annotated[
    LogFormat, typer.Option("--log-format", help="Progress and errors as text, or as one JSON object a line.")
]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]
Verbose = Annotated[bool, typer.Option("-v", "--verbose", help="Show every change and Ansible's own output.")]
User = Annotated[str, typer.Option("-u", "--user", help="SSH user.")]
PrivateKey = Annotated[str, typer.Option("--private-key", help="SSH private key file.")]
AskPass = Annotated[bool, typer.Option("-k", "--ask-pass", help="Ask for the SSH password.")]
AskBecomePass = Annotated[bool, typer.Option("-K", "--ask-become-pass", help="Ask for the sudo password.")]
VaultFiles = Annotated[list[str], typer.Option("--vault-password-file", help="Vault password file; may be repeated.")]
AskVault = Annotated[bool, typer.Option("-J", "--ask-vault-pass", help="Ask for the vault password.")]
ExtraVars = Annotated[
    list[str], typer.Option("-e", "--extra-vars", help="Variables as for ansible-playbook -e; may be repeated.")
]
Forks = Annotated[int, typer.Option("-f", "--forks", help="Hosts worked on at the same time.")]
StateDir = Annotated[str, typer.Option("--state-dir", help="Where run records lie; by default beside the inventory.")]

out = Console(soft_wrap=True, highlight=False)
err = Console(stderr=True, soft_wrap=True, highlight=False)


def check_inventories(inventories: list[str]) -> None:
    """Refuse what names no inventory, before anything is loaded or made.

    Raises:
        BadInputError: no inventory was named, or a named one does not exist.

    """
    if not inventories:
        raise BadInputError("-i", "no inventory was named", "Name one: -i inventory/mycluster/hosts.yml")
    for source in inventories:
        if "," not in source and not Path(source).exists():
            raise BadInputError(f"-i {source}", "there is no such file or directory", "Check the path")


def want_json(output: str) -> bool:
    """Whether ``-o`` asks for JSON.

    Raises:
        BadInputError: it is neither table nor json.

    """
    if output not in ("table", "json"):
        raise BadInputError(f"-o {output}", "there is no such output format", "Use table or json")
    return output == "json"


def leave(error: KubewrightError | None) -> None:
    """End the command with the right exit code; the error is told by whoever knows the format.

    Raises:
        KubewrightError: the error, if there is one.
        typer.Exit: there is none.

    """
    if error is not None:
        raise error
    raise typer.Exit(ExitCode.DONE)
