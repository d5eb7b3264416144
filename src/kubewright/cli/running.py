"""What verbs that run a playbook have in common: the run's folder, progress, and how it ended."""

from __future__ import annotations

import functools
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from kubewright.cli.common import LogFormat, err, out
from kubewright.cli.confirming import can_ask, confirm
from kubewright.cli.loading import state_directory
from kubewright.cli.options import Options
from kubewright.engine.folders import create_run
from kubewright.engine.motor import Outcome, judge, run_playbook
from kubewright.engine.record import ANSWER_SECONDS, Run, error_from_json, write_text
from kubewright.engine.reporting import lacks_report, unwritten
from kubewright.errors import ExitCode, KubewrightError
from kubewright.plan import Plan
from kubewright.report.following import Following
from kubewright.report.log import JsonLines
from kubewright.report.progress import Progress
from kubewright.report.text import plan_lines


class InterruptedRunError(KubewrightError):
    """Ctrl-C ended the run."""

    exit_code = ExitCode.INTERRUPTED


class DeclinedError(KubewrightError):
    """The question whether to go on was not answered with yes."""

    exit_code = ExitCode.INTERRUPTED


def execute(
    playbook: str, options: Options, *, confirmed: bool = True, **variables: Any
) -> tuple[Run, KubewrightError | None]:
    """Run a playbook with progress; the run's folder and the error it ended with.

    Where it is not ``confirmed`` yet, the plan is shown on a terminal and asked about before anything changes.
    """
    run = create_run(state_directory(options), playbook, os.getpid())
    ask = not confirmed and not options.dry_run and can_ask(err)
    progress = _progress(run, options, functools.partial(_ask, run, options) if ask else None)

    def listen(event: dict[str, Any]) -> None:
        if event.get("event") == "playbook_on_task_start":
            progress.task(str(event["event_data"].get("name", "")))
        if options.verbose and event.get("stdout"):
            progress.output(event["stdout"])

    def stop() -> None:
        run.stop("interrupted", "once more ends them at once")

    with progress.shown():
        outcome = run_playbook(
            playbook,
            options.inventories,
            variables={
                "kubewright_run_directory": str(run.directory),
                "kubewright_limit": options.limit,
                "kubewright_dry_run": options.dry_run,
                "kubewright_state_directory": str(Path(options.state_dir).absolute()) if options.state_dir else "",
                **({"kubewright_confirm": True} if ask else {}),
                **variables,
            },
            connection=options.connection,
            listener=listen,
            stop=stop,
        )
        if lacks_report(run) and (warning := unwritten(run)):
            progress.warn(warning)
    write_text(run.directory / "ansible.log", outcome.output)
    return run, _ended(outcome, run)


def _progress(run: Run, options: Options, ask: Callable[[Callable[[], bool]], None] | None) -> Following:
    if options.log_format is LogFormat.JSON:
        return JsonLines(run.events, err.file, run.directory.name, ask)
    return Progress(run.events, err, ask)


def _ended(outcome: Outcome, run: Run) -> KubewrightError | None:
    if outcome.presses and run.has("answer") and not run.read("answer")["go"]:
        return DeclinedError("interrupted", "the question was still open; nothing was changed")
    complete = outcome.return_code == 0 and outcome.status == "successful"
    if not outcome.presses or complete:
        return judge(outcome, run) or _declined(run)
    cause = (
        "the steps under way were finished, and no further one was begun"
        if outcome.presses == 1
        else "what was under way may be half done"
    )
    failed = "".join(f"; {error_from_json(event['error'])}" for event in run.failures())
    again = "Run the same command again; it goes on where this one stopped"
    return InterruptedRunError("interrupted", cause + failed, again)


def _declined(run: Run) -> KubewrightError | None:
    declined = next((event for event in run.events() if event["event"] == "declined"), None)
    return DeclinedError("not carried out", f"{declined['cause']}; nothing was changed") if declined else None


def _ask(run: Run, options: Options, over: Callable[[], bool]) -> None:
    """Show the plan and hand the answer on to the run, which waits for it."""
    plan = Plan.from_json(run.read("plan"))
    for line in plan_lines(plan, verbose=options.verbose):
        err.print(line, markup=False)
    go = False
    try:
        question = f"Carry this out on {plan.cluster}?"
        go = confirm(err, question, lambda: over() or run.has("stop"), ANSWER_SECONDS)
    finally:
        run.write("answer", {"go": go})


def show_plan(run: Run, options: Options) -> None:
    """Print the plan of a run, if it came that far."""
    if not run.has("plan"):
        return
    plan = Plan.from_json(run.read("plan"))
    if options.json:
        out.print_json(json.dumps(plan.to_json()))
        return
    for line in plan_lines(plan, verbose=options.verbose):
        out.print(line, markup=False)
