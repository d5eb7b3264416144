"""What becomes of every variable that an inventory gives: one finding for each name and verdict, not one a host."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import Any, Protocol

from kubewright.errors import BadInputError
from kubewright.settings.model import Notice
from kubewright.settings.states import State, Unread, Verdict, judge


class HostInput(Protocol):
    """What the inventory says of one host."""

    @property
    def variables(self) -> Mapping[str, Any]:
        """Values, as plain Python types, of the known names that are given."""

    @property
    def variable_names(self) -> AbstractSet[str]:
        """All names that are given, of other software too."""

    def origin(self, name: str) -> str:
        """Where a name was given, as ``file:line``, or an empty string."""


@dataclass(frozen=True)
class Finding:
    """A verdict, where the value was given first (a file and line, or a host), and for how many hosts."""

    verdict: Verdict
    where: str
    hosts: int


def survey(hosts: Mapping[str, HostInput]) -> tuple[Finding, ...]:
    """Return a finding for each name that any host gives, by state and name."""
    given = _given(hosts)
    found: dict[Verdict, list[Any]] = {}
    judged: dict[tuple[str, int | str], Verdict] = {}
    for host_name, host in hosts.items():
        variables = host.variables
        for name in host.variable_names:
            value = variables.get(name, Unread.VALUE)
            # One object is one value; what hosts have in common is the same object for all of them.
            verdict = judged.get((name, id(value)))
            if verdict is None:
                verdict = judged[name, id(value)] = _judged(name, value, given, judged)
            if (entry := found.get(verdict)) is None:
                entry = found[verdict] = [host.origin(name) or f"host {host_name}", 0]
            entry[1] += 1
    order = list(State)
    findings = [Finding(verdict, where, count) for verdict, (where, count) in found.items()]
    return tuple(sorted(findings, key=lambda each: (order.index(each.verdict.state), each.verdict.name)))


def _judged(name: str, value: Any, given: Mapping[str, Any], judged: dict[tuple[str, int | str], Verdict]) -> Verdict:
    key = (name, json.dumps(value, sort_keys=True, default=str))
    if key not in judged:
        judged[key] = judge(name, value, given)
    return judged[key]


def _given(hosts: Mapping[str, HostInput]) -> dict[str, Any]:
    """Return the first value that is given for each name; a switch that is on for one host is on."""
    given: dict[str, Any] = {}
    seen: set[int] = set()
    for host in hosts.values():
        for name, value in host.variables.items():
            if value is None or (name in given and id(value) in seen):
                continue
            seen.add(id(value))
            if name not in given or (value is True and given[name] is not True):
                given[name] = value
    return given


def notices_of(findings: tuple[Finding, ...]) -> tuple[Notice, ...]:
    """Return what a user should know: a notice for each name that does nothing, one for all that are nobody's."""
    return tuple(_notices(findings))


def _notices(findings: tuple[Finding, ...]) -> Iterator[Notice]:
    loud = [each for each in findings if not each.verdict.quiet and each.verdict.state is not State.HONOURED]
    for where, text in told_together(loud):
        yield Notice(where, text)


def told_together(findings: Iterable[Finding]) -> Iterator[tuple[str, str]]:
    """Yield where and a sentence for each finding; names that have the same reason to be ignored share a sentence."""
    shared: dict[tuple[State, str], list[Finding]] = {}
    for finding in findings:
        verdict = finding.verdict
        alone = verdict.state in (State.NOT_YET, State.REMOVED) or verdict.likely_mistake
        shared.setdefault((verdict.state, verdict.name if alone else verdict.detail), []).append(finding)
    for (state, detail), members in shared.items():
        names = ", ".join(dict.fromkeys(member.verdict.name for member in members))
        if state is State.UNKNOWN and not members[0].verdict.likely_mistake:
            yield members[0].where, f"not known, and taken for variables of your own: {names}"
        elif len(members) == 1 or state is not State.NOT_APPLICABLE:
            yield members[0].where, str(members[0].verdict)
        else:
            yield members[0].where, f"{names} are {state}, because {detail.replace('it belongs', 'they belong')}"


def strict_errors(findings: tuple[Finding, ...]) -> tuple[BadInputError, ...]:
    """Return an error for each setting that is not honoured, and for each name that is a likely mistake."""
    return tuple(
        BadInputError(
            finding.where,
            str(finding.verdict),
            "Correct it" if finding.verdict.state is State.UNKNOWN else "Remove it, or run without --strict",
        )
        for finding in findings
        if finding.verdict.is_fatal_if_strict
    )
