"""How the module runs a call: arguments in, one JSON out, errors as the controller expects them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Callable

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.kubewright.cluster.plugins.module_utils import locks
from ansible_collections.kubewright.cluster.plugins.module_utils.errors import ComponentError, NodeError, failure
from ansible_collections.kubewright.cluster.plugins.module_utils.process import System

Work = Callable[[System, dict[str, Any], bool], dict[str, Any]]
"""What a call does: (node, arguments, check mode) to result."""

LOCK_ARGUMENTS: dict[str, dict[str, Any]] = {
    "run": {"type": "str", "default": ""},
    "lock_timeout": {"type": "float", "default": 600.0},
}
"""Arguments of every call that holds the node's lock: the run that it belongs to, and how many seconds it may wait."""


@dataclass(frozen=True)
class Call:
    """A piece of work that the controller asks a node for.

    Attributes:
        work: does it; its result's ``warnings`` are shown as Ansible shows warnings.
        arguments: what it takes, as Ansible specifies arguments.
        lock: what the node's lock says meanwhile that is done, unless the argument ``action_name`` says it; empty where
            the call does not take it.
        check_mode: whether it can say what it would do, or changes nothing anyway.

    """

    work: Work
    arguments: dict[str, dict[str, Any]]
    lock: str = ""
    check_mode: bool = False


def run(name: str, call: Call) -> None:
    """Run a call as Ansible's module, whose option of that name has its arguments."""
    arguments = dict(call.arguments, **LOCK_ARGUMENTS) if call.lock else call.arguments
    options = {name: {"type": "dict", "required": True, "options": arguments}}
    module = AnsibleModule(argument_spec=options, supports_check_mode=call.check_mode)
    try:
        result = _work(call, module.params[name], module.check_mode)
    except (NodeError, ComponentError, OSError) as error:
        module.fail_json(**failure(error))
    else:
        for text in result.pop("warnings", ()):
            module.warn(text)
        # Without the arguments, which may be long and hold secrets.
        module.exit_json(**dict(result, invocation={}))


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
