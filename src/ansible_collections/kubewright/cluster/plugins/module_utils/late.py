"""Modules of the standard library that are imported where they are first used.

TLS, HTTP and thread pools take a node longer to import than most calls that need none of them take in all.
"""

from __future__ import annotations

import importlib
from typing import Any


class _Late:
    """Stands for a module, which the first look at one of its attributes imports; safe in threads, as imports are."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __getattr__(self, attribute: str) -> Any:
        return getattr(importlib.import_module(self._name), attribute)


def late(name: str) -> Any:
    """Return what stands for the module ``name``."""
    return _Late(name)
