"""Join this node to the cluster with kubeadm.

Runs ``kubeadm join``. An earlier call that was killed is completed, or taken back and done again; only what this call
itself began (by its marker /etc/kubewright/join.json) is ever taken back.

Tasks that use it need ``no_log``, for its arguments hold secrets.

Args:
    node_name: The Node's name.
    config: JoinConfiguration, YAML, with discovery.file.kubeConfigPath /run/kubewright/discovery.conf;
        ``{{certificate_key}}`` in it is filled in.
    discovery: Kubeconfig with the bootstrap token and a living control plane as its server.
    certificate_key: Key of the uploaded certificates, for control planes.
    endpoint: URL of the API that a worker's kubelet uses afterwards.
    etcd_data_directory: etcd's data directory, for control planes.
    ignore_preflight_errors: Names of kubeadm's checks whose errors are warnings.
    network_ready_file: A file that the pod network's agent writes here when pods can have a network; waited for at the
        end.
    timeout: Seconds for each kubeadm command.
    ready_timeout: Seconds for the Node to appear in the cluster.
    lock_id: Who has the cluster's lock. The file of another run, which began the cluster and is gone, is removed here.

"""

from __future__ import annotations

from typing import Any

from ansible_collections.kubewright.cluster.plugins.module_utils import join, lease
from ansible_collections.kubewright.cluster.plugins.module_utils.entry import Call
from ansible_collections.kubewright.cluster.plugins.module_utils.process import System

ARGUMENTS: dict[str, Any] = {
    "node_name": {"type": "str", "required": True},
    "config": {"type": "str", "required": True},
    "discovery": {"type": "str", "required": True, "no_log": True},
    "certificate_key": {"type": "str", "no_log": True},
    "endpoint": {"type": "str", "required": True},
    "etcd_data_directory": {"type": "str", "default": "/var/lib/etcd"},
    "ignore_preflight_errors": {"type": "list", "elements": "str", "default": []},
    "network_ready_file": {"type": "str", "default": ""},
    "timeout": {"type": "float", "default": 600.0},
    "ready_timeout": {"type": "float", "default": 120.0},
    "lock_id": {"type": "str", "default": ""},
}


def work(system: System, params: dict[str, Any], _check: bool) -> dict[str, Any]:
    """The call's result."""
    if params["lock_id"]:
        lease.forget_file(system, params["lock_id"])
    return join.join(system, params)


CALL = Call(work, ARGUMENTS, lock="kubeadm join")
