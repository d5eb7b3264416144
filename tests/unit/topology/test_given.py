"""What the inventory alone shows to be wrong is told before any host is contacted."""

from __future__ import annotations

import pytest

from kubewright.errors import BadInputErrors
from kubewright.topology import GroupNames, check_given
from tests.unit.topology.helpers import NAMES, settings


class TestCheckGiven:
    """The check of an inventory by itself."""

    def test_a_good_inventory_passes(self) -> None:
        check_given(NAMES, settings())

    def test_hosts_without_an_address_are_left_for_later(self) -> None:
        check_given(NAMES, settings(w1={"ip": None}, w2={"ip": None}))

    def test_an_even_number_of_members_is_left_for_later(self) -> None:
        names = GroupNames(control_plane=("cp1", "cp2"))
        check_given(names, settings(names))

    def test_everything_is_told_at_once(self) -> None:
        names = GroupNames(control_plane=(), worker=("Worker_1", "w2"))
        given = settings(names, Worker_1={"ip": "10.233.64.7"}, w2={"ip": "10.233.64.7"})
        with pytest.raises(BadInputErrors) as caught:
            check_given(names, given)
        said = str(caught.value)
        for words in ("kube_control_plane", "'Worker_1' is no DNS name", "have the same address", "kube_pods_subnet"):
            assert words in said
