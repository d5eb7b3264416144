"""What the last action of a run does: end the journal and leave the report."""

from __future__ import annotations

from kubewright.engine.actions.base import RunAction
from kubewright.engine.record import Run
from kubewright.engine.reporting import REPORT, note_end, unwritten


class EndingAction(RunAction):
    """An action that can be a run's last one."""

    def end(self, run: Run) -> None:
        """Journal the end of a run that has a plan, write its report, and say where it is or why it is not there."""
        note_end(run)
        if warning := unwritten(run):
            self.say(f"Warning: {warning}")
        else:
            self.say(f"Report: {run.directory / REPORT}")
