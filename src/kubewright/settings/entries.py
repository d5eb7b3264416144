"""Every known setting with all that is said of it: the source of the reference page and of the verb ``settings``."""

from __future__ import annotations

import functools
import json
import types
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from kubewright.settings import kubespray
from kubewright.settings.anyway import SAME, no_counterpart
from kubewright.settings.critical import CRITICAL
from kubewright.settings.documentation import documentation
from kubewright.settings.families import family_of, shown
from kubewright.settings.model import ClusterSettings, HostSettings
from kubewright.settings.names import HONOURED_NAMES
from kubewright.settings.removed import replacement
from kubewright.settings.states import State


@dataclass(frozen=True)
class Entry:
    """One setting.

    ``default`` is kubewright's for honoured settings, else Kubespray's, as text; empty where there is none.
    ``accepted`` are the only values that are accepted, where these are few. ``note`` says more on the state.
    """

    name: str
    state: State
    kind: str
    default: str
    unit: str
    text: str
    accepted: tuple[str, ...] = ()
    note: str = ""
    scope: str = ""


@functools.cache
def entries() -> Mapping[str, Entry]:
    """Return every known setting by name: the honoured ones first, then Kubespray's others."""
    honoured = [
        _honoured(name, info, scope)
        for model, scope in ((ClusterSettings, "cluster"), (HostSettings, "host"))
        for name, info in model.model_fields.items()
    ]
    others = sorted((kubespray.load().keys() | CRITICAL.keys() | SAME.keys()) - HONOURED_NAMES)
    return {entry.name: entry for entry in (*honoured, *map(_other, others))}


def _honoured(name: str, info: FieldInfo, scope: str) -> Entry:
    reason = no_counterpart(name)
    is_choice = str(get_origin(info.annotation)) == "typing.Literal"
    return Entry(
        name=name,
        state=State.NOT_APPLICABLE if reason else State.HONOURED,
        kind="text" if is_choice else kind_of(info),
        default=default_of(info),
        unit=bounds_of(info),
        text=info.description or "",
        accepted=tuple(str(value) for value in get_args(info.annotation)) if is_choice else (),
        note=reason,
        scope=scope,
    )


def _other(name: str) -> Entry:
    said, known = documentation(name), kubespray.load().get(name)
    state, note = _state(name)
    return Entry(
        name=name,
        state=state,
        kind=said.kind,
        default="" if known is None or known.default is None else literal(known.default),
        unit=said.unit,
        text=said.text,
        accepted=tuple(literal(value) for value in _accepted(name)),
        note=note,
    )


def _accepted(name: str) -> tuple[Any, ...]:
    return CRITICAL[name].accepted if name in CRITICAL else ()


def _state(name: str) -> tuple[State, str]:
    known = kubespray.load().get(name)
    if name in CRITICAL:
        return State.NOT_YET, f"any other value is an error: {CRITICAL[name].subject} is not supported"
    if reason := no_counterpart(name):
        return State.NOT_APPLICABLE, reason
    if known and known.removed_in:
        use = replacement(name)
        return State.REMOVED, f"in Kubespray {known.removed_in}" + (f"; use {use}" if use else "")
    family = family_of(name)
    values = " or ".join(shown(value) for value in family.values) if family else ""
    return State.NOT_YET, f"means something only where {family.switch} is {values}" if family else ""


def kind_of(info: FieldInfo) -> str:
    """Return the kind of a field's values in words."""
    kinds = {str: "text", int: "number", bool: "true or false", dict: "mapping", tuple: "list"}
    return kinds.get(_plain(info.annotation), "mapping")


def _plain(annotation: Any) -> Any:
    """Return the built-in type behind ``Annotated``, an optional or a generic one; other classes as they are."""
    if isinstance(annotation, types.UnionType) or get_origin(annotation) in (Annotated, Union):
        return _plain(get_args(annotation)[0])
    return get_origin(annotation) or annotation


def bounds_of(info: FieldInfo) -> str:
    """Return the bounds of a number in words."""
    low = next((getattr(item, "ge") for item in info.metadata if hasattr(item, "ge")), None)  # noqa: B009
    high = next((getattr(item, "le") for item in info.metadata if hasattr(item, "le")), None)  # noqa: B009
    if low is None:
        return ""
    return f"from {low}" if high is None else f"{low} to {high}"


def default_of(info: FieldInfo) -> str:
    """Return a field's default as text."""
    if info.is_required():
        return "must be given"
    value = info.get_default(call_default_factory=True)
    return "" if value in (None, "", (), {}) else literal(value)


def literal(value: Any) -> str:
    """Return a value as YAML has it."""
    return value if isinstance(value, str) else json.dumps(value)


def model_entries(model: type[BaseModel]) -> list[Entry]:
    """Return the fields of a mapping, as entries."""
    return [_honoured(name, info, "") for name, info in model.model_fields.items()]
