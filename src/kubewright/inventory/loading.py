"""Load an inventory from its sources, as ansible-playbook would."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from kubewright.errors import BadInputError
from kubewright.inventory.ansible_state import Warnings, captured_warnings, command_line_options
from kubewright.inventory.hostvars import from_hostvars
from kubewright.inventory.model import Inventory
from kubewright.inventory.values import message_of, origin_of_error
from kubewright.quick_ini import ini_read_quickly
from kubewright.quick_yaml import ansible_yaml_remembered


def load(
    sources: Sequence[str],
    *,
    extra_vars: Sequence[str] = (),
    vault_password_files: Sequence[str] = (),
    ask_vault_pass: bool = False,
    limit: str | None = None,
) -> Inventory:
    """Return the inventory of ``sources`` with Ansible's own precedence of variables.

    Args:
        sources: files, folders or ``host,host`` lists, as for ``-i``.
        extra_vars: as for ``-e``: ``key=value``, YAML, or ``@file``.
        vault_password_files: as for ``--vault-password-file``.
        ask_vault_pass: ask for the vault password on the terminal.
        limit: as for ``--limit``.

    Raises:
        BadInputError: a source is missing or cannot be read, the vault cannot be opened, the limit matches nothing.
        BadInputErrors: variables that are needed cannot be templated.

    """
    sources = [_absolute(source) for source in sources]
    _refuse_missing(sources)
    options = {
        "extra_vars": tuple(extra_vars),
        "inventory": tuple(sources),
        "vault_password_files": list(vault_password_files),
        "ask_vault_pass": ask_vault_pass,
        "subset": limit,
        "verbosity": 0,
    }
    with ansible_yaml_remembered(), command_line_options(options), captured_warnings() as warnings:
        from ansible.errors import AnsibleError  # noqa: PLC0415  ansible-core takes a third of a second to import

        try:
            return _load(sources, options, limit, warnings)
        except AnsibleError as error:
            subject = origin_of_error(error) or ", ".join(sources)
            raise BadInputError(subject, message_of(error), "Correct it where ansible-inventory fails, too") from error


def _load(sources: Sequence[str], options: dict[str, Any], limit: str | None, warnings: Warnings) -> Inventory:
    from ansible.cli import CLI  # noqa: PLC0415
    from ansible.inventory.manager import InventoryManager  # noqa: PLC0415
    from ansible.parsing.dataloader import DataLoader  # noqa: PLC0415
    from ansible.vars.hostvars import HostVars  # noqa: PLC0415
    from ansible.vars.manager import VariableManager  # noqa: PLC0415

    loader = DataLoader()
    loader.set_vault_secrets(_vault_secrets(loader, options))
    with ini_read_quickly():
        inventory = InventoryManager(loader=loader, sources=list(sources))
    warnings.refuse_unparsed(sources)
    limited = _limited(inventory, limit, warnings)
    variables = VariableManager(loader=loader, inventory=inventory, version_info=CLI.version_info(gitinfo=False))
    # Without a playbook there is nothing beside it: group_vars in the working directory are not the inventory's.
    variables.safe_basedir = False
    hostvars = HostVars(inventory, variables, loader)
    loaded = from_hostvars(hostvars, inventory.get_groups_dict(), inventory_sources=sources, limited=limited)
    return dataclasses.replace(loaded, warnings=warnings.texts)


def _vault_secrets(loader: Any, options: dict[str, Any]) -> Any:
    from ansible.cli import CLI  # noqa: PLC0415

    from ansible import constants  # noqa: PLC0415

    return CLI.setup_vault_secrets(
        loader,
        vault_ids=list(constants.DEFAULT_VAULT_IDENTITY_LIST),
        vault_password_files=options["vault_password_files"],
        ask_vault_pass=options["ask_vault_pass"],
        auto_prompt=False,
    )


def _limited(inventory: Any, limit: str | None, warnings: Warnings) -> list[str] | None:
    """Return the hosts that the limit matches; Ansible only warns of a part that matches none."""
    if not limit:
        return None
    inventory.subset(limit)
    names = [host.name for host in inventory.get_hosts()]
    inventory.subset(None)
    unmatched = [text.rpartition(": ")[2] for text in warnings.texts if "Could not match supplied host pattern" in text]
    if unmatched or not names:
        cause = f"no host of the inventory matches {(unmatched or [limit])[0]!r}"
        raise BadInputError("--limit", cause, "Name hosts or groups as the inventory does")
    return names


def _absolute(source: str) -> str:
    """Return the path as Ansible's command line makes it: group_vars are looked for beside it."""
    return source if "," in source else os.path.abspath(Path(source).expanduser())  # noqa: PTH100  keeps symbolic links


def _refuse_missing(sources: Sequence[str]) -> None:
    if not sources:
        raise BadInputError("inventory", "none is given", "Name one with -i")
    for source in sources:
        if "," not in source and not Path(source).exists():
            raise BadInputError(source, "no such file or folder", "Name the inventory with -i")
