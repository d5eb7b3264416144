"""The options that every verb with a run has, written once and given to each verb's signature."""

from __future__ import annotations

import functools
import inspect
import typing
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from kubewright.cli import common
from kubewright.cli.common import LogFormat, want_json
from kubewright.cli.telling import errors_told
from kubewright.engine.motor import FORKS, Connection


@dataclass(frozen=True)
class Options:
    """Options of a verb that runs a playbook."""

    inventories: list[str]
    connection: Connection
    limit: str = ""
    dry_run: bool = False
    json: bool = False
    verbose: bool = False
    state_dir: str = ""
    log_format: LogFormat = LogFormat.TEXT


def _shared(
    inventories: common.Inventories,
    output: common.Output = "table",
    verbose: common.Verbose = False,
    user: common.User = "",
    private_key: common.PrivateKey = "",
    ask_pass: common.AskPass = False,
    ask_become_pass: common.AskBecomePass = False,
    vault: common.VaultFiles = [],
    ask_vault: common.AskVault = False,
    extra_vars: common.ExtraVars = [],
    forks: common.Forks = FORKS,
    state_dir: common.StateDir = "",
    log_format: common.LogFormatOption = LogFormat.TEXT,
) -> Options:
    """The options as typer reads them, made into one value."""
    connection = Connection(
        user=user,
        private_key=private_key,
        ask_pass=ask_pass,
        ask_become_pass=ask_become_pass,
        vault_password_files=tuple(vault),
        ask_vault_pass=ask_vault,
        extra_vars=tuple(extra_vars),
        forks=forks,
    )
    return Options(
        inventories,
        connection,
        json=want_json(output),
        verbose=verbose,
        state_dir=state_dir,
        log_format=log_format,
    )


def with_run_options(verb: Callable[..., None], *, inventory_needed: bool = True) -> Callable[..., None]:
    """Give a verb the shared options; its first parameter gets them as one :class:`Options`.

    typer reads a function's signature, so the wrapper's is the verb's own parameters followed by the shared ones.
    """
    own = list(inspect.signature(verb).parameters.values())[1:]
    shared = list(inspect.signature(_shared).parameters.values())
    if not inventory_needed:
        shared[0] = shared[0].replace(default=[])
    hints = {
        **typing.get_type_hints(_shared, include_extras=True),
        **typing.get_type_hints(verb, include_extras=True),
    }

    @functools.wraps(verb)
    def wrapped(**values: Any) -> None:
        given = {parameter.name: values.pop(parameter.name) for parameter in shared}
        with errors_told(given["log_format"]):
            verb(_shared(**given), **values)

    parameters = [
        parameter.replace(annotation=hints[parameter.name], kind=inspect.Parameter.KEYWORD_ONLY)
        for parameter in (*own, *shared)
    ]
    wrapped.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    wrapped.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    del wrapped.__wrapped__
    return wrapped
