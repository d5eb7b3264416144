"""Today's groups out of any spelling."""

from __future__ import annotations

import pytest

from kubewright.inventory import CANONICAL_GROUPS, canonical_groups, renamed_groups


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
    names = ("kube_control_plane", "kube_node", "etcd", "k8s_cluster")
    assert tuple(canonical_groups(groups)[name] for name in names) == expected
    assert tuple(canonical_groups(groups)) == CANONICAL_GROUPS


def test_route_reflectors_are_in_the_cluster_and_others_are_not() -> None:
    members = canonical_groups({"calico-rr": ["r"], "bastion": ["jump"], "no-floating": ["n"], "broken_etcd": ["e"]})
    assert members["k8s_cluster"] == members["calico_rr"] == ("r",)
    assert (members["bastion"], members["no_floating"], members["broken_etcd"]) == (("jump",), ("n",), ("e",))


def test_older_spellings() -> None:
    assert renamed_groups(["kube-master", "kube_node", "k8s-cluster", "web"]) == {
        "k8s-cluster": "k8s_cluster",
        "kube-master": "kube_control_plane",
    }
