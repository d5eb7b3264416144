"""The inventory as it was is in the run's folder."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest

from kubewright.engine import keeping
from kubewright.engine.actions.looking import MakePlan
from kubewright.engine.folders import create_run
from kubewright.engine.record import Run
from tests.unit.engine.recorded import Recorded
from tests.unit.engine.test_waiting import Calls, action


@pytest.fixture
def run(tmp_path: Path) -> Run:
    return create_run(tmp_path / "state", "deploy", os.getpid())


def copied(kept: keeping.Kept) -> list[str]:
    folder = kept.folder
    assert folder is not None
    assert kept.refusal == ""
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


class TestKeepInventory:
    def test_a_folder_is_copied_without_what_is_hidden(self, run: Run, tmp_path: Path) -> None:
        inventory = tmp_path / "mine"
        for name in ("hosts.ini", "group_vars/all.yml", ".artifacts/admin.conf", ".kubewright/runs/x/plan.json"):
            (inventory / name).parent.mkdir(parents=True, exist_ok=True)
            (inventory / name).write_text(name)
        assert copied(keeping.keep_inventory(run, [str(inventory)])) == ["mine/group_vars/all.yml", "mine/hosts.ini"]

    def test_only_its_user_can_read_the_copy(self, run: Run, tmp_path: Path) -> None:
        (tmp_path / "hosts.ini").write_text("[all]")
        kept = keeping.keep_inventory(run, [str(tmp_path / "hosts.ini")])
        assert copied(kept) == ["hosts.ini"]
        assert kept.folder is not None
        assert (kept.folder / "hosts.ini").stat().st_mode & 0o077 == 0

    def test_sources_of_one_name_do_not_overwrite_each_other(self, run: Run, tmp_path: Path) -> None:
        for part in ("a", "b"):
            (tmp_path / part).mkdir()
            (tmp_path / part / "hosts").write_text(part)
        kept = keeping.keep_inventory(run, [str(tmp_path / "a" / "hosts"), str(tmp_path / "b" / "hosts")])
        assert copied(kept) == ["0-hosts", "1-hosts"]

    def test_a_list_of_hosts_is_no_file(self, run: Run) -> None:
        assert keeping.keep_inventory(run, ["192.0.2.1,"]) == keeping.Kept()

    def test_a_dangling_link_is_passed_over(self, run: Run, tmp_path: Path) -> None:
        inventory = tmp_path / "mine"
        inventory.mkdir()
        (inventory / "hosts.ini").write_text("[all]")
        (inventory / "gone").symlink_to(tmp_path / "nowhere")
        assert copied(keeping.keep_inventory(run, [str(inventory)])) == ["mine/hosts.ini"]

    def test_what_is_no_inventory_by_its_size_is_not_copied_and_that_is_said(
        self, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(keeping, "LARGEST", 3)
        (tmp_path / "hosts").write_text("four")
        kept = keeping.keep_inventory(run, [str(tmp_path / "hosts")])
        assert kept.folder is None
        assert str(tmp_path / "hosts") in kept.refusal
        assert not (run.directory / keeping.FOLDER).exists()


class TestPlanned:
    """The action that plans says where the copy is, or why there is none."""

    def said(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[list[str], list[dict[str, object]]]:
        recorded = Recorded(folder)
        (folder / "hosts").write_text("four")
        lines: list[str] = []
        made = action(MakePlan, Calls(), monkeypatch)
        monkeypatch.setattr(made, "say", lines.append)
        made._keep_inventory(recorded.run, replace(recorded.inputs, sources=(str(folder / "hosts"),)))
        return lines, recorded.run.events()

    def test_a_copy(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        lines, events = self.said(tmp_path, monkeypatch)
        assert [(event["event"], event["path"]) for event in events] == [("inventory", f"{tmp_path}/run/inventory")]
        assert lines == [f"inventory kept: {tmp_path}/run/inventory"]

    def test_none(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(keeping, "LARGEST", 3)
        lines, events = self.said(tmp_path, monkeypatch)
        assert [event["event"] for event in events] == ["note"]
        assert [line.partition(":")[0] for line in lines] == ["Warning"]
