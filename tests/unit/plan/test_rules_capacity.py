"""Whether nodes and their pods fit into the pod network."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kubewright.plan.rules.capacity import Network, refuse


class TestCapacity:
    @pytest.mark.parametrize(
        ("network", "nodes", "new", "expected"),
        [
            (Network("10.233.64.0/18", 24, 110), 64, 1, []),
            (Network("10.233.64.0/18", 24, 110), 65, 1, ["pod-network-capacity"]),
            (Network("10.233.64.0/18", 24, 110), 65, 0, []),
            (Network("10.233.64.0/18", 26, 62), 256, 9, []),
            (Network("10.233.64.0/18", 26, 63), 256, 9, ["pods-per-node"]),
            (Network("10.233.64.0/24", 24, 300), 2, 1, ["pod-network-capacity", "pods-per-node"]),
            (Network("fd00::/56", 64, 110), 256, 1, []),
        ],
    )
    def test_by_numbers(self, network: Network, nodes: int, new: int, expected: list[str]) -> None:
        assert [found.rule.name for found in refuse(network, nodes, new)] == expected

    def test_says_how_many_are_too_many(self) -> None:
        (found,) = refuse(Network("10.233.64.0/18", 24, 110), 70, 10)
        assert "64 shares of /24 and there would be 70 nodes" in found.cause
        assert "6 fewer" in found.remedy
        assert not found.rule.skippable


@given(st.integers(8, 26), st.integers(0, 6), st.integers(1, 300), st.integers(1, 500))
def test_what_is_allowed_fits_and_fewer_always_fit_too(prefix: int, bits: int, nodes: int, pods: int) -> None:
    network = Network(f"10.0.0.0/{prefix}", prefix + bits, pods)
    refused = {found.rule.name for found in refuse(network, nodes, 1)}
    assert ("pod-network-capacity" in refused) is (nodes > 2**bits)
    assert ("pods-per-node" in refused) is (pods > 2 ** (32 - prefix - bits) - 2)
    assert {found.rule.name for found in refuse(network, max(1, nodes - 1), 1)} <= refused
