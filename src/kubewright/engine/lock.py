"""The cluster's lock as the controller sees it: who we are, what is known of other holders, whether we hold it still.

Files in the run's folder: ``lock`` (the holder and the hosts on which it is kept), ``lock_kept/HOST`` (state of the
process that keeps it there), ``lock_released`` (it is given up, so nobody need keep it) and ``stop`` (no step is to
begin any more).
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Mapping
from typing import Any

from kubewright.engine.processes import has_ended, is_local, worker
from kubewright.engine.record import Run
from kubewright.engine.request import Request
from kubewright.errors import LockedError
from kubewright.lifetime import process_start

SUBJECT = "the cluster's lock"
HELD, UNSURE, LOST = "held", "unsure", "lost"
UNSURE_SECONDS = 60.0
"""How long a step waits for a renewal that is overdue."""
_POLL_SECONDS = 0.5

Holder = dict[str, str]


def this_holder(run: Run, request: Request, process: int) -> Holder:
    """Who takes the lock: this run, for as long as ``process`` lives."""
    return {
        "id": f"{run.directory.name}-{secrets.token_hex(4)}",
        **worker(process),
        "command": " ".join([request.verb, *(["--limit", ",".join(request.limit)] if request.limit else [])]),
        "since": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
    }


def ended_soon(holder: Mapping[str, str], seconds: float) -> bool:
    """Whether a local holder ends within some seconds, as one does whose command was killed a moment ago."""
    deadline = time.monotonic() + seconds
    while is_local(holder):
        if has_ended(holder):
            return True
        if time.monotonic() > deadline:
            break
        time.sleep(_POLL_SECONDS)
    return False


def held_error(holder: Mapping[str, Any]) -> LockedError:
    """The error of a run that finds the lock held."""
    who = f"{holder.get('user') or 'somebody'} on {holder.get('host') or 'an unknown machine'}"
    return LockedError(
        SUBJECT,
        f"held by {who}, process {holder.get('pid') or 'unknown'}, since {holder.get('since') or 'an unknown time'}"
        f" with: {holder.get('command') or 'an unknown command'}. Nothing was changed",
        "Wait for that run and run again; if it is gone for good: kubewright unlock -i INVENTORY",
    )


def lock_id(run: Run) -> str:
    """The id under which this run holds the lock; empty where it does not."""
    return str(run.read("lock")["holder"]["id"]) if run.has("lock") else ""


def refuse_while_busy(run: Run, seconds: float = 5.0) -> None:
    """Refuse at once to wait for a host on which the run that holds the cluster's lock is at work.

    Args:
        run: one that has not taken the lock yet.
        seconds: how long a holder's process on this machine may take to end.

    Raises:
        LockedError: another run held the lock when the cluster was looked at, and is not known to have ended.

    """
    if run.has("lock") or not run.has("inputs") or Request.load(run).dry_run:
        return
    for answer in run.read_all("observations").values():
        state = answer.get("state") or {}
        holder = state.get("run_lock") or _of_lease(state.get("lock") or {})
        if holder and not ended_soon(holder, seconds):
            raise held_error(holder)


def _of_lease(lock: Mapping[str, Any]) -> Holder:
    """The holder as the observed Lease tells it; empty for nobody."""
    if not lock.get("holder"):
        return {}
    prefix = "kubewright.io/lock-"
    notes = {name.removeprefix(prefix): str(text) for name, text in (lock.get("annotations") or {}).items()}
    return {**notes, "id": str(lock["holder"])}


def lock_lost(run: Run) -> bool:
    """Whether this run had the lock and somebody else may have it now."""
    return LOST in [_state(run, host) for host in run.read("lock")["hosts"]]


def require_lock(run: Run) -> None:
    """Refuse to begin a step where the lock is lost; wait a little where its renewal is overdue.

    Raises:
        LockedError: the run does not hold the lock, or cannot be sure to.

    """
    if not run.has("lock"):
        raise LockedError(SUBJECT, "this run does not hold it", "Run the same command again")
    deadline = time.monotonic() + UNSURE_SECONDS
    while True:
        states = [_state(run, host) for host in run.read("lock")["hosts"]]
        if LOST in states:
            remedy = (
                "Look who did that: kubewright unlock -i INVENTORY shows who holds it. Then run the same command again"
            )
            raise LockedError(SUBJECT, "it was broken or taken over while this run was at work", remedy)
        if UNSURE not in states:
            return
        if time.monotonic() > deadline:
            raise LockedError(SUBJECT, "it could not be renewed", "Look at the control plane, then run again")
        time.sleep(_POLL_SECONDS)


def _state(run: Run, host: str) -> str:
    """What the process that keeps the lock on a host says; one that has ended keeps nothing."""
    kept = run.read(f"lock_kept/{host}")
    if kept["state"] != LOST and process_start(kept["pid"]) != kept["started"]:
        return LOST
    return str(kept["state"])
