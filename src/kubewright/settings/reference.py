"""The settings' reference page, from the model itself."""

from __future__ import annotations

import json
import types
from collections.abc import Iterator
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from kubewright.settings.critical import CRITICAL, KUBESPRAY_DEFAULTS
from kubewright.settings.model import ClusterSettings, ExternalLoadBalancer, HostSettings

_INTRODUCTION = """\
# Settings

Settings are variables of the Ansible inventory, under Kubespray's names where it has one. This page is made from the
settings' model by `python -m kubewright.settings`.

Nothing is ever put in the place of a value: a setting that decides the cluster's shape, data or security and that is
not honoured is an error. Names that do nothing are told with file and line, misspelt ones with the nearest known one.
"""


def reference_page() -> str:
    """Return ``docs/settings.md``."""
    return "\n".join(_lines()) + "\n"


def _lines() -> Iterator[str]:
    yield _INTRODUCTION
    yield "## Of the cluster\n"
    yield "They have one value for all hosts. One that only some hosts give holds for the cluster; values that differ"
    yield "are an error.\n"
    yield from _table(ClusterSettings)
    yield "\n`loadbalancer_apiserver` has these fields:\n"
    yield from _table(ExternalLoadBalancer)
    yield "\n## Of a host\n"
    yield from _table(HostSettings)
    yield "\n## Must be given\n"
    yield "Kubespray's defaults for these are not built yet, so that an inventory has to name a supported value.\n"
    yield "| Name | Kubespray's default |"
    yield "| --- | --- |"
    yield from (f"| `{name}` | {default} |" for name, default in KUBESPRAY_DEFAULTS.items())
    yield "\n## Refused\n"
    yield "Any other value than these is an error. Where none is named, the setting must be empty or absent.\n"
    yield "| Name | Accepted | What is not supported yet |"
    yield "| --- | --- | --- |"
    for name, entry in sorted(CRITICAL.items()):
        accepted = ", ".join(f"`{_literal(value)}`" for value in entry.accepted)
        yield f"| `{name}` | {accepted} | {entry.subject} |"


def _table(model: type[BaseModel]) -> Iterator[str]:
    yield "| Name | Values | Default | Meaning |"
    yield "| --- | --- | --- | --- |"
    for name, info in model.model_fields.items():
        yield f"| `{name}` | {_values(info)} | {_default(info)} | {info.description or ''} |"


def _values(info: FieldInfo) -> str:
    annotation = info.annotation
    if str(get_origin(annotation)) == "typing.Literal":
        return ", ".join(f"`{value}`" for value in get_args(annotation))
    names = {str: "text", int: "number", bool: "true or false", dict: "mapping", tuple: "list"}
    return names.get(_plain(annotation), "mapping") + _bounds(info)


def _plain(annotation: Any) -> Any:
    """Return the built-in type behind ``Annotated``, an optional or a generic one; other classes as they are."""
    if isinstance(annotation, types.UnionType) or get_origin(annotation) in (Annotated, Union):
        return _plain(get_args(annotation)[0])
    return get_origin(annotation) or annotation


def _bounds(info: FieldInfo) -> str:
    low = next((getattr(item, "ge") for item in info.metadata if hasattr(item, "ge")), None)  # noqa: B009
    high = next((getattr(item, "le") for item in info.metadata if hasattr(item, "le")), None)  # noqa: B009
    if low is None:
        return ""
    return f", from {low}" if high is None else f", {low} to {high}"


def _default(info: FieldInfo) -> str:
    if info.is_required():
        return "must be given"
    value = info.get_default(call_default_factory=True)
    return "" if value in (None, "", (), {}) else f"`{_literal(value)}`"


def _literal(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)
