"""An action that does the plan's step of one stage on its host, or nothing where the plan has none."""

from __future__ import annotations

from typing import Any

from kubewright.engine.actions.base import RunAction
from kubewright.engine.lock import require_lock
from kubewright.engine.record import Run
from kubewright.plan import Plan, Stage, Step
from kubewright.plan.rollout import ROLLED_OUT, stops_at

NOTHING: dict[str, Any] = {"changed": False, "skipped": True, "skip_reason": "the plan has nothing to do here"}


def _failed_before(run: Run, stage: Stage) -> str:
    """The host whose failure keeps a step of this stage from being begun: what ruined one may ruin the next."""
    return next((str(event["host"]) for event in run.failures() if stops_at([event["stage"]], stage)), "")


class StepAction(RunAction):
    """An action that does the plan's step of a stage on its host."""

    fixed_stage: Stage | None = None

    def act(self, run: Run) -> dict[str, Any]:
        """Find the host's step and do it, journalled."""
        stage = self.fixed_stage or Stage(self._task.args["stage"])
        self.stage = stage.value
        plan = Plan.from_json(run.read("plan"))
        if why := self.left_out(run, plan):
            return {**NOTHING, "skip_reason": why}
        step = next((step for step in plan.stage(stage) if step.host == self.host), None)
        if step is None:
            return {**NOTHING, "material": {}}
        require_lock(run)
        self.refuse(run, step)
        if step.stage in ROLLED_OUT and (failed := _failed_before(run, step.stage)):
            cause = f"not begun because of what failed before on {failed}"
            run.event("left", host=self.host, cause=cause)
            return {**NOTHING, "skip_reason": cause}
        with run.step(stage.value, self.host) as outcome:
            outcome["ok"] = False
            result = self.carry_out(run, step)
            outcome.update(ok=True, changed=bool(result.get("changed", True)))
        run.write(f"done/{stage.value}/{self.host}", {"changed": outcome["changed"]})
        return {"changed": True, **result}

    def left_out(self, run: Run, plan: Plan) -> str:  # noqa: ARG002  what some look at
        """Return why nothing of the stage is done here after what happened in this run; empty where it is."""
        return ""

    def refuse(self, run: Run, step: Step) -> None:
        """Raise an error where the step must not begin after what happened in this run; it has not failed then."""

    def carry_out(self, run: Run, step: Step) -> dict[str, Any]:
        """Do the step; return result fields."""
        raise NotImplementedError
