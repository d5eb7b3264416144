"""Today's groups out of any spelling."""

from __future__ import annotations

import pytest

from kubewright.inventory import canonical_groups


@pytest.mark.parametrize(
    ("groups", "expected"),
    [
        ({"kube_control_plane": ["a"], "kube_node": ["b"]}, (("a",), ("b",), (), ("a", "b"))),
        ({"kube-master": ["a"], "kube-node": ["b"], "etcd": ["a"]}, (("a",), ("b",), ("a",), ("a", "b"))),
        ({"kube_master": ["a"]}, (("a",), (), (), ("a",))),
        ({"kube_control_plane": ["b"], "kube-master": ["a", "b"]}, (("b", "a"), (), (), ("b", "a"))),
        ({"kube_node": ["z", "a"], "k8s-cluster": ["a", "x"]}, ((), ("z", "a"), (), ("z", "a", "x"))),
        ({"web": ["a"]}, ((), (), (), ())),
    ],
)
def test_members_in_order(groups: dict[str, list[str]], expected: tuple[tuple[str, ...], ...]) -> None:
    assert tuple(canonical_groups(groups).values()) == expected
    assert list(canonical_groups(groups)) == ["kube_control_plane", "kube_node", "etcd", "k8s_cluster"]
