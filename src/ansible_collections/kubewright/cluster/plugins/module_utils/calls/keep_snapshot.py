"""Keep a copy of etcd's data on this control plane.

Takes a snapshot through this node's member and keeps it with the newest ones before it, readable by root only.

Args:
    certificates_directory: kubeadm's certificatesDir.
    etcd_data_directory: etcd's data directory, for the room that a copy needs.
    lock_id: The id under which the run holds the cluster's lock; refused where it does not hold it any more.

"""

from __future__ import annotations

from typing import Any

from ansible_collections.kubewright.cluster.plugins.module_utils import lease, snapshots
from ansible_collections.kubewright.cluster.plugins.module_utils.entry import Call
from ansible_collections.kubewright.cluster.plugins.module_utils.kubeapi import admin_client
from ansible_collections.kubewright.cluster.plugins.module_utils.process import System

ARGUMENTS: dict[str, Any] = {
    "certificates_directory": {"type": "str", "required": True},
    "etcd_data_directory": {"type": "str", "required": True},
    "lock_id": {"type": "str", "default": ""},
}


def work(system: System, params: dict[str, Any], _check: bool) -> dict[str, Any]:
    """The call's result."""
    lease.require(system, admin_client(system), params["lock_id"])
    kept = snapshots.keep(system, params["certificates_directory"], params["etcd_data_directory"])
    return {"changed": True, "snapshot": kept}


CALL = Call(work, ARGUMENTS, lock="etcd snapshot")
