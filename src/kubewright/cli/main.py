"""The ``kubewright`` command."""

from __future__ import annotations

import importlib
import io
import sys
from typing import Any

import typer
from typer.core import TyperGroup

from kubewright import __version__
from kubewright.cli.telling import UsageError, internal_error, show_error
from kubewright.errors import ExitCode, KubewrightError

_VERBS: dict[str, tuple[str, str]] = {
    "init": ("kubewright.cli.init", "Write a new inventory."),
    "plan": ("kubewright.cli.plan", "Show what a verb would do."),
    "deploy": ("kubewright.cli.change", "Create the cluster, add what is missing, correct what differs."),
    "scale": ("kubewright.cli.change", "Add hosts of the inventory that are not in the cluster yet."),
    "apply": ("kubewright.cli.change", "Carry out a plan file, or all that destroys nothing."),
    "remove": ("kubewright.cli.remove", "Take nodes out of the cluster and clean their hosts."),
    "reset": ("kubewright.cli.remove", "Take the whole cluster down and clean its hosts."),
    "status": ("kubewright.cli.look", "Show nodes, versions, etcd health and certificates' expiry."),
    "check": ("kubewright.cli.look", "Check DNS, pod network and API endpoint from every node."),
    "unlock": ("kubewright.cli.unlock", "Show who holds the cluster's lock, and break it."),
    "validate": ("kubewright.cli.validate", "Show what is wrong with an inventory, what will be ignored and why."),
    "settings": ("kubewright.cli.settings", "Show what a setting means and whether it is honoured."),
    "topology": ("kubewright.cli.topology", "Show every host's addresses, names and roles with their origin."),
    "kubectl": ("kubewright.cli.look", "Run kubectl on a control plane."),
    "artifacts": ("kubewright.cli.artifacts", "Binaries and images: list, build, fetch, bundle, verify."),
    "lab": ("kubewright.cli.lab", "Real nodes on this machine, for trying and testing."),
}
"""Verb to module and help; a module is imported only when its verb is used, which keeps the command quick."""


class LazyGroup(TyperGroup):
    """Loads a verb's module when it is used."""

    def list_commands(self, ctx: Any) -> list[str]:  # noqa: ARG002  click's signature
        """All verbs, in the order of a cluster's life."""
        return list(_VERBS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:  # noqa: ARG002
        """One verb."""
        if cmd_name not in _VERBS:
            return None
        module = importlib.import_module(_VERBS[cmd_name][0])
        app: typer.Typer = module.app
        group: Any = typer.main.get_command(app)
        if cmd_name in ("artifacts", "lab"):
            group.name, group.help = cmd_name, group.help or _VERBS[cmd_name][1]
            return group
        # A module of one verb only is that verb itself.
        return group.commands[cmd_name] if hasattr(group, "commands") else group

    def format_commands(self, ctx: Any, formatter: Any) -> None:  # noqa: ARG002
        """List verbs without importing their modules."""
        with formatter.section("Verbs"):
            formatter.write_dl([(name, help_text) for name, (_module, help_text) in _VERBS.items()])


app = typer.Typer(
    cls=LazyGroup,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    no_args_is_help=True,
    help="Kubernetes clusters on machines reached over SSH, from an Ansible inventory.",
    epilog="Example: kubewright deploy -i inventory/mycluster",
)


def _version(*, wanted: bool) -> None:
    if wanted:
        typer.echo(f"kubewright {__version__}")
        raise typer.Exit


@app.callback()
def root(
    version: bool = typer.Option(
        False, "--version", callback=lambda value: _version(wanted=value), is_eager=True, help="Show the version."
    ),
) -> None:
    """Kubernetes clusters on machines reached over SSH, from an Ansible inventory."""


def main() -> None:
    """Run the command; no traceback of a foreseen error reaches a user."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            # Names in an inventory need not be in the terminal's character set, nor in any.
            stream.reconfigure(errors="backslashreplace")
    try:
        status = app(standalone_mode=False)
    except typer.Exit as stop:
        status = stop.exit_code
    except (typer.Abort, KeyboardInterrupt):
        status = ExitCode.INTERRUPTED
    except UsageError as error:
        error.show()
        status = ExitCode.USAGE
    except KubewrightError as error:
        show_error(error)
        status = error.exit_code
    except Exception as error:  # noqa: BLE001  the last resort: no traceback reaches a user
        show_error(internal_error(error))
        status = ExitCode.INTERNAL
    sys.exit(int(status or 0))


if __name__ == "__main__":
    main()
