"""End a run on which too many hosts have failed: no further step begins, as after Ctrl-C."""

from __future__ import annotations

from kubewright.engine.record import Run
from kubewright.engine.request import Request
from kubewright.errors import StepFailedError


def give_up_after_failures(run: Run) -> None:
    """Stop the run where steps of more hosts have failed than it was asked to bear; to be called after a failure.

    What was not begun because of another's failure does not count.
    """
    if not run.has("inputs"):
        return
    most = Request.load(run).max_failures
    ended = [event for event in run.events() if event["event"] == "end"]
    hosts = list(dict.fromkeys(str(event["host"]) for event in ended if not event.get("ok")))
    if most is None or len(hosts) <= most:
        return
    counted = "1 host has" if len(hosts) == 1 else f"{len(hosts)} hosts have"
    cause = f"{counted} failed ({', '.join(hosts)}), more than the {most} that may"
    if run.stop(cause):
        again = "Mend what failed and run the same command again; it goes on where this one stopped"
        run.fail(StepFailedError(f"--max-failures {most}", f"{cause}; no further step was begun", again))
