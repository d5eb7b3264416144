"""Leave hosts out of a run that could not be looked at, or refuse it where it cannot do without them."""

from __future__ import annotations

from typing import Any

from kubewright.engine.finding import Found, host_subject, known_addresses
from kubewright.engine.inputs import Inputs
from kubewright.engine.leftout import UNREACHABLE
from kubewright.engine.record import Run, error_from_json
from kubewright.errors import KubewrightError, UnreachableError
from kubewright.topology import missing


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
    run.write(UNREACHABLE, causes)
    return causes


def _error(name: str, probe: dict[str, Any], more: str = "") -> KubewrightError:
    """The error that a host was left with by whoever looked at it."""
    error: KubewrightError = UnreachableError(host_subject(name), probe["cause"], probe["remedy"])
    if "failed" in probe:
        error = error_from_json(probe["failed"])
    return type(error)(error.subject, error.cause, ". ".join(part for part in (error.remedy, more) if part))
