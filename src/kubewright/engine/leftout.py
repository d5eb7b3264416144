"""Hosts that a run could not bring up to date: all else is done, and the run has still not succeeded."""

from __future__ import annotations

from kubewright.engine.record import Run
from kubewright.engine.request import Request
from kubewright.errors import StepFailedError

UNREACHABLE = "unreachable"
"""The file of the run's folder with the hosts that no step is planned on, and the causes."""


def answered(run: Run) -> frozenset[str]:
    """Hosts among those left out that did answer: looking at them failed."""
    probes = run.read_all("hosts")
    return frozenset(name for name in without_steps(run) if "failed" in probes.get(name, {}))


def without_steps(run: Run) -> dict[str, str]:
    """Hosts that no step is planned on because they could not be looked at, with the cause."""
    return dict(run.read(UNREACHABLE)) if run.has(UNREACHABLE) else {}


def hosts_left_out(run: Run) -> list[str]:
    """The hosts that this run should have brought up to date and could not, by name."""
    later = [str(event["host"]) for event in run.events() if event["event"] == "left"]
    return sorted({*later, *without_steps(run)})


def left_out(run: Run) -> StepFailedError | None:
    """The error that a run ends with which did all it could, but not on every host; None where none was left out."""
    hosts = hosts_left_out(run)
    if not hosts:
        return None
    all_else = "all else is in the plan" if Request.load(run).dry_run else "all else is done"
    failed = sorted(answered(run))
    if not failed:
        cause, remedy = "they did not answer and were left out", "Bring them back"
    else:
        told = "; ".join(f"{name} ({without_steps(run)[name]})" for name in failed)
        cause, remedy = f"they were left out, and looking at some of them failed: {told}", "Mend that"
    return StepFailedError(
        f"hosts {', '.join(hosts)}", f"{cause}; {all_else}", f"{remedy} and run the same command again"
    )
