"""Hosts that a run could not bring up to date: all else was done, and the run has still not succeeded."""

from __future__ import annotations

from kubewright.engine.record import Run
from kubewright.errors import StepFailedError


def hosts_left_out(run: Run) -> list[str]:
    """The hosts that this run should have brought up to date and could not reach, by name."""
    later = [str(event["host"]) for event in run.events() if event["event"] == "left"]
    silent = run.read("unreachable") if run.has("unreachable") else {}
    return sorted({*later, *silent})


def left_out(run: Run) -> StepFailedError | None:
    """The error that a run ends with which did all it could, but not on every host; None where none was left out."""
    hosts = hosts_left_out(run)
    if not hosts:
        return None
    return StepFailedError(
        f"hosts {', '.join(hosts)}",
        "they did not answer and were left out; all else is done",
        "Bring them back and run the same command again",
    )
