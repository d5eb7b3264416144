"""What the module ``run_lock`` does: take, keep, give up, show and break the cluster's lock on one control plane."""

from __future__ import annotations

import enum
import os
import sys
import time
from typing import Any, Callable, Optional, Sequence

from ansible_collections.kubewright.cluster.plugins.module_utils import lease
from ansible_collections.kubewright.cluster.plugins.module_utils.errors import NodeError
from ansible_collections.kubewright.cluster.plugins.module_utils.frozen import replace
from ansible_collections.kubewright.cluster.plugins.module_utils.kubeapi import ApiError, wait_until
from ansible_collections.kubewright.cluster.plugins.module_utils.process import System

BEAT_SECONDS = 3.0
OVERDUE_SECONDS = 10.0
"""Seconds without a successful renewal after which the lock is no longer sure; less than :data:`lease.DURATION`."""
_API_WAIT = 30.0


class Kept(enum.Enum):
    """How a renewal went."""

    HELD = "held"
    LOST = "lost"
    UNSURE = "unsure"


def acquire(system: System, params: dict[str, Any]) -> dict[str, Any]:
    """Take the lock. ``kind`` says where: ``file`` while there is no cluster, ``lease``, or ``both``."""
    wish = lease.Wish(params["holder"], params["dead"], params["watch"], params["expected"])
    take = {"file": _take_file, "lease": _take_lease, "both": _take_both}[params["kind"]]
    answer = take(system, wish)
    return dict(answer.to_json(), changed=answer.taken)


def _take_file(system: System, wish: lease.Wish) -> lease.Answer:
    return lease.acquire(lease.FilePlace(system), wish)


def _take_lease(system: System, wish: lease.Wish) -> lease.Answer:
    place = wait_until(
        "the API of this control plane",
        lambda: lease.place_of_cluster(system),
        _API_WAIT,
        "Look at the API server's log under /var/log/pods",
    )
    answer = lease.acquire(place, wish)
    if answer.verdict is lease.Verdict.TAKE and answer.holder is not None:
        # Whoever had the Lease may have begun the cluster under the file, and was killed before giving that up.
        lease.free(lease.FilePlace(system), answer.holder["id"])
    return answer


def _take_both(system: System, wish: lease.Wish) -> lease.Answer:
    """Take the file, then the Lease.

    In this order, for a run that makes a cluster has the file and would take another's Lease for its loss.
    """
    # What was seen of the cluster is the Lease's version, not the file's.
    first = _take_file(system, replace(wish, expected=None))
    if not first.taken:
        return first
    taken = False
    try:
        second = _take_lease(system, wish)
        taken = second.taken
    finally:
        if not taken:
            lease.free(lease.FilePlace(system), wish.holder["id"])
    return second if second.holder is not None else replace(second, holder=first.holder)


def renew(system: System, identity: str, servers: Sequence[str] = ()) -> Kept:
    """Renew the lock wherever it is ours on this host.

    While its own API server is restarted, as a changed setting wants it, one of ``servers`` (URLs) is asked.
    """
    held = lease.renew(lease.FilePlace(system), identity).identity == identity
    seen = _renewed(system, identity, servers)
    if seen is None:
        return Kept.HELD if held else Kept.UNSURE
    if seen.identity == identity:
        return Kept.HELD
    return Kept.HELD if held and seen.holder is None else Kept.LOST


def _renewed(system: System, identity: str, servers: Sequence[str]) -> Optional[lease.Seen]:
    """The Lease after a renewal through the first API server that answers; None where none does."""
    for server in ("", *servers):
        try:
            place = lease.place_of_cluster(system, server=server)
            return lease.renew(place, identity) if place else lease.Seen(None, "")
        except (ApiError, NodeError):
            continue
    return None


def keep(
    system: System,
    identity: str,
    servers: Sequence[str] = (),
    *,
    tell: Optional[Callable[[], None]] = None,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> Kept:
    """Renew the lock until it is lost, or could not be renewed for too long.

    ``tell`` writes a byte to whoever started this after each renewal; it ends the process when nobody reads any more.
    """
    renewed = clock()
    while True:
        kept = renew(system, identity, servers)
        if kept is Kept.LOST:
            return kept
        if kept is Kept.HELD:
            renewed = clock()
        elif clock() - renewed > OVERDUE_SECONDS:
            return kept
        (tell or _tell)()
        sleep(BEAT_SECONDS)


def _tell() -> None:
    try:
        sys.stdout.write("\n")
        sys.stdout.flush()
    except OSError:
        # The controller is gone, and nobody is left to whom anything could be said.
        os._exit(0)


def release(system: System, identity: str) -> bool:
    """Give the lock up wherever this holder has it on this host; whether it had it anywhere."""
    freed = lease.free(lease.FilePlace(system), identity)
    place = lease.place_of_cluster(system)
    return (lease.free(place, identity) if place else False) or freed


def show(system: System) -> dict[str, Any]:
    """Who holds the lock as this host knows it: ``file`` and ``lease``, None for nobody, and why one is not known."""
    answer: dict[str, Any] = {"file": lease.FilePlace(system).read().holder, "lease": None, "silent": ""}
    try:
        place = lease.place_of_cluster(system)
        answer["lease"] = place.read().holder if place else None
    except (ApiError, NodeError) as error:
        answer["silent"] = str(error)
    return answer
