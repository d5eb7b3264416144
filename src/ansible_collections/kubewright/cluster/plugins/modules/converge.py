#!/usr/bin/python
# Copyright: the kubewright authors
# SPDX-License-Identifier: Apache-2.0
"""Make a node what its document says."""

from __future__ import annotations

from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.kubewright.cluster.plugins.module_utils import entry, kubeconfig, locks, nodeready
from ansible_collections.kubewright.cluster.plugins.module_utils.convergence import Outcome, converge
from ansible_collections.kubewright.cluster.plugins.module_utils.errors import NodeError, failure
from ansible_collections.kubewright.cluster.plugins.module_utils.kubeapi import ApiError
from ansible_collections.kubewright.cluster.plugins.module_utils.manifest import Manifest
from ansible_collections.kubewright.cluster.plugins.module_utils.probing import host
from ansible_collections.kubewright.cluster.plugins.module_utils.process import System
from ansible_collections.kubewright.cluster.plugins.module_utils.resources.base import Context
from ansible_collections.kubewright.cluster.plugins.module_utils.transfer import Store

DOCUMENTATION = r"""
module: converge
short_description: Make a node what its document says
version_added: 0.1.0
description:
  - Finds, compares and applies every resource of a node document, in its order, holding the node's lock.
  - In check mode it says what it would change and changes nothing; both come from the same code.
  - When no source has an artifact nothing is changed and RV(missing) names it. When a source fails to deliver one
    that it has, RV(missing) names it as well, and what was done until then stays.
author: The kubewright authors (@kubewright)
options:
  document:
    description: The node document.
    type: dict
    required: true
  urls:
    description: Base URLs of artifacts; each is asked for C(URL/<sha256>), in this order.
    type: list
    elements: str
    default: []
  staging:
    description: Directory on the node to which artifacts were uploaded as C(<sha256>); they are copied and verified.
    type: path
    default: /var/lib/kubewright/staging
  partial:
    description: The document is a part of the node's, so what it does not have is left as it is.
    type: bool
    default: false
  record:
    description: What the node's manifest remembers of the cluster that the node belongs to; left as it is when absent.
    type: dict
  ready:
    description:
      - Name of the host's Node. Where the kubelet or the engine was restarted, it has to be Ready within
        O(ready_timeout) afterwards; else the module fails, and the next run restarts them again.
    type: str
    default: ""
  ready_timeout:
    description: Seconds.
    type: float
    default: 180
  action_name:
    description: What is done, for whoever waits for the node's lock.
    type: str
    default: converge
  run:
    description: The run that this belongs to, written into the lock.
    type: str
    default: ""
  lock_timeout:
    description: Seconds to wait for another holder of the node's lock.
    type: float
    default: 600
attributes:
  check_mode:
    support: full
    description: Says exactly what would be done.
  diff_mode:
    support: full
    description: Unified differences of all text files but secrets.
"""

EXAMPLES = r"""
- name: Converge the node
  kubewright.cluster.converge:
    document: "{{ node_document }}"
    urls: ["http://192.0.2.10:8089"]
"""

RETURN = r"""
changes:
  description: One entry a resource that was or would be changed.
  type: list
  elements: dict
  returned: success
restarted:
  description: Units that were or would be restarted.
  type: list
  elements: str
  returned: success
replaced:
  description: Names of programs that were or would be replaced, so that what they said before counts for nothing.
  type: list
  elements: str
  returned: success
credentials:
  description: Whether the kubelet has its credentials, as on every member of a cluster.
  type: bool
  returned: success
missing:
  description: Artifacts that could not be had, each with C(sha256), C(name) and C(reason); run again once they can.
  type: list
  elements: dict
  returned: success
warnings:
  description: What is not as it should be and is no error, as Ansible shows warnings.
  type: list
  elements: str
  returned: when there are any
ssh_client:
  description: The address that the SSH connection comes from, or null.
  type: str
  returned: success
waited:
  description: Seconds that the node's lock was waited for.
  type: float
  returned: success
waited_for:
  description: The holder of the lock that was waited for.
  type: dict
  returned: success
error:
  description: Subject, cause, remedy and exit code of what went wrong.
  type: dict
  returned: failure
"""

ARGUMENTS: dict[str, Any] = {
    "document": {"type": "dict", "required": True},
    "urls": {"type": "list", "elements": "str", "default": []},
    "staging": {"type": "path", "default": "/var/lib/kubewright/staging"},
    "partial": {"type": "bool", "default": False},
    "record": {"type": "dict"},
    "ready": {"type": "str", "default": ""},
    "ready_timeout": {"type": "float", "default": 180.0},
    "action_name": {"type": "str", "default": "converge"},
    "run": {"type": "str", "default": ""},
    "lock_timeout": {"type": "float", "default": 600.0},
}


def run(parameters: dict[str, Any], system: System, *, check: bool) -> dict[str, Any]:
    """Converge under the lock (in check mode: while nobody changes the node); the module's result."""
    timeout = parameters["lock_timeout"]
    if check:
        lock = locks.look(system, timeout=timeout)
    else:
        lock = locks.hold(system, parameters["action_name"], run=parameters["run"], timeout=timeout)
    with lock as held:
        context = Context(system, Manifest(system), Store(system, parameters["urls"], parameters["staging"]))
        if context.manifest.warning:
            context.warn(context.manifest.warning)
        outcome = converge(
            parameters["document"], context, partial=parameters["partial"], record=parameters["record"], check=check
        )
        if parameters["ready"] and not check:
            _see_ready(parameters, context, outcome)
    return dict(
        _result(outcome),
        replaced=sorted(context.replaced),
        credentials=system.path(kubeconfig.KUBELET_CONF).exists(),
        ssh_client=host.ssh_client(system),
        warnings=context.warnings,
        waited=round(held.waited, 3),
        waited_for=held.waited_for,
    )


def _see_ready(parameters: dict[str, Any], context: Context, outcome: Outcome) -> None:
    """Wait for the Node; where it is not Ready the restarts stay due, so that the next run tries again."""
    since, timeout = outcome.restarted_at, parameters["ready_timeout"]
    try:
        nodeready.wait(context.system, parameters["ready"], outcome.restarted, since=since, timeout=timeout)
    except NodeError:
        due = [unit for unit in outcome.restarted if unit in nodeready.DISRUPTING]
        context.manifest.pending_restarts = [*context.manifest.pending_restarts, *due]
        context.manifest.save()
        raise


def _result(outcome: Outcome) -> dict[str, Any]:
    return {
        "changed": outcome.changed,
        "changes": [change.to_json() for change in outcome.changes],
        "restarted": outcome.restarted,
        "missing": [item.to_json() for item in outcome.missing],
        "diff": [{"prepared": change.diff} for change in outcome.changes if change.diff],
    }


def main() -> None:
    """Run as an Ansible module."""
    module = AnsibleModule(argument_spec=ARGUMENTS, supports_check_mode=True)
    try:
        result = run(module.params, System(), check=module.check_mode)
    except (NodeError, OSError) as error:
        module.fail_json(**failure(error))
    except ApiError as error:
        module.fail_json(**failure(entry.as_node_error(error)))
    else:
        for text in result.pop("warnings"):
            module.warn(text)
        # Without ``invocation`` Ansible would return the whole document, secrets and all.
        module.exit_json(invocation={}, **result)


if __name__ == "__main__":
    main()
