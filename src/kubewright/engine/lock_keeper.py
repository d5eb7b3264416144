"""The process on the controller that keeps the cluster's lock renewed while Ansible's main process lives.

Ansible runs each action in a fork of its main process that ends with the action. The keeper is forked from there: it
has the action's connection to the control plane, with whatever login that takes, and makes one call there that renews
the lock until nobody reads its output any more. So the lock is kept by one SSH session, and ends with the controller.
"""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, wait
from dataclasses import dataclass

from kubewright.engine.leash import descendants, kill
from kubewright.engine.lock import HELD, LOST, SUBJECT, UNSURE
from kubewright.engine.record import Run
from kubewright.errors import LockedError
from kubewright.lifetime import process_start

_POLL_SECONDS = 0.3
_AGAIN_SECONDS = 1.0
_ENDING_SECONDS = 5.0
_READY_SECONDS = 10.0
_MOST_FILES = 65536

Call = Callable[[str], str]
"""Runs an action of ``run_lock`` on the host; returns how the lock was kept. Exceptions mean that it is not known."""


@dataclass(frozen=True, kw_only=True)
class Keeper:
    """What a keeper does.

    Attributes:
        run: its folder, where the keeper tells how it goes.
        host: the control plane.
        call: see :data:`Call`; used in the fork.
        parent: the process with which the keeper ends.
        release: whether the keeper itself gives the lock up on this host when the run is over.
        prepare: called first in the fork.
        open_file: a descriptor that ``call`` needs.

    """

    run: Run
    host: str
    call: Call
    parent: int
    release: bool
    prepare: Callable[[], None] = lambda: None
    open_file: int | None = None


def start_keeper(keeper: Keeper) -> None:
    """Fork the keeper and return once it has said so in ``lock_kept/HOST``.

    Raises:
        LockedError: it did not say so.

    """
    started = process_start(keeper.parent)
    if os.fork() == 0:
        _alone(lambda: _keep(keeper, started), keeper.open_file)
    deadline = time.monotonic() + _READY_SECONDS
    while not keeper.run.has(f"lock_kept/{keeper.host}"):
        if time.monotonic() > deadline:
            raise LockedError(SUBJECT, "the process that renews it did not start", "Run the same command again")
        time.sleep(0.01)


def _alone(work: Callable[[], None], open_file: int | None) -> None:
    """Do work in a fork that shares nothing with the processes above it."""
    try:
        os.setsid()
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGALRM):
            signal.signal(number, signal.SIG_DFL)
        nothing = os.open(os.devnull, os.O_RDWR)
        for descriptor in (0, 1, 2):
            os.dup2(nothing, descriptor)
        # Ansible's main process must not wait for the ends of pipes that this process would hold open.
        first = 3 if open_file is None else max(3, open_file)
        os.closerange(3, first)
        os.closerange(first + (0 if open_file is None else 1), _MOST_FILES)
        work()
    finally:
        os._exit(0)


def _keep(keeper: Keeper, started: str) -> None:
    """Keep the lock until the parent has ended, the run gave it up, or it is lost."""
    run, host = keeper.run, keeper.host
    keeper.prepare()

    def note(state: str) -> None:
        own = os.getpid()
        run.write(f"lock_kept/{host}", {"state": state, "pid": own, "started": process_start(own)})

    def over() -> bool:
        return process_start(keeper.parent) != started or run.has("lock_released")

    note(HELD)
    action = "keep"
    while not over():
        state = _call(keeper, action, over)
        if over() or run.has("lock_ending"):
            # It is being given up, which the run will have noted in a moment.
            time.sleep(_POLL_SECONDS)
            continue
        note(state)
        if state == LOST:
            run.event("note", host=host, text="the cluster's lock was broken or taken over; no further step begins")
            return
        if state == UNSURE:
            time.sleep(_AGAIN_SECONDS)
        # What ended without a loss is first seen to be ours still by one short call.
        action = "renew" if state == UNSURE else "keep"
    if keeper.release and run.has("lock_released"):
        _call(keeper, "release", lambda: False)


def _call(keeper: Keeper, action: str, over: Callable[[], bool]) -> str:
    """Make a call, which is ended by ending its SSH when all is over; unsure where it raised."""
    # In a thread and no process of its own: two for each control plane would be most of a run's memory.
    outcome: Future[str] = Future()
    threading.Thread(target=_answer, args=(outcome, keeper.call, action), daemon=True).start()
    while not wait([outcome], _POLL_SECONDS).done:
        if over():
            for process in descendants(os.getpid()):
                kill(process)
            wait([outcome], _ENDING_SECONDS)
            return UNSURE
    return UNSURE if outcome.exception() else outcome.result()


def _answer(outcome: Future[str], call: Call, action: str) -> None:
    try:
        outcome.set_result(call(action))
    except BaseException as error:  # noqa: BLE001  the waiting thread has it
        outcome.set_exception(error)
