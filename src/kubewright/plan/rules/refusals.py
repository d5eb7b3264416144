"""Rules that refuse a run, by name: which there are, where each comes from, and which may be skipped; pure.

A mandatory rule guards what cannot be undone or can never work. A skippable one guards what usually goes wrong; who
knows better names it (``--force NAME``).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from kubewright.errors import BadInputError, RefusedError


@dataclass(frozen=True)
class Rule:
    """A rule: its stable name, what it refuses, where that comes from, and whether ``--force`` may skip it."""

    name: str
    refuses: str
    source: str
    skippable: bool = False


@dataclass(frozen=True)
class Refusal:
    """That a rule refuses a run: what it is about, why, and what to do; sentences without a full stop."""

    rule: Rule
    subject: str
    cause: str
    remedy: str

    def error(self) -> RefusedError:
        """As the error that ends a run; it names the rule, and ``--force`` where that may skip it."""
        way_on = f"; --force {self.rule.name} goes on anyway" if self.rule.skippable else ""
        return RefusedError(self.subject, f"{self.cause} (rule {self.rule.name})", f"{self.remedy}{way_on}")


def check_names(names: Iterable[str], rules: Sequence[Rule]) -> None:
    """Refuse to skip what is no rule or is mandatory.

    Raises:
        BadInputError: with the names that are possible.

    """
    skippable = sorted(rule.name for rule in rules if rule.skippable)
    possible = f"Possible are: {', '.join(skippable)}"
    for name in names:
        rule = next((rule for rule in rules if rule.name == name), None)
        if rule is None:
            raise BadInputError(f"--force {name}", "there is no such rule", possible)
        if not rule.skippable:
            raise BadInputError(f"--force {name}", f"this rule is mandatory: {rule.refuses}", possible)


def enforce(refusals: Iterable[Refusal], forced: Iterable[str]) -> tuple[str, ...]:
    """Refuse the run, unless all that refuses it is skippable and named.

    Args:
        refusals: what the rules say.
        forced: names of rules to skip.

    Returns:
        Sentences about what was skipped, for the plan.

    Raises:
        RefusedError: the first refusal that stands, with the others' sentences after it.

    """
    skipped = set(forced)
    found = tuple(refusals)
    standing = [each for each in found if not (each.rule.skippable and each.rule.name in skipped)]
    if standing:
        first, *others = (each.error() for each in standing)
        also = "".join(f".\nAlso: {error}" for error in others)
        raise RefusedError(first.subject, first.cause, first.remedy + also)
    return tuple(f"{each.subject}: {each.cause} (rule {each.rule.name}, skipped by --force)" for each in found)
