"""The inventory that a verb's options name."""

from __future__ import annotations

from kubewright.cli.options import Options
from kubewright.inventory import Inventory, load


def load_inventory(options: Options) -> Inventory:
    """Load it with the variables and vault passwords given on the command line.

    Raises:
        BadInputError: it cannot be loaded.

    """
    connection = options.connection
    return load(
        options.inventories,
        extra_vars=connection.extra_vars,
        vault_password_files=connection.vault_password_files,
        ask_vault_pass=connection.ask_vault_pass,
    )
