"""The hosts file block never touches another line."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.kubewright.cluster.plugins.module_utils.errors import NodeError
from ansible_collections.kubewright.cluster.plugins.module_utils.resources.hosts_block import (
    block_removed,
    block_replaced,
    block_text,
)

MARKER = "kubewright cluster hosts"
LINES = st.text(st.characters(codec="utf-8"), max_size=30).filter(lambda line: MARKER not in line)
FOREIGN = st.lists(LINES, max_size=6).map("\n".join)
ENTRIES = st.lists(st.tuples(st.ip_addresses(v=4).map(str), st.lists(st.sampled_from("abc"), min_size=1)), max_size=4)


class TestProperties:
    @given(FOREIGN, ENTRIES)
    def test_foreign_text_stays(self, text: str, entries: Any) -> None:
        """What is added is the block at the end, after a newline that the last line may have lacked."""
        replaced = block_replaced(text, MARKER, block_text(MARKER, entries))
        assert replaced.startswith(text)
        assert replaced[len(text) :].lstrip("\n") == block_text(MARKER, entries)

    @given(FOREIGN, FOREIGN, ENTRIES, ENTRIES)
    def test_replacing_changes_the_block_alone(self, head: str, tail: str, old: Any, new: Any) -> None:
        head = head + "\n" if head else ""
        before = head + block_text(MARKER, old) + tail
        assert block_replaced(before, MARKER, block_text(MARKER, new)) == head + block_text(MARKER, new) + tail

    @given(FOREIGN, ENTRIES)
    def test_twice_is_once(self, text: str, entries: Any) -> None:
        block = block_text(MARKER, entries)
        once = block_replaced(text, MARKER, block)
        assert block_replaced(once, MARKER, block) == once

    @given(FOREIGN, ENTRIES)
    def test_removing_undoes_adding(self, text: str, entries: Any) -> None:
        added = block_replaced(text, MARKER, block_text(MARKER, entries))
        assert block_removed(added, MARKER).rstrip("\n") == text.rstrip("\n")


class TestDamage:
    @pytest.mark.parametrize(
        "text",
        [
            f"# BEGIN {MARKER}\n",
            f"# END {MARKER}\n",
            f"# END {MARKER}\n# BEGIN {MARKER}\n",
            f"# BEGIN {MARKER}\n# END {MARKER}\n" * 2,
        ],
    )
    def test_a_broken_block_is_not_guessed_at(self, text: str) -> None:
        with pytest.raises(NodeError, match="Remove its lines by hand"):
            block_replaced(text, MARKER, block_text(MARKER, []))
