"""The known name that an unknown one is a misspelling of."""

from __future__ import annotations

import difflib
import functools
from collections import Counter

from kubewright.settings.connection import CONNECTION_NAMES
from kubewright.settings.kubespray import load
from kubewright.settings.names import CHECKED_NAMES, HONOURED_NAMES, REFUSED_NAMES

_ALIKE = 0.86
"""How alike two names must be to be taken for one misspelt: one changed, missing or doubled letter or two."""
_COMPARED = 20
"""How many candidates are compared letter by letter."""
_SHORTEST = 5
"""Of a shorter name, another letter makes another word."""
_LONGEST = 80
"""A longer name is nobody's misspelling, and would take long to compare."""


@functools.lru_cache(maxsize=4096)
def nearest(name: str) -> str:
    """Return the known name that a name is a misspelling of: other letter case or word order, or a few other letters.

    Empty if there is none.
    """
    if len(name) > _LONGEST:
        return ""
    lower = name.lower().replace("-", "_")
    if lower in _candidates():
        return lower
    words = tuple(sorted(lower.split("_")))
    if reordered := _by_words().get(words):
        return reordered
    alike = _sharing_letters(lower)
    if near := difflib.get_close_matches(lower, alike, n=1, cutoff=_ALIKE):
        return near[0]
    return next((each for each in alike if len(each) >= _SHORTEST and _one_letter_apart(lower, each)), "")


def _one_letter_apart(one: str, other: str) -> bool:
    """Whether one letter more, less or else makes one name of the other; a short name's likeness is too low to tell."""
    if abs(len(one) - len(other)) > 1:
        return False
    shorter, longer = sorted((one, other), key=len)
    same = next((place for place, letter in enumerate(shorter) if letter != longer[place]), len(shorter))
    rest = same + 1 if len(shorter) == len(longer) else same
    return shorter[rest:] == longer[same + 1 :]


def closest(name: str, count: int = 5) -> list[str]:
    """Return names that come near, the nearest first, for somebody who looks one up."""
    containing = [candidate for candidate in _candidates() if name.lower() in candidate]
    alike = difflib.get_close_matches(name.lower(), _candidates(), n=count, cutoff=0.6)
    near = [near] if (near := nearest(name)) else []
    return list(dict.fromkeys([*near, *alike, *containing]))[:count]


def _sharing_letters(name: str) -> list[str]:
    """Return the few candidates that share the most runs of letters: comparing with all takes milliseconds a name."""
    shared = Counter(candidate for run in _runs(name) for candidate in _by_runs().get(run, ()))
    return [candidate for candidate, _ in shared.most_common(_COMPARED)]


def _runs(name: str) -> set[str]:
    padded = f"  {name}  "
    return {padded[begin : begin + 3] for begin in range(len(padded) - 2)}


@functools.cache
def _by_runs() -> dict[str, list[str]]:
    by_runs: dict[str, list[str]] = {}
    for candidate in _candidates():
        for run in _runs(candidate):
            by_runs.setdefault(run, []).append(candidate)
    return by_runs


@functools.cache
def _candidates() -> dict[str, None]:
    """Return what a name can be meant to be, the honoured names first. Removed names are nobody's aim."""
    living = (name for name, entry in load().items() if not entry.last and len(name) > _SHORTEST)
    known = (
        *sorted(HONOURED_NAMES),
        *sorted(CHECKED_NAMES | REFUSED_NAMES),
        *sorted(living),
        *sorted(CONNECTION_NAMES),
    )
    return dict.fromkeys(known)


@functools.cache
def _by_words() -> dict[tuple[str, ...], str]:
    by_words: dict[tuple[str, ...], str] = {}
    for name in _candidates():
        by_words.setdefault(tuple(sorted(name.split("_"))), name)
    return by_words
