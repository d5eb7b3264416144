"""How a thin module calls its work: arguments in, one JSON out, errors as the controller expects them."""

from __future__ import annotations

from typing import Any, Callable

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.kubewright.cluster.plugins.module_utils import locks
from ansible_collections.kubewright.cluster.plugins.module_utils.errors import NodeError, failure
from ansible_collections.kubewright.cluster.plugins.module_utils.kubeapi import ApiError
from ansible_collections.kubewright.cluster.plugins.module_utils.process import System

Work = Callable[[System, dict[str, Any], bool], dict[str, Any]]
"""What a module does: (node, arguments, check mode) to result."""

LOCK_ARGUMENTS: dict[str, dict[str, Any]] = {
    "run": {"type": "str", "default": ""},
    "lock_timeout": {"type": "float", "default": 600.0},
}
"""Arguments of every module that holds the node's lock."""


def reading(work: Work, arguments: dict[str, dict[str, Any]]) -> None:
    """Run a module that changes nothing and takes no lock."""
    module = AnsibleModule(argument_spec=arguments, supports_check_mode=True)
    _finish(module, lambda: work(System(), module.params, True))


def beside(work: Work, arguments: dict[str, dict[str, Any]]) -> None:
    """Run a module that changes something of its own, beside whatever holds the node's lock."""
    module = AnsibleModule(argument_spec=arguments)
    _finish(module, lambda: work(System(), module.params, False))


def changing(action: str, work: Work, arguments: dict[str, dict[str, Any]], *, check_mode: bool = False) -> None:
    """Run a module that changes something, holding the node's lock as ``action``."""
    module = AnsibleModule(argument_spec=dict(arguments, **LOCK_ARGUMENTS), supports_check_mode=check_mode)
    _finish(module, lambda: _locked(action, work, module))


def _locked(action: str, work: Work, module: AnsibleModule) -> dict[str, Any]:
    system = System()
    timeout = module.params["lock_timeout"]
    if module.check_mode:
        lock = locks.look(system, timeout=timeout)
    else:
        lock = locks.hold(system, action, run=module.params["run"], timeout=timeout)
    with lock as held:
        result = work(system, module.params, module.check_mode)
    return dict(result, waited=round(held.waited, 3), waited_for=held.waited_for)


def _finish(module: AnsibleModule, work: Callable[[], dict[str, Any]]) -> None:
    try:
        result = work()
    except (NodeError, OSError) as error:
        module.fail_json(**failure(error))
    except ApiError as error:
        module.fail_json(**failure(as_node_error(error)))
    else:
        # Without the arguments, which may be long and hold secrets.
        module.exit_json(**dict(result, invocation={}))


def as_node_error(error: ApiError) -> NodeError:
    """An API's refusal or silence as the error that a module fails with."""
    remedy = "Look at the API server's log under /var/log/pods on a control plane"
    return NodeError("Kubernetes API", str(error), remedy)
