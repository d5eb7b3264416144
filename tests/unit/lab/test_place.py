"""Where labs are kept, and who may change them."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from kubewright.errors import BadInputError, LockedError
from kubewright.lab import Lab, lab_names, lab_root
from kubewright.lab._place import Place, write
from tests.unit.lab.helpers import record


class TestPlace:
    def test_two_places_of_labs_do_not_meet(self, tmp_path: Path) -> None:
        assert Place("x", tmp_path / "a").identity != Place("x", tmp_path / "b").identity

    def test_the_variable_decides_where_labs_are(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("KUBEWRIGHT_LAB_DIR", str(tmp_path))
        assert lab_root() == tmp_path

    def test_labs_are_listed_by_name(self, tmp_path: Path) -> None:
        for name in ("two", "one"):
            Place(name, tmp_path).save(record())
        (tmp_path / "000000-other").mkdir()
        (tmp_path / "000000-other" / "lab.json").write_text("")
        assert lab_names(tmp_path) == ["one", "two"]

    def test_a_lock_is_held_once(self, tmp_path: Path) -> None:
        place = Place("x", tmp_path)
        with place.locked(), pytest.raises(LockedError, match="lab x"), place.locked():
            pass
        with place.locked():
            pass

    def test_files_are_for_their_user_alone(self, tmp_path: Path) -> None:
        write(tmp_path / "a" / "b", "text")
        assert (tmp_path / "a" / "b").stat().st_mode & 0o777 == 0o600
        assert [path.name for path in (tmp_path / "a").iterdir()] == ["b"]


class TestLab:
    def test_one_that_is_not_there_is_told_with_how_to_make_it(self, tmp_path: Path) -> None:
        with pytest.raises(BadInputError, match="kubewright lab up none"):
            _ = Lab("none", root=tmp_path).inventory

    def test_one_whose_boot_did_not_finish_has_no_inventory(self, tmp_path: Path) -> None:
        Place("half", tmp_path).save(dataclasses.replace(record(), complete=False))
        with pytest.raises(BadInputError, match="did not finish"):
            _ = Lab("half", root=tmp_path).inventory

    def test_another_shape_is_refused_with_the_two_ways_out(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("kubewright.lab._host.require_tools", lambda: None)
        Place("big", tmp_path).save(record(1, 2))
        with pytest.raises(BadInputError, match=r"1 control plane, 2 workers.*lab grow big.*lab down big"):
            Lab("big", root=tmp_path).up(1, 3, kubernetes="1.37.2")

    def test_growing_by_nothing_is_refused(self, tmp_path: Path) -> None:
        with pytest.raises(BadInputError, match="no node to add"):
            Lab("big", root=tmp_path).grow()
