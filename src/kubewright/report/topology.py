"""What is known of every host, for a person and as JSON."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from rich.table import Table
from rich.text import Text

from kubewright.topology import VARIABLES, Attempt, Fact, Survey

_COLUMNS = ("node_name", "roles", "main_ips", "main_access_ips", "ssh_address")


def survey_json(survey: Survey) -> dict[str, Any]:
    """Return everything as one JSON value."""
    return {
        "hosts": {
            host: {name: fact_json(fact) for name, fact in facts.items()} for host, facts in survey.facts.items()
        },
        "missing": list(survey.missing),
        "errors": [{"subject": error.subject, "cause": error.cause, "remedy": error.remedy} for error in survey.errors],
        "notices": [{"subject": notice.subject, "text": notice.text} for notice in survey.notices],
    }


def fact_json(fact: Fact) -> dict[str, Any]:
    """Return one value with its origin and what was tried for it."""
    return {
        "value": list(fact.value) if isinstance(fact.value, tuple) else fact.value,
        "origin": fact.origin,
        "tried": [{"source": each.source.value, "value": each.value, "detail": each.detail} for each in fact.tried],
        "remedy": fact.remedy,
    }


def survey_parts(survey: Survey) -> Iterator[Table | Text]:
    """Yield a table of hosts, what they have in common, and what to do about hosts without an address."""
    table = Table(box=None, header_style="bold")
    for title in ("HOST", "NODE", "ROLES", "MAIN IP", "ACCESS IP", "SSH", "FROM"):
        table.add_column(title, overflow="fold")
    for host, facts in survey.facts.items():
        cells = (host, *(shown(facts[name]) for name in _COLUMNS), _source(facts["main_ips"]))
        table.add_row(*(Text(cell) for cell in cells))
    yield table
    yield from _common(survey)
    for notice in survey.notices:
        yield Text(f"Note: {notice}")
    for host in survey.missing:
        fact = survey.facts[host]["main_ips"]
        yield Text(f"{host}: {fact.origin}. {fact.remedy}.")


def _common(survey: Survey) -> Iterator[Text]:
    first = next(iter(survey.facts.values()), None)
    if first is None:
        return
    yield Text(f"API endpoint: {shown(first['api_endpoint'])} ({first['api_endpoint'].origin})")
    yield Text(f"Without proxy: {shown(first['no_proxy'])} ({first['no_proxy'].origin})")
    yield Text(f"Names in API servers' certificates: {shown(first['certificate_names'])}")


def shown(fact: Fact) -> str:
    """Return a value as one text."""
    if fact.value is None:
        return "-"
    return ", ".join(fact.value) if isinstance(fact.value, tuple) else fact.value


def _source(fact: Fact) -> str:
    """Name the sources that gave an address, without the place."""
    return ", ".join(each.source.value for each in fact.tried if each.value) or "-"


def explanation(host: str, variable: str, fact: Fact) -> Iterator[str]:
    """Yield the lines that explain one value of one host."""
    what = VARIABLES.get(variable)
    yield f"{variable} of {host}: {shown(fact)}" + (f"  ({what})" if what else "")
    yield f"  from: {fact.origin}"
    if fact.tried:
        yield "  tried, in this order:"
        yield from (f"    {_tried(each)}" for each in fact.tried)
    if fact.remedy:
        yield f"  {fact.remedy}."


def _tried(attempt: Attempt) -> str:
    if attempt.value is None:
        return f"{attempt.source.value}: nothing ({attempt.detail})"
    return f"{attempt.source.value}: {attempt.value}" + (f" ({attempt.detail})" if attempt.detail else "")
