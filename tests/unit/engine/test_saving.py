"""Plan files from a run's folder, on recorded answers: written, carried out, refused."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import kubewright.artifacts
from kubewright.catalog.model import ArtifactSet, Release
from kubewright.engine import saving
from kubewright.engine.flow import choose_scope, make_documents, make_plan
from kubewright.engine.inputs import Inputs
from kubewright.engine.saving import check_asked, read_plan_file, refuse_stale, save_plan
from kubewright.errors import BadInputError, RefusedError
from kubewright.plan import Plan
from tests.golden.clusters import artifacts
from tests.unit.engine.recorded import Recorded
from tests.unit.plan.test_rules_host import PROBED

OURS = {**PROBED["kubewright"], "present": True}
FORCED = "duplicate-machine-id"
SECRET = "http://user:correct-horse@proxy.example:3128"


@pytest.fixture(autouse=True)
def resolved(monkeypatch: pytest.MonkeyPatch) -> None:
    """Stand in for fetching and building."""

    def resolve(_release: Release, **_options: Any) -> ArtifactSet:
        return artifacts()

    monkeypatch.setattr(kubewright.artifacts, "resolve", resolve)


def recorded(folder: Path, state: Path, **options: Any) -> tuple[Recorded, Plan]:
    """A cluster of cp1 and w1, to which w2 comes; in ``state`` lies what runs share."""
    folder.mkdir()
    made = Recorded(folder, "scale", **options)
    inputs = json.loads((made.run.directory / "inputs.json").read_text())
    made.run.write("inputs", {**inputs, "state_directory": str(state)})
    made.run.write("extra_vars", ["my_setting"])
    made.told("cp1", made.live("cp1", "w1", record={"fan_out": {"cp1": "d0", "w1": "d0"}}))
    choose_scope(made.run)
    made.probed("w2")
    made.probed("cp1", "w1", kubewright=OURS)
    make_documents(made.run)
    made.inspected("w2", changes=["file:/etc/x"])
    return made, make_plan(made.run)


@pytest.fixture
def state(tmp_path: Path) -> Path:
    return tmp_path / "state"


@pytest.fixture
def plan_file(tmp_path: Path, state: Path) -> Path:
    """A plan that was kept."""
    path = tmp_path / "cluster.plan"
    made, _plan = recorded(tmp_path / "first", state)
    save_plan(made.run, path)
    return path


class TestFile:
    def test_others_cannot_read_it_nor_the_key(self, plan_file: Path, state: Path) -> None:
        assert plan_file.stat().st_mode & 0o777 == 0o600
        key = state / saving.KEY_FILE
        assert key.stat().st_mode & 0o777 == 0o600
        assert key.read_text().strip() not in plan_file.read_text()

    def test_has_no_secret_of_a_document(self, tmp_path: Path, state: Path) -> None:
        made, _plan = recorded(tmp_path / "first", state, cluster={"http_proxy": SECRET})
        documents = json.dumps(made.run.read_all("documents"))
        assert "correct-horse" in documents
        save_plan(made.run, tmp_path / "cluster.plan")
        assert "correct-horse" not in (tmp_path / "cluster.plan").read_text()

    def test_the_key_is_made_once(self, plan_file: Path, tmp_path: Path, state: Path) -> None:
        made, _plan = recorded(tmp_path / "second", state)
        save_plan(made.run, tmp_path / "second.plan")
        assert (tmp_path / "second.plan").read_text() == plan_file.read_text()

    def test_in_a_directory_that_is_not_there(self, tmp_path: Path, state: Path) -> None:
        made, _plan = recorded(tmp_path / "first", state)
        with pytest.raises(BadInputError, match="no such directory"):
            save_plan(made.run, tmp_path / "nowhere" / "cluster.plan")

    @pytest.mark.parametrize("content", ["", "{", "\x00", '{"format": '])
    def test_damaged(self, plan_file: Path, content: str) -> None:
        plan_file.write_text(content)
        with pytest.raises(BadInputError, match="damaged"):
            read_plan_file(plan_file)

    def test_binary(self, plan_file: Path) -> None:
        plan_file.write_bytes(b"\xff\xfe")
        with pytest.raises(BadInputError, match="damaged"):
            read_plan_file(plan_file)

    def test_missing(self, tmp_path: Path) -> None:
        with pytest.raises(BadInputError, match="cannot be read"):
            read_plan_file(tmp_path / "nothing.plan")

    def test_a_damaged_key(self, plan_file: Path, state: Path, tmp_path: Path) -> None:
        (state / saving.KEY_FILE).write_text("abc")
        made, plan = recorded(tmp_path / "second", state)
        with pytest.raises(BadInputError, match="the key of plan files cannot be read"):
            refuse_stale(plan_file, made.run, plan)


class TestAsked:
    def inputs(self, folder: Path, state: Path, **options: Any) -> Inputs:
        made, _plan = recorded(folder, state, **options)
        return Inputs.load(made.run)

    def test_the_same(self, plan_file: Path, tmp_path: Path, state: Path) -> None:
        check_asked(plan_file, self.inputs(tmp_path / "second", state), ["another", "my_setting"])

    def test_a_variable_that_was_not_given_again(self, plan_file: Path, tmp_path: Path, state: Path) -> None:
        with pytest.raises(BadInputError, match="my_setting"):
            check_asked(plan_file, self.inputs(tmp_path / "second", state), ["another"])

    def test_another_limit(self, plan_file: Path, tmp_path: Path, state: Path) -> None:
        with pytest.raises(BadInputError, match="its limit is all hosts, not w2"):
            check_asked(plan_file, self.inputs(tmp_path / "second", state, limit=("w2",)), ["my_setting"])

    def test_rules_that_the_plan_does_not_skip(self, plan_file: Path, tmp_path: Path, state: Path) -> None:
        inputs = self.inputs(tmp_path / "second", state)
        forced = replace(inputs, request=replace(inputs.request, force=(FORCED,)))
        with pytest.raises(BadInputError, match=rf"it skips no rule \(--force\), not {FORCED}"):
            check_asked(plan_file, forced, ["my_setting"])

    def test_rules_that_it_skips(self, tmp_path: Path, state: Path) -> None:
        made, _plan = recorded(tmp_path / "first", state)
        made.run.write("request", {**made.run.read("request"), "force": [FORCED]})
        path = tmp_path / "forced.plan"
        save_plan(made.run, path)
        assert read_plan_file(path).force == (FORCED,)
        check_asked(path, Inputs.load(made.run), ["my_setting"])
        with pytest.raises(BadInputError, match=rf"it skips {FORCED} \(--force\), not no rule"):
            check_asked(path, self.inputs(tmp_path / "second", state), ["my_setting"])

    def test_another_state_directory(self, plan_file: Path, tmp_path: Path) -> None:
        with pytest.raises(BadInputError, match="another state directory"):
            check_asked(plan_file, self.inputs(tmp_path / "second", tmp_path / "elsewhere"), ["my_setting"])


class TestStale:
    def test_nothing_changed(self, plan_file: Path, tmp_path: Path, state: Path) -> None:
        made, plan = recorded(tmp_path / "second", state)
        refuse_stale(plan_file, made.run, plan)

    def test_a_setting_changed(self, plan_file: Path, tmp_path: Path, state: Path) -> None:
        made, plan = recorded(tmp_path / "second", state, cluster={"kubelet_max_pods": 99})
        with pytest.raises(RefusedError, match="the cluster: its document is another one"):
            refuse_stale(plan_file, made.run, plan)

    def test_a_node_joined(self, plan_file: Path, tmp_path: Path, state: Path) -> None:
        made, _plan = recorded(tmp_path / "second", state)
        made.told("cp1", made.live("cp1", "w1", "w2", record={"fan_out": {"cp1": "d0", "w1": "d0"}}))
        with pytest.raises(RefusedError, match="host w2: Node was absent and is uid-w2") as caught:
            refuse_stale(plan_file, made.run, make_plan(made.run))
        assert "nothing was changed" in str(caught.value)

    def test_many_differences_fit_on_a_screen(
        self, plan_file: Path, tmp_path: Path, state: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(saving, "differences", lambda *_: tuple(f"host w{number}: x" for number in range(500)))
        made, plan = recorded(tmp_path / "second", state)
        with pytest.raises(RefusedError, match="and 480 more") as caught:
            refuse_stale(plan_file, made.run, plan)
        assert len(str(caught.value).splitlines()) < 25
