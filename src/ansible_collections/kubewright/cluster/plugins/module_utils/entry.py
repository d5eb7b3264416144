"""How a call runs on a node: arguments in, one line of JSON out, errors as the controller expects them."""

from __future__ import annotations

import importlib
import json
import sys
from typing import Any, Callable

from ansible_collections.kubewright.cluster.plugins.module_utils import locks
from ansible_collections.kubewright.cluster.plugins.module_utils.arguments import (
    Specification,
    checked,
    secrets,
    without,
)
from ansible_collections.kubewright.cluster.plugins.module_utils.errors import ComponentError, NodeError, failure
from ansible_collections.kubewright.cluster.plugins.module_utils.frozen import frozen
from ansible_collections.kubewright.cluster.plugins.module_utils.process import System

MARK = "kubewright:"
"""What the line begins with that holds the answer: a login may print lines of its own."""

Work = Callable[[System, dict[str, Any], bool], dict[str, Any]]
"""What a call does: (node, arguments, check mode) to result."""

LOCK_ARGUMENTS: Specification = {
    "run": {"type": "str", "default": ""},
    "lock_timeout": {"type": "float", "default": 600.0},
}
"""Arguments of every call that holds the node's lock: the run that it belongs to, and how many seconds it may wait."""


@frozen
class Call:
    """A piece of work that the controller asks a node for.

    Attributes:
        work: does it; its result may have ``warnings``, texts that are shown to the user.
        arguments: what it takes.
        lock: what the node's lock says meanwhile that is done, unless the argument ``action_name`` says it; empty where
            the call does not take it.
        check_mode: whether it can say what it would do, or changes nothing anyway.

    """

    work: Work
    arguments: Specification
    lock: str = ""
    check_mode: bool = False

    @property
    def all_arguments(self) -> Specification:
        """What it takes, with what every call takes that holds the lock."""
        return dict(self.arguments, **LOCK_ARGUMENTS) if self.lock else self.arguments


def run(name: str, arguments: dict[str, Any], *, check: bool) -> None:
    """Make the call of that name and print its answer; an exception that nobody expected is left to Python to tell."""
    call = importlib.import_module("%s.calls.%s" % (__package__, name)).CALL
    answer = answer_of(name, call, arguments, check=check)
    # A line of its own: what a login or a tool printed before it may not have ended one.
    sys.stdout.write("\n%s%s\n" % (MARK, json.dumps(answer)))


def answer_of(name: str, call: Call, arguments: dict[str, Any], *, check: bool) -> dict[str, Any]:
    """Return a call's answer: its result, or ``failed`` with ``msg`` and ``error``; no secret argument is in it."""
    if check and not call.check_mode:
        return {"changed": False, "skipped": True}
    try:
        answer = _work(call, checked(name, call.all_arguments, arguments), check)
    except (NodeError, ComponentError, OSError) as error:
        answer = dict(failure(error), failed=True)
    hidden = secrets(call.arguments, arguments)
    result: dict[str, Any] = without(hidden, answer) if hidden else answer
    return result


def _work(call: Call, params: dict[str, Any], check: bool) -> dict[str, Any]:
    system = System()
    if not call.lock:
        return call.work(system, params, check)
    timeout = params["lock_timeout"]
    if check:
        lock = locks.look(system, timeout=timeout)
    else:
        lock = locks.hold(system, params.get("action_name") or call.lock, run=params["run"], timeout=timeout)
    with lock as held:
        result = call.work(system, params, check)
    return dict(result, waited=round(held.waited, 3), waited_for=held.waited_for)
