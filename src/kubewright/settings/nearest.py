"""The known name that an unknown one is a misspelling of."""

from __future__ import annotations

import difflib
import functools

from kubewright.settings.connection import CONNECTION_NAMES
from kubewright.settings.kubespray import load
from kubewright.settings.names import CHECKED_NAMES, HONOURED_NAMES, REFUSED_NAMES

_ALIKE = 0.86
"""How alike two names must be to be taken for one misspelt: one changed, missing or doubled letter or two."""
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
    return next(iter(difflib.get_close_matches(lower, _candidates(), n=1, cutoff=_ALIKE)), "")


def closest(name: str, count: int = 5) -> list[str]:
    """Return names that come near, the nearest first, for somebody who looks one up."""
    containing = [candidate for candidate in _candidates() if name.lower() in candidate]
    alike = difflib.get_close_matches(name.lower(), _candidates(), n=count, cutoff=0.6)
    near = [near] if (near := nearest(name)) else []
    return list(dict.fromkeys([*near, *alike, *containing]))[:count]


@functools.cache
def _candidates() -> dict[str, None]:
    """Return what a name can be meant to be, the honoured names first. Removed names are nobody's aim."""
    living = (name for name, entry in load().items() if not entry.last)
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
