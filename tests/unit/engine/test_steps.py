"""Steps of a plan as actions carry them out, from Ansible's call to the journal."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from ansible.plugins.action import ActionBase

from kubewright.engine.actions.base import RunAction
from kubewright.engine.actions.joining import Join
from kubewright.engine.actions.steps import StepAction
from kubewright.engine.record import Run
from kubewright.errors import KubewrightError, StepFailedError, UnreachableError
from kubewright.plan import Plan, Stage, Step
from tests.unit.engine.recorded import NAMES, Recorded
from tests.unit.engine.test_waiting import Calls, action


class Answers(StepAction):
    """A step that gives the next of its answers."""

    answer: KubewrightError | None = None

    def carry_out(self, run: Run, step: Step) -> dict[str, Any]:
        """Give it."""
        if self.answer is not None:
            raise self.answer
        return {"changed": True}


@pytest.fixture
def recorded(tmp_path: Path) -> Recorded:
    """A run that has the lock, and a step of joining for every host."""
    made = Recorded(tmp_path, names=NAMES)
    steps = [Step(Stage.JOIN_CONTROL_PLANE, host, "join", "new host") for host in NAMES.control_plane]
    steps += [Step(Stage.JOIN_WORKER, host, "join", "new host") for host in NAMES.worker]
    made.run.write("plan", Plan("deploy", "mine", "1.37.2", "cp1", tuple(steps)).to_json())
    made.locked()
    return made


def carry_out(
    kind: type[RunAction],
    recorded: Recorded,
    monkeypatch: pytest.MonkeyPatch,
    host: str,
    stage: Stage,
    answer: KubewrightError | None = None,
) -> dict[str, Any]:
    """What Ansible is told of a host's step."""
    monkeypatch.setattr(ActionBase, "run", lambda *_arguments: {})
    made = action(kind, Calls(), monkeypatch, host=host, stage=stage.value, run=str(recorded.run.directory))
    made._connection = SimpleNamespace(transport="local")
    if isinstance(made, Answers):
        made.answer = answer
    return made.run(task_vars={})


class TestFailure:
    def test_is_journalled_with_host_and_stage(self, recorded: Recorded, monkeypatch: pytest.MonkeyPatch) -> None:
        error = StepFailedError("host w1", "disk full")
        assert carry_out(Answers, recorded, monkeypatch, "w1", Stage.JOIN_WORKER, error)["failed"]
        (failure,) = recorded.run.failures()
        assert (failure["host"], failure["stage"]) == ("w1", "join-worker")

    def test_of_a_control_plane_keeps_the_next_one_from_joining(
        self, recorded: Recorded, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        error = UnreachableError("host cp2", "no SSH connection")
        carry_out(Answers, recorded, monkeypatch, "cp2", Stage.JOIN_CONTROL_PLANE, error)
        result = carry_out(Join, recorded, monkeypatch, "cp3", Stage.JOIN_CONTROL_PLANE)
        assert "not joined because cp2 failed to join before it" in result["msg"]

    def test_of_a_worker_does_not_stop_another(self, recorded: Recorded, monkeypatch: pytest.MonkeyPatch) -> None:
        carry_out(Answers, recorded, monkeypatch, "w1", Stage.JOIN_WORKER, StepFailedError("host w1", "disk full"))
        assert carry_out(Answers, recorded, monkeypatch, "w2", Stage.JOIN_WORKER) == {"changed": True}
