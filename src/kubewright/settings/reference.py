"""The settings' reference page, from the settings themselves."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from kubewright.settings import kubespray
from kubewright.settings.critical import CRITICAL, KUBESPRAY_DEFAULTS
from kubewright.settings.entries import Entry, entries, literal, model_entries
from kubewright.settings.model import ExternalLoadBalancer

_INTRODUCTION = """\
# Settings

Settings are variables of the Ansible inventory, under Kubespray's names where it has one. This page is made from the
settings themselves by `python -m kubewright.settings`; `kubewright settings NAME` tells the same of one name.

Every variable of an inventory is in one of five states, and `kubewright validate` tells which:

- *honoured*: it does something.
- *accepted, not yet honoured*: one of Kubespray's that does nothing yet. With `--strict` it is an error.
- *not applicable here*: it belongs to something that this cluster has not, or has no counterpart.
- *removed*: older releases of Kubespray had it; what to use in its place is said.
- *unknown*: nobody's, or misspelt; the nearest known name is said. With `--strict` a likely mistake is an error.

A value that asks for nothing but what happens anyway, such as `helm_enabled: false`, needs no words.

Nothing is ever put in the place of a value: a setting that decides the cluster's shape, data or security and that is
not honoured is an error, with and without `--strict`.
"""


def reference_page() -> str:
    """Return ``docs/settings.md``."""
    return "\n".join(_lines()) + "\n"


def _lines() -> Iterator[str]:
    known = entries()
    yield _INTRODUCTION
    yield "## Of the cluster\n"
    yield "They have one value for all hosts. One that only some hosts give holds for the cluster; values that differ"
    yield "are an error.\n"
    yield from _table(entry for entry in known.values() if entry.scope == "cluster")
    yield "\n`loadbalancer_apiserver` has these fields:\n"
    yield from _table(model_entries(ExternalLoadBalancer))
    yield "\n## Of a host\n"
    yield from _table(entry for entry in known.values() if entry.scope == "host")
    yield "\n## Must be given\n"
    yield "Kubespray's defaults for these are not built yet, so that an inventory has to name a supported value.\n"
    yield "| Name | Kubespray's default |"
    yield "| --- | --- |"
    yield from (f"| `{name}` | {default} |" for name, default in KUBESPRAY_DEFAULTS.items())
    yield "\n## Refused\n"
    yield "Any other value than these is an error. Where none is named, the setting must be empty or absent.\n"
    yield "| Name | Accepted | What is not supported yet |"
    yield "| --- | --- | --- |"
    for name, refused in sorted(CRITICAL.items()):
        accepted = ", ".join(f"`{literal(value)}`" for value in refused.accepted)
        yield f"| `{name}` | {accepted} | {refused.subject} |"
    yield from _others()


def _others() -> Iterator[str]:
    yield "\n## Not honoured\n"
    yield "The other names that Kubespray's sample inventory mentions, with Kubespray's defaults. Further names of"
    yield "Kubespray's, and removed ones, are told by `kubewright settings NAME`.\n"
    yield "| Name | Kind | Default | Meaning | State |"
    yield "| --- | --- | --- | --- | --- |"
    sample = {entry.name for entry in kubespray.load().values() if entry.sample and not entry.last}
    for entry in entries().values():
        if entry.name in sample and not entry.scope and entry.name not in CRITICAL:
            kind = f"{entry.kind}, {entry.unit}" if entry.unit else entry.kind
            default = f"`{entry.default}`" if entry.default else ""
            state = f"{entry.state}: {entry.note}" if entry.note else str(entry.state)
            yield f"| `{entry.name}` | {kind} | {default} | {entry.text} | {state} |"


def _table(rows: Iterable[Entry]) -> Iterator[str]:
    yield "| Name | Values | Default | Meaning |"
    yield "| --- | --- | --- | --- |"
    for entry in rows:
        default = entry.default if entry.default in ("", "must be given") else f"`{entry.default}`"
        yield f"| `{entry.name}` | {_values(entry)} | {default} | {entry.text} |"


def _values(entry: Entry) -> str:
    if entry.accepted:
        return ", ".join(f"`{value}`" for value in entry.accepted)
    return f"{entry.kind}, {entry.unit}" if entry.unit else entry.kind
