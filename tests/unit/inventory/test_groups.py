"""Today's groups out of any spelling."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kubewright.inventory import CANONICAL_GROUPS, canonical_groups, missing_groups, renamed_groups


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


@pytest.mark.parametrize(
    ("groups", "expected"),
    [
        ({"kube_control_plane": ["a"], "kube_node": ["b"], "k8s_cluster": ["a", "b"]}, {}),
        ({"kube_control_plane": ["a"], "kube_node": ["b"]}, {"a": ("k8s_cluster",), "b": ("k8s_cluster",)}),
        ({"kube-master": ["a"], "k8s-cluster": ["a"], "etcd": ["a"]}, {"a": ("kube_control_plane", "k8s_cluster")}),
        ({"web": ["a"], "bastion": ["jump"]}, {}),
    ],
)
def test_what_the_inventory_itself_does_not_have(
    groups: dict[str, list[str]], expected: dict[str, tuple[str, ...]]
) -> None:
    assert missing_groups(groups, canonical_groups(groups)) == expected


_SPELLED = st.sampled_from(
    ["kube_control_plane", "kube-master", "kube_node", "kube-node", "k8s-cluster", "etcd", "web"]
)


@given(st.dictionaries(_SPELLED, st.lists(st.sampled_from("abcde"), unique=True)))
def test_with_what_is_missing_the_inventory_has_all_and_no_more(groups: dict[str, list[str]]) -> None:
    members = canonical_groups(groups)
    mended = {name: list(hosts) for name, hosts in groups.items()}
    for host, names in missing_groups(groups, members).items():
        for name in names:
            mended.setdefault(name, []).append(host)
    assert {name: sorted(mended.get(name, ())) for name in members} == {n: sorted(h) for n, h in members.items()}
    assert missing_groups(mended, members) == {}
