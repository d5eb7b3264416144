"""Classes of plain values behave as those of the standard library do."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from ansible_collections.kubewright.cluster.plugins.module_utils import frozen
from ansible_collections.kubewright.cluster.plugins.module_utils.frozen import field, replace

Class = Any


def ours() -> Class:
    @frozen.frozen
    class Point:
        x: int
        y: int = 2
        names: list[str] = field(default_factory=list)
        seen: float = field(default=0.0, compare=False)

        @property
        def total(self) -> int:
            return self.x + self.y

    return Point


def theirs() -> Class:
    @dataclasses.dataclass(frozen=True)
    class Point:
        x: int
        y: int = 2
        names: list[str] = dataclasses.field(default_factory=list)
        seen: float = dataclasses.field(default=0.0, compare=False)

        @property
        def total(self) -> int:
            return self.x + self.y

    return Point


GIVEN = [
    ((), {}),
    ((1,), {}),
    ((1, 5), {}),
    ((1, 5, ["a"], 3.0), {}),
    ((1, 5, ["a"], 3.0, 9), {}),
    ((), {"x": 1}),
    ((), {"y": 1}),
    ((1,), {"x": 1}),
    ((1,), {"z": 1}),
    ((1,), {"names": ["b"], "seen": 1.5}),
    ((), {"x": 1, "y": 5, "names": ["a"]}),
]


def made(kind: Class, positional: tuple[Any, ...], named: dict[str, Any]) -> Any:
    """All that can be seen of an object, or that there is none."""
    try:
        value = kind(*positional, **named)
    except TypeError:
        return "TypeError"
    return value.x, value.y, value.names, value.seen, value.total, repr(value).rpartition(".")[2]


@pytest.mark.parametrize(("positional", "named"), GIVEN)
def test_objects_are_made_in_the_same_way(positional: tuple[Any, ...], named: dict[str, Any]) -> None:
    assert made(ours(), positional, named) == made(theirs(), positional, named)


@pytest.mark.parametrize("kind", [ours(), theirs()])
class TestBoth:
    def test_are_equal_where_what_is_compared_is(self, kind: Class) -> None:
        assert kind(1) == kind(1, 2, [], 7.0)
        assert kind(1) != kind(2)
        assert kind(1) != kind(1, names=["a"])
        assert kind(1) != (1, 2, [], 0.0)

    def test_each_has_a_list_of_its_own(self, kind: Class) -> None:
        assert kind(1).names is not kind(1).names

    def test_nobody_changes_one(self, kind: Class) -> None:
        value = kind(1)
        with pytest.raises(AttributeError):
            value.x = 3
        with pytest.raises(AttributeError):
            del value.x
        assert value.x == 1

    def test_has_no_hash_where_a_field_has_none(self, kind: Class) -> None:
        with pytest.raises(TypeError):
            hash(kind(1))
        assert hash(kind(1, names=())) == hash(kind(1, names=(), seen=4.0))


def test_errors_name_what_is_wrong() -> None:
    with pytest.raises(TypeError, match=r"^Point needs x$"):
        ours()()
    with pytest.raises(TypeError, match=r"^Point has fields x, y, names, seen, each once$"):
        ours()(1, x=1)
    with pytest.raises(AttributeError, match=r"^Point\.x is not to be changed$"):
        ours()(1).x = 2


def test_another_object_like_one() -> None:
    one = ours()(1, 5, ["a"], 3.0)
    other = replace(one, y=6)
    assert (other.x, other.y, other.names, other.seen, one.y) == (1, 6, ["a"], 3.0, 5)
    with pytest.raises(TypeError):
        replace(one, z=6)


def test_what_may_be_changed_has_no_hash() -> None:
    @frozen.mutable
    class Walk:
        steps: list[str] = field(default_factory=list)

    walk = Walk()
    walk.steps = ["a"]
    assert walk == Walk(["a"])
    with pytest.raises(TypeError):
        hash(walk)


def test_a_base_comes_first() -> None:
    @frozen.mutable
    class Base:
        x: int = 1
        y: list[str] = field(default_factory=list)

    @frozen.mutable
    class Derived(Base):
        z: int = 3
        x: int = 9

    value = Derived()
    assert (value.x, value.y, value.z) == (9, [], 3)
    assert Derived(4, ["a"], 5) == Derived(z=5, y=["a"], x=4)
    assert Base().x == 1
    assert Base() != Derived(1, [], 3)
