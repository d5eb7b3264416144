"""One host's variables out of Ansible's templating: known names only, as plain values, with where each is from."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from typing import Any

from kubewright import settings
from kubewright.errors import BadInputError
from kubewright.inventory.evaluation import Evaluator, UnwieldyError
from kubewright.inventory.model import InventoryHost
from kubewright.inventory.origins import origin_of

ADDRESS_FILTER = "kubewright.cluster.host_address"
"""The filter in the templates that :mod:`kubewright.inventory.variables` makes."""

_MAGIC_NAMES = frozenset(
    {
        *("ansible_facts", "ansible_local", "environment", "group_names", "groups", "hostvars", "inventory_dir"),
        *("inventory_file", "inventory_hostname", "inventory_hostname_short", "omit", "play_hosts", "playbook_dir"),
        *("role_names", "vars", "ansible_check_mode", "ansible_config_file", "ansible_diff_mode", "ansible_forks"),
        *("ansible_inventory_sources", "ansible_limit", "ansible_playbook_python", "ansible_run_tags"),
        *("ansible_skip_tags", "ansible_verbosity", "ansible_version"),
    }
)
"""Variables that ansible-core itself gives every host, over whatever an inventory says."""


_UNREAD = object()
"""Stands for a value that is left out."""

_SERVICE_ADDRESS = r"kube_service_(subnets|addresses)\b.*\bipaddr\(%d\)"
_SERVICE_ADDRESSES = {"kube_apiserver_ip": 1, "skydns_server": 3}


@dataclass(frozen=True)
class RawVariables:
    """A host's variables before templating, with all that it inherits.

    Names in ``all`` are ansible-core's: whatever YAML has there, such as numbers. ``common`` is what the host has but
    for its ``own``: one object for all hosts that have the same, which is read once.
    """

    all: Mapping[str, Any]
    own: AbstractSet[str]
    common: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def of_one(cls, variables: Mapping[str, Any]) -> RawVariables:
        """Variables of which nobody knows which others have them, too."""
        return cls(variables, {str(name) for name in variables})

    def __getitem__(self, name: str) -> Any:
        """Return the value of the variable that has this name, or one that reads so."""
        if name in self.all:
            return self.all[name]
        return next(value for key, value in self.all.items() if str(key) == name)


@dataclass(frozen=True)
class _Common:
    """What was read of variables that several hosts have; ``singly`` are those that may differ all the same.

    ``source`` is what was read: as long as it is held, no other object can be taken for it.
    """

    source: Mapping[str, Any]
    origins: Mapping[str, str]
    values: Mapping[str, Any]
    singly: AbstractSet[str]


class HostReader:
    """Reads hosts of one inventory; what they have in common is evaluated once."""

    def __init__(self) -> None:
        self._evaluator = Evaluator()
        self._origins: dict[int, tuple[Any, str | None]] = {}
        self._plain: dict[int, tuple[Any, Any]] = {}
        self._read: dict[int, _Common] = {}

    def read(
        self,
        name: str,
        groups: tuple[str, ...],
        raw: RawVariables,
        *,
        template: Callable[[Any], Any],
        key_origin: Callable[[str], str],
    ) -> tuple[InventoryHost, tuple[BadInputError, ...]]:
        """Return the host with the values of the names that kubewright knows, and an error for each that fails.

        Variables of other names are not touched: they may refer to facts or to what exists in the user's own plays
        only. Of Kubespray's names that kubewright does not honour, a value that cannot be evaluated is left out; of
        those that it refuses, the text of the expression stands for it.

        Args:
            name: the host.
            groups: names of the groups that it is in.
            raw: its variables before templating.
            template: turns a raw value into its final one; raises ``AnsibleError``.
            key_origin: tells where a variable was given whose value is not tagged.

        """
        common = self._common(raw, template, key_origin)
        origins, values = dict(common.origins), dict(common.values)
        errors: list[BadInputError] = []
        for variable in sorted(common.singly | raw.own):
            origins.pop(variable, None)
            values.pop(variable, None)
            origin = self._where_given(variable, raw[variable], key_origin)
            if origin is None:
                continue
            origins[variable] = origin
            if not _is_read(variable, raw[variable]):
                continue
            value, error = self._value(variable, raw.all, template)
            if error is not None:
                errors.append(_templating_error(name, variable, origin, error))
            elif value is not _UNREAD:
                values[variable] = value
        told = {variable: origin for variable, origin in origins.items() if origin}
        return InventoryHost(name, groups, values, frozenset(origins), told), tuple(errors)

    def _common(self, raw: RawVariables, template: Callable[[Any], Any], key_origin: Callable[[str], str]) -> _Common:
        """Read what is the same for all hosts that inherit these variables: what no other variable can change."""
        if id(raw.common) in self._read:
            return self._read[id(raw.common)]
        origins: dict[str, str] = {}
        values: dict[str, Any] = {}
        singly: set[str] = set()
        for key, raw_value in raw.common.items():
            variable = str(key)
            if variable in raw.own:
                singly.add(variable)  # where others have it from is not to be asked of this host
                continue
            origin = self._where_given(variable, raw_value, key_origin)
            if origin is None:
                continue
            if not _is_read(variable, raw_value):
                origins[variable] = origin
                continue
            constant = _is_plain(raw_value) or self._evaluator.is_constant(raw_value)
            value, error = self._value(variable, raw.common, template) if constant else (_UNREAD, None)
            if value is _UNREAD or error is not None:
                singly.add(variable)
            else:
                origins[variable], values[variable] = origin, value
        return self._read.setdefault(id(raw.common), _Common(raw.common, origins, values, singly))

    def _where_given(self, variable: str, value: Any, key_origin: Callable[[str], str]) -> str | None:
        """Return where a variable was given, empty where that is not known; None of what nobody gave."""
        origin = None if variable in _MAGIC_NAMES else self._origin(value)
        if origin == "":
            return None if _is_fact(variable, value, key_origin) else key_origin(variable)
        return origin

    def _value(
        self, variable: str, raw: Mapping[str, Any], template: Callable[[Any], Any]
    ) -> tuple[Any, Exception | None]:
        """Return the variable's value and what is wrong with it; see :meth:`read` for what need not be evaluated."""
        if _is_plain(raw[variable]):
            return self._one_object(raw[variable]), None
        from ansible.errors import AnsibleError  # noqa: PLC0415  slow to import

        needed = variable in settings.KNOWN_NAMES
        try:
            if not needed and self._evaluator.calls_outside(variable, raw):
                return _UNREAD, None
            return self._evaluator.evaluate(variable, raw, lambda value: to_builtin(template(value))), None
        except (AnsibleError, UnwieldyError, RecursionError) as error:
            if variable in settings.REFUSED_NAMES and isinstance(error, AnsibleError):
                return str(raw[variable]), None
            return _UNREAD, error if needed else None

    def _one_object(self, value: str) -> Any:
        """Return a text as the same object for all hosts that have it from the same place: it is judged once then."""
        known = self._plain.get(id(value))
        if known is None:
            known = self._plain[id(value)] = (value, to_builtin(value))
        return known[1]

    def _origin(self, value: Any) -> str | None:
        """Return where a value was given, an empty text where it does not tell; None of kubewright's own."""
        known = self._origins.get(id(value))
        if known is None:
            known = self._origins[id(value)] = (value, None if _is_own(value) else origin_of(value))
        return known[1]


def _is_read(variable: str, value: Any) -> bool:
    """Whether the value matters to kubewright."""
    return variable in settings.READ_NAMES and not _is_kubespray_default(variable, value)


def _is_plain(value: Any) -> bool:
    """Whether it is a text without any template, which is its own value: most of what only one host has is."""
    return isinstance(value, str) and "{" not in value


def to_builtin(value: Any) -> Any:
    """Return the value as exact built-in types: Ansible's are subclasses that carry tags or template on access."""
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, Mapping):
        return {to_builtin(key): to_builtin(item) for key, item in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [to_builtin(item) for item in value]
    for kind, convert in _SCALARS:
        if isinstance(value, kind):
            return convert(value)
    return str(value)


_SCALARS: tuple[tuple[type, Callable[[Any], Any]], ...] = (
    (str, str.__str__),
    (int, int),
    (float, float),
    (dt.date, lambda date: date.isoformat()),  # what YAML makes of 2026-01-31
)


def message_of(error: BaseException) -> str:
    """Return the messages of an Ansible error and its causes, each once."""
    messages: list[str] = []
    cause: BaseException | None = error
    while cause is not None:
        text = " ".join(str(getattr(cause, "message", "") or cause).split()).rstrip(".")
        if text and text not in " ".join(messages):
            messages.append(text)
        cause = cause.__cause__
    return ": ".join(messages)


def origin_of_error(error: BaseException) -> str:
    """Return ``file:line`` of what an Ansible error or one of its causes is about; the innermost knows best."""
    found = ""
    cause: BaseException | None = error
    while cause is not None:
        found = origin_of(getattr(cause, "obj", None)) or found
        cause = cause.__cause__ or cause.__context__  # Ansible raises some errors anew, without the file
    return found


def _is_kubespray_default(variable: str, raw: Any) -> bool:
    """Whether it is the expression of Kubespray's sample inventory for what is the default here, too.

    It cannot be evaluated: it reads a variable of Kubespray's roles and filters of a collection that need not be there.
    """
    number = _SERVICE_ADDRESSES.get(variable)
    if number is None or not isinstance(raw, str):
        return False
    return re.search(_SERVICE_ADDRESS % number, raw, re.DOTALL) is not None


def _is_own(value: Any) -> bool:
    """Whether it is one of the variables that kubewright's own plugins give to other playbooks."""
    return isinstance(value, str) and ADDRESS_FILTER in value


def _is_fact(name: str, value: Any, key_origin: Callable[[str], str]) -> bool:
    """Whether it is a fact of Ansible's: nothing gave it. Only booleans and nulls are given without an origin."""
    if not name.startswith("ansible_") or name in settings.KNOWN_NAMES:
        return False
    return not (value is None or isinstance(value, bool)) or not key_origin(name)


def _templating_error(host: str, variable: str, origin: str, error: Exception) -> BadInputError:
    subject = f"{variable} of host {host}" if not origin else variable
    cause = f"{subject} cannot be evaluated: {message_of(error)}"
    return BadInputError(origin or f"host {host}", cause, "Correct the expression or define what it refers to")
