"""Load an inventory from its sources, as ansible-playbook would."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from kubewright.errors import BadInputError
from kubewright.inventory.groups import canonical_groups
from kubewright.inventory.hostvars import add_canonical_groups, from_hostvars
from kubewright.inventory.model import Inventory


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
        vault_password_files: as for ``--vault-password-file``, ``ID@FILE`` too.
        ask_vault_pass: ask for the vault password on the terminal.
        limit: as for ``--limit``.

    Raises:
        BadInputError: a source is missing or cannot be parsed, the vault cannot be opened, the limit matches nothing.
        BadInputErrors: variables that are needed cannot be templated.

    """
    _refuse_missing(sources)
    from ansible.errors import AnsibleError  # noqa: PLC0415  ansible-core takes a third of a second to import

    options = {
        "extra_vars": tuple(extra_vars),
        "inventory": tuple(sources),
        "vault_ids": [],
        "vault_password_files": list(vault_password_files),
        "ask_vault_pass": ask_vault_pass,
        "subset": limit,
        "verbosity": 0,
    }
    with _ansible_options(options):
        try:
            return _load(sources, options, limit)
        except AnsibleError as error:
            raise _as_bad_input(", ".join(sources), error) from error


def _load(sources: Sequence[str], options: dict[str, Any], limit: str | None) -> Inventory:
    from ansible.cli import CLI  # noqa: PLC0415
    from ansible.inventory import manager as inventory_manager  # noqa: PLC0415
    from ansible.parsing.dataloader import DataLoader  # noqa: PLC0415
    from ansible.vars.hostvars import HostVars  # noqa: PLC0415
    from ansible.vars.manager import VariableManager  # noqa: PLC0415

    loader = DataLoader()
    secrets = CLI.setup_vault_secrets(
        loader,
        vault_ids=_default_vault_ids(),
        vault_password_files=options["vault_password_files"],
        ask_vault_pass=options["ask_vault_pass"],
        auto_prompt=False,
    )
    loader.set_vault_secrets(secrets)
    with _recorded(inventory_manager) as record:
        inventory = inventory_manager.InventoryManager(loader=loader, sources=list(sources))
        record.refuse_unparsed(sources)
        limited = _limited(inventory, limit, record)
    variables = VariableManager(loader=loader, inventory=inventory, version_info=CLI.version_info(gitinfo=False))
    hostvars = HostVars(inventory, variables, loader)
    add_canonical_groups(inventory, canonical_groups(inventory.get_groups_dict()))
    return from_hostvars(hostvars, inventory.get_groups_dict(), inventory_sources=sources, limited=limited)


def _limited(inventory: Any, limit: str | None, record: _Record) -> list[str] | None:
    if not limit:
        return None
    inventory.subset(limit)
    names = [host.name for host in inventory.get_hosts()]
    inventory.subset(None)
    unmatched = [warning for warning in record.warnings if "Could not match supplied host pattern" in warning]
    if unmatched or not names:
        detail = unmatched[0].rpartition(": ")[2] if unmatched else limit
        raise BadInputError(
            "--limit", f"no host of the inventory matches {detail!r}", "Name hosts or groups as the inventory does"
        )
    return names


class _Record:
    """Stands in for Ansible's display while sources are parsed, so that what it would print as warnings becomes errors of ours."""

    def __init__(self) -> None:
        self.warnings: list[str] = []
        self.failures: list[Exception] = []
        self._unparsed: list[tuple[str, tuple[Exception, ...]]] = []

    def __getattr__(self, name: str) -> Any:
        return lambda *_args, **_keywords: None

    def warning(self, msg: str, *_args: object, **_keywords: object) -> None:
        """Keep a warning; that of an unparsed source ends the failures of that source."""
        self.warnings.append(str(msg))
        if str(msg).startswith("Unable to parse "):
            path = str(msg).removeprefix("Unable to parse ").removesuffix(" as an inventory source")
            self._unparsed.append((path, tuple(self.failures)))
            self.failures.clear()

    def error_as_warning(self, msg: str | None, exception: Exception, *_args: object, **_keywords: object) -> None:
        """Keep what a plugin said of a source."""
        self.failures.append(exception)

    def refuse_unparsed(self, sources: Sequence[str]) -> None:
        """Raise for a source that no plugin could read, given itself or directly in a given folder.

        Deeper files (an ``artifacts`` folder in the inventory's) are nobody's inventory and only a warning of Ansible's.
        """
        given = {str(Path(source).absolute()) for source in sources}
        for path, failures in self._unparsed:
            if str(Path(path).absolute()) in given or str(Path(path).absolute().parent) in given:
                raise _unparsed_error(path, failures)


def _unparsed_error(path: str, failures: tuple[Exception, ...]) -> BadInputError:
    """Tell the failure of the plugin that the file's name speaks for: each one that looked at the file has its own."""
    wanted = "'yaml'" if Path(path).suffix in (".yml", ".yaml", ".json") else "'ini'"
    ranked = sorted(
        failures, key=lambda failure: wanted not in str(getattr(failure, "obj", "")) and wanted not in str(failure)
    )
    reason = _message(ranked[0]) if ranked else "no inventory plugin can read it"
    return BadInputError(path, f"not an inventory: {reason}", "Correct the file, or name the inventory with -i")


def _message(error: BaseException) -> str:
    """The error's message with those of its causes."""
    messages: list[str] = []
    while error is not None:
        text = str(getattr(error, "message", "") or error).strip().rstrip(".")
        if text and text not in messages:
            messages.append(text)
        if error.__cause__ is None:
            break
        error = error.__cause__
    return ": ".join(messages)


def _as_bad_input(subject: str, error: Exception) -> BadInputError:
    from kubewright.inventory.values import origin_of  # noqa: PLC0415

    return BadInputError(origin_of(getattr(error, "obj", None)) or subject, _message(error))


def _refuse_missing(sources: Sequence[str]) -> None:
    if not sources:
        raise BadInputError("inventory", "none is given", "Name one with -i")
    for source in sources:
        if "," not in source and not Path(source).exists():
            raise BadInputError(source, "no such file or folder", "Name the inventory with -i")


def _default_vault_ids() -> list[str]:
    from ansible import constants  # noqa: PLC0415

    return list(constants.DEFAULT_VAULT_IDENTITY_LIST)


@contextlib.contextmanager
def _recorded(module: Any) -> Iterator[_Record]:
    record, original = _Record(), module.display
    module.display = record
    try:
        yield record
    finally:
        module.display = original


@contextlib.contextmanager
def _ansible_options(options: dict[str, Any]) -> Iterator[None]:
    """Give ansible-core the options that its command line would have set, for the time of a load.

    ansible-core keeps them in a module-level value and caches what it makes of ``-e`` on a function; both are put back, so that loads do
    not see each other's.
    """
    from ansible.module_utils.common.collections import ImmutableDict  # noqa: PLC0415
    from ansible.plugins.loader import init_plugin_loader  # noqa: PLC0415
    from ansible.utils.collection_loader import AnsibleCollectionConfig  # noqa: PLC0415
    from ansible.utils.vars import load_extra_vars, load_options_vars  # noqa: PLC0415

    from ansible import context  # noqa: PLC0415

    before = context.CLIARGS
    context.CLIARGS = ImmutableDict(options)
    load_extra_vars.extra_vars, load_options_vars.options_vars = None, None
    if AnsibleCollectionConfig.collection_finder is None:
        init_plugin_loader()
    try:
        yield
    finally:
        context.CLIARGS = before
        load_extra_vars.extra_vars, load_options_vars.options_vars = None, None
