"""Mappings by host that are made only as far as somebody looks: most actions are about few hosts out of many."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Generic, TypeVar

Raw = TypeVar("Raw")
Value = TypeVar("Value")


class MadeOnDemand(Mapping[str, Value], Generic[Raw, Value]):
    """A mapping of which each value is made when it is first asked for."""

    def __init__(self, raw: Mapping[str, Raw], make: Callable[[Raw], Value]) -> None:
        """Take what the values are made of, by key."""
        self._raw = raw
        self._make = make
        self._made: dict[str, Value] = {}

    def __getitem__(self, key: str) -> Value:
        if key not in self._made:
            self._made[key] = self._make(self._raw[key])
        return self._made[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._raw)

    def __len__(self) -> int:
        return len(self._raw)


class ReadOnDemand(Mapping[str, Value]):
    """A mapping that is read as a whole when it is first looked at."""

    def __init__(self, read: Callable[[], Mapping[str, Value]]) -> None:
        """Take what reads it."""
        self._read = read
        self._content: Mapping[str, Value] | None = None

    def _whole(self) -> Mapping[str, Value]:
        if self._content is None:
            self._content = self._read()
        return self._content

    def __getitem__(self, key: str) -> Value:
        return self._whole()[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._whole())

    def __len__(self) -> int:
        return len(self._whole())
