"""Classes of plain values, as :mod:`dataclasses` has them, that a node's Python has ready a hundred times as fast.

The standard library's import :mod:`inspect` with all that it needs and compile the methods of each class on their own,
which together takes a fifth of all that a call takes a node.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

T = TypeVar("T")
_NOTHING = object()
_FIELDS = "__frozen_fields__"


class _Field:
    """What a field has besides its name."""

    def __init__(self, default: Any, factory: Any, *, compare: bool) -> None:
        self.default = default
        self.factory = factory
        self.compare = compare

    def value(self) -> Any:
        """Return what it has where nothing was given; ``_NOTHING`` where something has to be."""
        return self.default if self.factory is None else self.factory()


def field(*, default: Any = _NOTHING, default_factory: Any = None, compare: bool = True) -> Any:
    """Say more of a field than its type.

    Args:
        default: what it is where nothing is given.
        default_factory: makes that, for each object its own.
        compare: whether objects that differ in it only are equal no more.

    """
    return _Field(default, default_factory, compare=compare)


if TYPE_CHECKING:
    from typing import dataclass_transform

    @dataclass_transform(frozen_default=True, field_specifiers=(field,))
    def frozen(cls: type[T]) -> type[T]:
        """See below."""

    @dataclass_transform(field_specifiers=(field,))
    def mutable(cls: type[T]) -> type[T]:
        """See below."""

else:

    def frozen(cls):
        """Make of a class that lists its fields (after its base's) one of values that nobody changes."""
        mutable(cls)
        cls.__setattr__ = _refuse
        cls.__delattr__ = _refuse
        cls.__hash__ = _hash
        return cls

    def mutable(cls):
        """Make of such a class one whose objects may be changed, and so have no hash; equal where all fields are."""
        fields = dict(getattr(cls, _FIELDS, {}))
        for name in cls.__annotations__:
            if name in fields and name not in cls.__dict__:
                continue  # a base's
            given = cls.__dict__.get(name, _NOTHING)
            fields[name] = given if isinstance(given, _Field) else _Field(given, None, compare=True)
            if fields[name] is given:
                delattr(cls, name)
        setattr(cls, _FIELDS, fields)
        cls.__init__ = _init
        cls.__eq__ = _eq
        cls.__hash__ = None
        cls.__repr__ = _repr
        return cls


def replace(instance: T, **changes: Any) -> T:
    """Return an object like ``instance`` in all but the given fields."""
    return type(instance)(**dict(vars(instance), **changes))


def _init(self: Any, *values: Any, **named: Any) -> None:
    """Take fields in their order or by name.

    Raises:
        TypeError: one is missing, unknown, or given twice.

    """
    fields: dict[str, _Field] = getattr(self, _FIELDS)
    own = vars(self)
    own.update(zip(fields, values))  # noqa: B905 - Python 3.9 has no strict
    if len(values) > len(fields) or not named.keys() <= fields.keys() - own.keys():
        raise TypeError("%s has fields %s, each once" % (type(self).__name__, ", ".join(fields)))
    for name, each in fields.items():
        if name not in own:
            own[name] = named[name] if name in named else each.value()
            if own[name] is _NOTHING:
                raise TypeError("%s needs %s" % (type(self).__name__, name))


def _refuse(self: Any, name: str, _value: Any = None) -> None:
    raise AttributeError("%s.%s is not to be changed" % (type(self).__name__, name))


def _compared(instance: Any) -> tuple[Any, ...]:
    own = vars(instance)
    return tuple(own[name] for name, each in getattr(instance, _FIELDS).items() if each.compare)


def _eq(self: Any, other: Any) -> Any:
    return _compared(self) == _compared(other) if type(self) is type(other) else NotImplemented


def _hash(self: Any) -> int:
    return hash(_compared(self))


def _repr(self: Any) -> str:
    return "%s(%s)" % (type(self).__name__, ", ".join("%s=%r" % each for each in vars(self).items()))
