"""Hosts that a run could not bring up to date: all else is done, and the run has still not succeeded."""

from __future__ import annotations

from typing import Any

from kubewright.engine.finding import Found, host_subject, known_addresses
from kubewright.engine.inputs import Inputs, Request
from kubewright.engine.record import Run, error_from_json
from kubewright.errors import KubewrightError, StepFailedError, UnreachableError
from kubewright.topology import missing

_FILE = "unreachable"


def leave_out(run: Run, inputs: Inputs, found: Found) -> dict[str, str]:
    """Hosts in scope that could not be looked at, with the cause; no step is planned on them.

    A state and not a failure: what can be done without them is planned, and done.

    Raises:
        KubewrightError: of the kind of its cause, where nothing can be done without a host: nobody else tells its
            address, which others are told; it is a control plane of a cluster that is to be made; or every host that
            was asked for by name is such a one, in a run that is to change something.

    """
    silent = {name: probe for name, probe in run.read_all("hosts").items() if not probe["reachable"]}
    lacking = missing(inputs.names, inputs.settings, known_addresses(run, inputs, found.cluster)) if silent else ()
    for name in lacking:
        if name in silent:
            address = (
                "its address is needed and nothing else gives it: set ip for it in the inventory, or bring it back"
            )
            raise _error(name, silent[name], address)
    wanted = run.read("scope")["scope"]
    left = {name: silent[name] for name in wanted if name in silent}
    new_cluster = found.cluster is None or bool(found.half_made)
    for name, probe in left.items():
        if new_cluster and name in inputs.names.control_plane:
            raise _error(name, probe)
    limit = inputs.request.limit
    if left and limit is not None and set(left) == set(limit) and not inputs.request.dry_run:
        name = next(iter(left))
        raise _error(name, left[name])
    causes = {name: str(probe["cause"]) for name, probe in left.items()}
    run.write(_FILE, causes)
    return causes


def answered(run: Run) -> frozenset[str]:
    """Hosts among those left out that did answer: looking at them failed."""
    probes = run.read_all("hosts")
    return frozenset(name for name in without_steps(run) if "failed" in probes.get(name, {}))


def _error(name: str, probe: dict[str, Any], more: str = "") -> KubewrightError:
    """The error that a host was left with by whoever looked at it."""
    error: KubewrightError = UnreachableError(host_subject(name), probe["cause"], probe["remedy"])
    if "failed" in probe:
        error = error_from_json(probe["failed"])
    return type(error)(error.subject, error.cause, ". ".join(part for part in (error.remedy, more) if part))


def without_steps(run: Run) -> dict[str, str]:
    """Hosts that no step is planned on because they could not be looked at, with the cause."""
    return dict(run.read(_FILE)) if run.has(_FILE) else {}


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
