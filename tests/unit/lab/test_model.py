"""Shapes, names and addresses of labs."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kubewright.errors import BadInputError
from kubewright.lab.model import LabRecord, LabShape, check_lab_name
from tests.unit.lab.helpers import FIRST, SECOND, record


class TestShape:
    @pytest.mark.parametrize("shape", [LabShape(0, 1), LabShape(1, -1), LabShape(3, 198)])
    def test_an_impossible_one_is_refused(self, shape: LabShape) -> None:
        with pytest.raises(BadInputError):
            shape.check()

    def test_a_lab_of_control_planes_alone_is_possible(self) -> None:
        LabShape(1, 0).check()

    def test_it_reads_as_it_was_asked_for(self) -> None:
        shape = LabShape(1, 2, kubernetes="1.37.2", second_network=True)
        assert str(shape) == "1 control plane, 2 workers, Kubernetes 1.37.2, two networks"


class TestNames:
    @pytest.mark.parametrize("name", ["default", "a", "ha-2", "x" * 20])
    def test_good(self, name: str) -> None:
        assert check_lab_name(name) == name

    @pytest.mark.parametrize("name", ["", "Default", "2nd", "a_b", "a-", "../x", "x" * 21, "a\n"])
    def test_bad(self, name: str) -> None:
        with pytest.raises(BadInputError, match="lower-case"):
            check_lab_name(name)


class TestNodes:
    def test_names_and_addresses_follow_the_order_of_booting(self) -> None:
        nodes = record(3, 2).nodes
        assert [node.name for node in nodes] == ["cp1", "cp2", "cp3", "w1", "w2"]
        assert [str(node.address) for node in nodes] == [f"192.0.2.{last}" for last in range(11, 16)]
        assert {node.second_address for node in nodes} == {None}

    def test_with_two_networks_both_addresses_end_alike(self) -> None:
        (node, *_) = record(networks=(FIRST, SECOND)).nodes
        assert (str(node.address), str(node.second_address)) == ("192.0.2.11", "198.51.100.11")

    @given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), max_size=8))
    def test_growing_never_gives_a_name_or_address_again(self, steps: list[tuple[int, int]]) -> None:
        lab = record()
        for control_planes, workers in steps:
            added = lab.planned(control_planes=control_planes, workers=workers)
            assert len(added) == control_planes + workers
            lab = dataclasses.replace(lab, nodes=(*lab.nodes, *added))
        assert len({node.name for node in lab.nodes}) == len({node.address for node in lab.nodes}) == len(lab.nodes)
        assert lab.shape.control_planes == 1 + sum(step[0] for step in steps)

    def test_an_unknown_node_is_told_with_those_there_are(self) -> None:
        with pytest.raises(BadInputError, match=r"no node is called w9.*cp1, w1, w2"):
            record().node("w9")


class TestRecord:
    @pytest.mark.parametrize("networks", [(FIRST,), (FIRST, SECOND)])
    def test_what_is_written_is_read(self, networks: tuple[object, ...]) -> None:
        lab = record(networks=networks)  # type: ignore[arg-type]  # parametrized values
        assert LabRecord.from_json(lab.to_json(), Path("lab.json")) == lab

    @pytest.mark.parametrize("text", ["", "{}", "[]", '{"version": 1}', '{"version": 99}'])
    def test_what_is_no_record_is_told_with_its_file(self, text: str) -> None:
        with pytest.raises(BadInputError, match=r"labs/lab\.json"):
            LabRecord.from_json(text, Path("labs/lab.json"))
