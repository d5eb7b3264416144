"""What is read quickly has the very values that ansible-core reads, with the same tags."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from ansible.inventory.manager import InventoryManager
from ansible.module_utils._internal._datatag import AnsibleTagHelper
from ansible.parsing.dataloader import DataLoader
from ansible.plugins.inventory import ini
from hypothesis import given
from hypothesis import strategies as st

from kubewright.quick_ini import ini_read_quickly

VALUES = (
    *("node1", "node-1.example.com", "_", "True", "False", "None", "true", "no", "null", "Truest", "e5", "inf", "nan"),
    *("10.0.0.1", "10.0.0", "1.5", "10.0.0.1.2", "256.1.1.999", "010.0.0.1", "10.0.0.1/24", "fd00::1"),
    *("0", "9", "007", "00", "-5", "+5", "1_000", "0x10", "1e3", "1j", "123456789012345678", "1234567890123456789"),
    *("[1,2]", "{'a':1}", "{{x}}", "{{", "(1,)", "...", "b'x'", "u'x'", '"a"', "'a b'", "a\\ b", "", "é", "१", "a=b"),
    *("not", "lambda", "__debug__", "a.b.", "a..b", "-", ".", "a-1", "a-", "ansible"),
)
LINES = (
    *("node1", " node1 ", "node1\tip=1", "node1  ip=1   x=2", "node1 # why", "node1#why", "node1 a='b c'", 'a="b"'),
    *("node1 a=b\\ c", "node[1:3] a=b", "node1:22", "a\x0bb", "a\x1cb", "a\u2003b", "a\u00a0b", "ü a=ö", "node1 a='b"),
)


def read(path: Path) -> list[tuple[str, list[tuple[Any, ...]]]]:
    """The hosts of an inventory file with their variables: type, value and tags of each, of its name too."""
    inventory = InventoryManager(loader=DataLoader(), sources=[str(path)])
    return [
        (name, [(told(key), told(value)) for key, value in sorted(host.vars.items())])
        for name, host in inventory.hosts.items()
    ]


def told(value: Any) -> tuple[Any, ...]:
    parts = [told(part) for part in value] if isinstance(value, list) else []
    return type(value), repr(value), AnsibleTagHelper.tags(value), parts


def both(path: Path) -> tuple[Any, Any]:
    """As ansible-core reads it, and quickly."""
    slowly = read(path)
    with ini_read_quickly():
        return slowly, read(path)


@pytest.mark.parametrize("value", VALUES)
def test_each_value_is_the_same(tmp_path: Path, value: str) -> None:
    path = tmp_path / "hosts.ini"
    path.write_text(f"[kube_node]\nw1 ip={value} ansible_port=22\nw2\n\n[kube_node:vars]\nx={value}\n")
    slowly, quickly = both(path)
    assert quickly == slowly


@pytest.mark.parametrize("line", LINES)
def test_each_line_is_split_the_same_way(line: str) -> None:
    assert_split_the_same(line)


@given(st.text(max_size=60) | st.text(st.sampled_from(" \t=ab1.#'\"\\:[]é\x0b\x85"), max_size=30))
def test_any_line_is_split_the_same_way(line: str) -> None:
    assert_split_the_same(line)


@given(st.text(max_size=20) | st.text(st.sampled_from("01289._-abTrueFalsNonjx+"), max_size=24))
def test_any_value_is_the_same(text: str) -> None:
    plugin = ini.InventoryModule()
    plugin._origin = ini.Origin(path="/hosts.ini", line_num=1)
    slowly = outcome(lambda: told(plugin._parse_value(text)))
    with ini_read_quickly():
        assert outcome(lambda: told(plugin._parse_value(text))) == slowly


def test_a_large_inventory_needs_neither_shell_nor_compiler(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_arguments: object, **_keywords: object) -> None:
        raise AssertionError("slow")

    monkeypatch.setattr(ini, "shlex_split", refuse)
    monkeypatch.setattr(ini.ast, "literal_eval", refuse)
    path = tmp_path / "hosts.ini"
    path.write_text("[kube_node]\nw1 ip=10.0.0.1 ansible_host=w1.example.com ansible_port=22\nw2\n")
    with ini_read_quickly():
        assert [name for name, _ in read(path)] == ["w1", "w2"]


def test_ansible_reads_as_before_afterwards() -> None:
    before = ini.shlex_split, ini.InventoryModule._parse_value
    with ini_read_quickly():
        assert (ini.shlex_split, ini.InventoryModule._parse_value) != before
    assert (ini.shlex_split, ini.InventoryModule._parse_value) == before


def assert_split_the_same(line: str) -> None:
    slowly = outcome(lambda: ini.shlex_split(line, comments=True))
    with ini_read_quickly():
        assert outcome(lambda: ini.shlex_split(line, comments=True)) == slowly


def outcome(work: Any) -> Any:
    """What it gives, or what it raises."""
    try:
        return work()
    except Exception as error:  # noqa: BLE001  any is an outcome
        return type(error), str(error)
