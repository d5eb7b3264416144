"""End a run's journal, and write its report into the run's folder."""

from __future__ import annotations

from pathlib import Path

from kubewright.engine.leftout import hosts_left_out
from kubewright.engine.record import Run, write_text
from kubewright.plan import Plan
from kubewright.report.account import account

REPORT = "report.html"


def note_end(run: Run) -> None:
    """Journal that the run is over, with what is known of its success."""
    run.event("finished", failed=len(run.failures()), left=hosts_left_out(run))


def write_report(run: Run) -> Path:
    """Write the report of a run that has a plan, from the plan and the journal alone, and journal where it is."""
    from kubewright.report.html import report_html  # noqa: PLC0415  its templating is needed at the end only

    path = run.directory / REPORT
    write_text(path, report_html(account(Plan.from_json(run.read("plan")), run.events())))
    run.event("report", path=str(path))
    return path


def unwritten(run: Run) -> str:
    """Write the report; empty, or the sentence that says why it could not be written.

    What the run did is done, whatever becomes of the report, so nothing that is wrong with it makes the run fail.
    """
    try:
        write_report(run)
    except Exception as error:  # noqa: BLE001  a full disk as well as a defect: it is told, and the run is judged by itself
        return f"the run's report could not be written to {run.directory / REPORT}: {type(error).__name__}: {error}"
    return ""


def lacks_report(run: Run) -> bool:
    """Whether a run has a plan and no report, as one has that was ended before it could end by itself."""
    return run.has("plan") and not any(event["event"] == "report" for event in run.events())
