"""One host's variables out of Ansible's templating: known names only, as plain Python values, with where each was given."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from kubewright import settings
from kubewright.errors import BadInputError
from kubewright.inventory.model import InventoryHost

_MAGIC_NAMES = frozenset({
    "ansible_facts", "ansible_local", "environment", "group_names", "groups", "hostvars", "inventory_dir", "inventory_file",
    "inventory_hostname", "inventory_hostname_short", "omit", "play_hosts", "playbook_dir", "role_names", "vars",
})  # fmt: skip


def read_host(
    name: str, groups: tuple[str, ...], raw: Mapping[str, Any], template: Callable[[Any], Any]
) -> tuple[InventoryHost, tuple[BadInputError, ...]]:
    """Return the host with the values of the names that kubewright knows, and an error for each that cannot be templated.

    Variables of other names are not touched: they may refer to facts or to what exists in the user's own plays only.

    Args:
        name: the host.
        groups: names of the groups that it is in.
        raw: its variables before templating.
        template: turns a raw value into its final one; raises ``AnsibleError``.

    """
    from ansible.errors import AnsibleError  # noqa: PLC0415  slow to import

    values: dict[str, Any] = {}
    given = frozenset(str(key) for key in raw if key not in _MAGIC_NAMES and not _is_fact(str(key)))
    origins = {variable: origin for variable in given if (origin := origin_of(raw[variable]))}
    errors: list[BadInputError] = []
    for variable in sorted(settings.KNOWN_NAMES & raw.keys()):
        try:
            values[variable] = to_builtin(template(raw[variable]))
        except AnsibleError as error:
            errors.append(_templating_error(name, variable, origins.get(variable, ""), error))
    return InventoryHost(name, groups, values, given, origins), tuple(errors)


def to_builtin(value: Any) -> Any:
    """Return the value as exact built-in types: Ansible's are subclasses that carry tags or template on access."""
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str):
        return str.__str__(value)
    if isinstance(value, int):
        return int(value)
    if isinstance(value, float):
        return float(value)
    if isinstance(value, Mapping):
        return {to_builtin(key): to_builtin(item) for key, item in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [to_builtin(item) for item in value]
    if isinstance(value, (dt.date, dt.datetime)):
        return value.isoformat()
    return str(value)


def origin_of(value: Any) -> str:
    """Return ``file:line`` of a value that Ansible loaded, or an empty string."""
    from ansible._internal._datatag._tags import Origin  # noqa: PLC0415  slow to import

    tag = Origin.get_tag(value)
    if tag is None or not tag.path:
        return ""
    path = _shortened(str(tag.path))
    return f"{path}:{tag.line_num}" if tag.line_num else path


def _shortened(path: str) -> str:
    """Relative to the working directory where it is inside, as the user would name it."""
    here = Path.cwd()
    return str(Path(path).relative_to(here)) if Path(path).is_relative_to(here) else path


def _is_fact(name: str) -> bool:
    return name.startswith("ansible_") and name not in settings.KNOWN_NAMES


def _templating_error(host: str, variable: str, origin: str, error: Exception) -> BadInputError:
    reason = str(getattr(error, "message", "") or error).strip().rstrip(".")
    if (cause := error.__cause__) is not None:
        reason = f"{reason}: {str(getattr(cause, 'message', '') or cause).strip().rstrip('.')}"
    return BadInputError(
        origin or f"host {host}",
        f"{variable} of host {host} cannot be evaluated: {reason}",
        "Correct the expression or define what it refers to",
    )
