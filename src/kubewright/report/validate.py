"""The report on an inventory: errors first, then what will be ignored and why, then counts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from kubewright.errors import KubewrightError
from kubewright.settings import Finding, State, told_together

_HEADINGS = {
    State.UNKNOWN: "Unknown names",
    State.NOT_YET: "Accepted, not yet honoured",
    State.REMOVED: "Removed from Kubespray",
    State.NOT_APPLICABLE: "Not applicable here",
}
_MANY = 10


@dataclass(frozen=True)
class Validation:
    """What was found in an inventory.

    ``counts`` are numbers of hosts by role; ``missing`` are hosts whose address only the cluster or the host itself can
    tell; ``renamed`` has today's name of each group that is spelled in an older way.
    """

    errors: tuple[KubewrightError, ...]
    findings: tuple[Finding, ...] = ()
    renamed: Mapping[str, str] = field(default_factory=dict, hash=False)
    counts: Mapping[str, int] = field(default_factory=dict, hash=False)
    missing: tuple[str, ...] = ()
    notices: tuple[str, ...] = ()

    def of_state(self, state: State, *, quiet: bool = False) -> tuple[Finding, ...]:
        """Return the findings of a state; those that nobody has to be told of only with ``quiet``."""
        return tuple(
            each for each in self.findings if each.verdict.state is state and (quiet or not each.verdict.quiet)
        )

    @property
    def states(self) -> dict[str, int]:
        """The number of names by state; a name whose values are judged differently counts where attention is due."""
        names: dict[str, State] = {}
        for finding in self.findings:
            names.setdefault(finding.verdict.name, _counted(finding))
        return {state.value: sum(1 for each in names.values() if each is state) for state in State}


def _counted(finding: Finding) -> State:
    return State.HONOURED if finding.verdict.quiet else finding.verdict.state


def validation_json(validation: Validation) -> dict[str, Any]:
    """Return the report as plain values."""
    return {
        "valid": not validation.errors,
        "errors": [
            {"subject": error.subject, "cause": error.cause, "remedy": error.remedy} for error in validation.errors
        ],
        "settings": {
            "counts": validation.states,
            "names": [
                {
                    "name": finding.verdict.name,
                    "state": finding.verdict.state.value,
                    "detail": finding.verdict.detail.removeprefix("; "),
                    "ignored": not finding.verdict.quiet and finding.verdict.state is not State.HONOURED,
                    "where": finding.where,
                    "hosts": finding.hosts,
                }
                for finding in validation.findings
            ],
        },
        "groups": {"renamed": dict(validation.renamed)},
        "hosts": {"counts": dict(validation.counts), "without_address": list(validation.missing)},
        "notices": list(validation.notices),
    }


def validation_lines(validation: Validation) -> Iterator[str]:
    """Yield the report for a person, errors first."""
    if validation.errors:
        yield f"Errors ({len(validation.errors)}):"
    for error in validation.errors:
        yield f"  {error.subject}: {error.cause}"
        if error.remedy:
            yield f"    {error.remedy.rstrip('.')}."
    for state, heading in _HEADINGS.items():
        if findings := validation.of_state(state):
            yield f"{heading} ({len(findings)}):"
            yield from (f"  {where}: {text}" for where, text in told_together(findings))
    if validation.renamed:
        yield f"Groups under older names ({len(validation.renamed)}):"
        yield from (f"  {old} is read as {new}" for old, new in validation.renamed.items())
    if validation.notices:
        yield f"Notes ({len(validation.notices)}):"
        yield from (f"  {notice}" for notice in validation.notices)
    yield from _summary(validation)


def _summary(validation: Validation) -> Iterator[str]:
    if validation.counts:
        yield "Hosts: " + ", ".join(f"{count} {role}" for role, count in validation.counts.items())
    if validation.missing:
        some = ", ".join(validation.missing[:_MANY]) + (", …" if len(validation.missing) > _MANY else "")
        yield f"Without an address here, so that the cluster or the host is asked ({len(validation.missing)}): {some}"
    if validation.findings:
        yield "Settings: " + ", ".join(f"{count} {state}" for state, count in validation.states.items() if count)
    count = len(validation.errors)
    yield {0: "No errors.", 1: "1 error."}.get(count, f"{count} errors.")
