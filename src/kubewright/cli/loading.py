"""The inventory that a verb's options name, and where its runs are recorded."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from kubewright.cli.common import check_inventories
from kubewright.cli.options import Options
from kubewright.places import beside, inventory_directory, of_user

if TYPE_CHECKING:
    from kubewright.inventory import Inventory


def load_inventory(options: Options) -> Inventory:
    """Load it with the variables and vault passwords given on the command line.

    Raises:
        BadInputError: it cannot be loaded.

    """
    # Most verbs leave that to Ansible, and need not import what does it.
    from kubewright.inventory import load  # noqa: PLC0415

    connection = options.connection
    return load(
        options.inventories,
        extra_vars=connection.extra_vars,
        vault_password_files=connection.vault_password_files,
        ask_vault_pass=connection.ask_vault_pass,
    )


def state_directory(options: Options, inventory: Inventory | None = None) -> Path:
    """Where run records lie: given, beside the inventory, or in the user's state folder by the cluster's name.

    Args:
        options: of the verb.
        inventory: if it is loaded already; it is loaded only where the cluster's name is needed.

    Raises:
        BadInputError: no inventory was named, a named one does not exist, or the cluster's name is needed and the
            inventory does not give it as it is wrong.

    """
    check_inventories(options.inventories)
    if options.state_dir:
        return Path(options.state_dir).absolute()
    if folder := beside(inventory_directory(options.inventories)):
        return folder
    from kubewright.topology import read_settings  # noqa: PLC0415

    settings, _stack = read_settings((inventory or load_inventory(options)).by_name)
    return of_user(settings.cluster.cluster_name)
