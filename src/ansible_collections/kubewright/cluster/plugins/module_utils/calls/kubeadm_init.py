"""Make the first control plane with kubeadm.

Runs ``kubeadm init`` and writes kubewright's record into the new cluster. An earlier call that was killed is finished,
or taken back and done again.

Only what this call itself began (by its marker in /etc/kubewright/init.json) is ever taken back.

Args:
    config: InitConfiguration and what belongs to it, YAML. No bootstrapTokens.
    record: The record to write into ConfigMap kube-system/kubewright.
    ignore_preflight_errors: Names of kubeadm's checks whose errors are warnings.
    lock: The holder of the cluster's lock, which is put into the new cluster.
    timeout: Seconds for kubeadm.

"""

from __future__ import annotations

from typing import Any

from ansible_collections.kubewright.cluster.plugins.module_utils import initialise
from ansible_collections.kubewright.cluster.plugins.module_utils.entry import Call
from ansible_collections.kubewright.cluster.plugins.module_utils.process import System

ARGUMENTS: dict[str, Any] = {
    "config": {"type": "str", "required": True},
    "record": {"type": "dict", "required": True},
    "ignore_preflight_errors": {"type": "list", "elements": "str", "default": []},
    "lock": {"type": "dict", "default": {}},
    "timeout": {"type": "float", "default": 600.0},
}


def work(system: System, params: dict[str, Any], _check: bool) -> dict[str, Any]:
    """The call's result."""
    return initialise.initialise(system, params)


CALL = Call(work, ARGUMENTS, lock="kubeadm init")
