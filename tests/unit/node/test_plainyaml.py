"""One spelling for what says the same."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.kubewright.cluster.plugins.module_utils.plainyaml import parse, written

RECORDED = Path(__file__).parent / "recorded"
words = st.text(st.characters(codec="ascii", categories=("L", "N", "P", "S", "Zs")), max_size=12)
keys = st.from_regex(r"[a-zA-Z][a-zA-Z0-9.-]{0,8}", fullmatch=True)
values = st.recursive(
    words | st.none(),
    lambda inner: st.lists(inner, min_size=1, max_size=3) | st.dictionaries(keys, inner, min_size=1, max_size=3),
    max_leaves=8,
)


def _listless(value: Any) -> bool:
    """Whether no list holds a list: kubeadm's configurations have none, and the reader knows none."""
    if isinstance(value, list):
        return all(not isinstance(item, list) and _listless(item) for item in value)
    return all(_listless(item) for item in value.values()) if isinstance(value, dict) else True


@given(st.dictionaries(keys, values, min_size=1, max_size=3).filter(_listless))
def test_what_is_written_is_read_as_the_same(value: dict[str, Any]) -> None:
    assert parse(written(value)) == value


@pytest.mark.parametrize("name", [path.name for path in sorted(RECORDED.glob("*.yaml"))])
def test_what_kubeadm_writes_is_read_and_written(name: str) -> None:
    value = parse((RECORDED / name).read_text())
    assert parse(written(value)) == value


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("b: 1\na: 2\n", "a: 2\nb: 1\n"),
        ("a: '24'\n", 'a: "24"\n'),
        ("a:\n- x\n- y: 1\n  z: 2\n", "a:\n  - x\n  - z: 2\n    y: 1\n"),
        ("a: {}\n", "a: {}\n\n"),
    ],
)
def test_spellings_do_not_matter(one: str, other: str) -> None:
    assert written(parse(one)) == written(parse(other))


def test_values_do() -> None:
    assert written(parse("a: 1\n")) != written(parse("a: 2\n"))
    assert written(parse("a:\n- x\n- y\n")) != written(parse("a:\n- y\n- x\n"))
