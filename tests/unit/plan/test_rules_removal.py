"""The rules of a removal: what must not be the last, and disruption budgets."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kubewright.errors import RefusedError
from kubewright.observe.model import ObservedNode
from kubewright.plan.rules import disruption, last
from kubewright.plan.rules.disruption import Budget


def node(
    name: str, *taints: str, control_plane: bool = False, cordoned: bool = False, ready: bool = True
) -> ObservedNode:
    return ObservedNode(
        name, "", ready=ready, kubelet_version="", control_plane=control_plane, taints=taints, unschedulable=cordoned
    )


class TestLast:
    @pytest.mark.parametrize(
        ("leaving", "refused"), [({"cp1"}, True), ({"w1"}, False), ({"w1", "w2"}, True), (set(), False)]
    )
    def test_small_cluster(self, leaving: set[str], refused: bool) -> None:
        nodes = [
            node("cp1", "node-role.kubernetes.io/control-plane:NoSchedule", control_plane=True),
            node("w1"),
            node("w2", "node.kubernetes.io/not-ready:NoSchedule"),
        ]
        if refused:
            with pytest.raises(RefusedError, match="would be left"):
                last.refuse(nodes, leaving)
        else:
            last.refuse(nodes, leaving)

    @pytest.mark.parametrize(
        ("workers", "leaving", "refused"),
        [
            ("w1 w2", "w1", False),
            ("w1 -w2", "w1", True),
            ("w1 /w2", "w1", True),
            ("w1 -/w2", "w1", True),
            ("/w1 w2", "w1", False),
            ("/w1 -w2", "w1", True),
            ("-w1 w2", "w1", False),
            ("-w1 /w2", "w1", False),
            ("-w1 -w2", "w1", False),
            ("-w1", "w1", True),
            ("w1 -w2 w3", "w1", False),
            ("w1 -w2 w3", "w1 w3", True),
            ("w1 -w2", "w2", False),
            ("-w1 -w2", "w1 w2", True),
        ],
    )
    def test_what_stays_has_to_be_ready_and_not_cordoned(self, workers: str, leaving: str, refused: bool) -> None:
        """``-`` marks one that is not Ready, ``/`` one that is cordoned."""
        plane = node("cp1", "node-role.kubernetes.io/control-plane:NoSchedule", control_plane=True)
        nodes = [
            plane,
            *(node(word.strip("-/"), cordoned="/" in word, ready="-" not in word) for word in workers.split()),
        ]
        if refused:
            with pytest.raises(RefusedError, match="no node would be left that takes ordinary pods"):
                last.refuse(nodes, set(leaving.split()))
        else:
            last.refuse(nodes, set(leaving.split()))

    def test_it_names_those_that_only_look_like_it(self) -> None:
        with pytest.raises(RefusedError, match=r"\(w2, w3: not Ready or cordoned\)"):
            last.refuse([node("w1"), node("w2", ready=False), node("w3", cordoned=True)], {"w1"})

    @given(st.lists(st.tuples(st.booleans(), st.booleans(), st.booleans(), st.booleans(), st.booleans()), max_size=9))
    def test_what_is_allowed_leaves_one_of_each_that_there_was(
        self, drawn: list[tuple[bool, bool, bool, bool, bool]]
    ) -> None:
        nodes = [
            node(str(n), *(["x:NoSchedule"] if tainted else []), control_plane=plane, ready=ready, cordoned=cordoned)
            for n, (plane, tainted, ready, cordoned, _) in enumerate(drawn)
        ]
        leaving = {str(number) for number, (*_, goes) in enumerate(drawn) if goes}
        try:
            last.refuse(nodes, leaving)
        except RefusedError:
            return
        staying = [each for each in nodes if each.name not in leaving]
        assert any(each.control_plane for each in staying) == any(each.control_plane for each in nodes)
        assert any(map(last.takes_pods, staying)) == any(map(last.takes_pods, nodes))
        assert any(map(last.schedulable, staying)) == any(map(last.schedulable, nodes))


class TestDisruption:
    @pytest.mark.parametrize(
        ("allowed", "expected", "most", "least", "never"),
        [
            (0, 2, "0", "", True),
            (0, 2, "0%", "", True),
            (0, 2, "1", "", False),
            (0, 2, "", "2", True),
            (0, 3, "", "2", False),
            (0, 3, "", "100%", True),
            (0, 3, "", "50%", False),
            (0, 1, "", "50%", True),
            (0, 2, "", "50%", False),
            (0, 2, "", "51%", True),
            (0, 5, "", "90%", True),
            (0, 10, "", "90%", False),
            (0, 1, "", "1%", True),
            (0, 3, "", "0%", False),
            (0, 1, "1%", "", False),
            (0, 3, "30%", "", False),
            (1, 1, "", "50%", False),
            (1, 3, "", "2", False),
            (0, 0, "", "", False),
        ],
    )
    def test_budgets(self, allowed: int, expected: int, most: str, least: str, never: bool) -> None:
        budget = Budget("default/x", ("default/x-1",), allowed, expected, most, least)
        assert budget.never_passes is never
        if never:
            with pytest.raises(RefusedError, match="default/x-1"):
                disruption.refuse("w1", [budget])
        else:
            disruption.refuse("w1", [budget])

    @given(st.integers(1, 9), st.integers(0, 12), st.integers(1, 9))
    def test_one_that_allows_a_disruption_now_is_never_refused(self, allowed: int, least: int, pods: int) -> None:
        disruption.refuse("w1", [Budget("a/b", ("a/c",), allowed, pods, min_available=str(least))])

    @given(st.integers(0, 120), st.integers(1, 50))
    def test_a_percentage_blocks_where_it_is_more_than_all_but_one(self, percent: int, pods: int) -> None:
        budget = Budget("a/b", ("a/c",), 0, pods, min_available=f"{percent}%")
        assert budget.never_passes is (percent * pods > (pods - 1) * 100)

    def test_a_pod_of_two_budgets_is_refused_even_where_both_would_allow_it(self) -> None:
        budgets = [Budget("a/one", ("a/x", "a/y"), 1, 2, "1"), Budget("a/two", ("a/y",), 1, 2, "1")]
        with pytest.raises(RefusedError, match=r"pod a/y: .*from w1: 2 disruption budgets select it \(a/one, a/two\)"):
            disruption.refuse("w1", budgets)

    def test_two_budgets_of_different_pods_are_not_refused(self) -> None:
        disruption.refuse("w1", [Budget("a/one", ("a/x",), 1, 2, "1"), Budget("b/one", ("b/x",), 1, 2, "1")])
