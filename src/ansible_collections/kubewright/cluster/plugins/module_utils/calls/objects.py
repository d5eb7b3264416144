"""Apply objects, Node labels and taints, and the record.

Server-side apply in order, removal of recorded objects that are no longer wanted, labels and taints of Nodes,
kubewright's record.

In check mode it tells what would change, field by field, by dry runs on the server.

Args:
    objects: Objects in the order of their application; when not given, objects and pruning are left alone.
    record: The record to write; its key objects is kept by this call. When not given the record stays.
    node_metadata: Labels (mapping) and taints (key=value:Effect) by Node name.
    kubeadm_configuration: YAML for ``kubeadm init``; when given, kubeadm's own objects become what kubeadm here would
        upload from it. In check mode ``proxy_stale`` of the result tells whether kube-proxy's pods have another
        configuration than its ConfigMap, and ``not_compared`` of the result why nothing could be compared.
    former_names: Names of control planes that left the cluster. Where kubeadm's configuration differs in nothing but
        these among its certificate names it is left as it is.
    restart_proxy: Have kube-proxy's pods replaced where they have an earlier configuration, and wait for them.
    wait: DaemonSets and Deployments (kind, namespace, name) to wait for.
    wait_file: A file on this node to wait for after applying, such as what a pod network's agent writes when ready.
    wait_timeout: Seconds for each of them.
    lock_id: The id under which the run holds the cluster's lock; refused where it does not hold it any more.

"""

from __future__ import annotations

from typing import Any, Optional

from ansible_collections.kubewright.cluster.plugins.module_utils import (
    applyset,
    clusterconfig,
    lease,
    nodemetadata,
    objectrefs,
    rendering,
    rollout,
)
from ansible_collections.kubewright.cluster.plugins.module_utils.entry import Call
from ansible_collections.kubewright.cluster.plugins.module_utils.kubeapi import Client, admin_client
from ansible_collections.kubewright.cluster.plugins.module_utils.objectrefs import Paths
from ansible_collections.kubewright.cluster.plugins.module_utils.process import System
from ansible_collections.kubewright.cluster.plugins.module_utils.rendering import Rendered

ARGUMENTS: dict[str, Any] = {
    "objects": {"type": "list", "elements": "dict"},
    "record": {"type": "dict"},
    "node_metadata": {"type": "dict", "default": {}},
    "kubeadm_configuration": {"type": "str", "default": ""},
    "former_names": {"type": "list", "elements": "str", "default": []},
    "restart_proxy": {"type": "bool", "default": False},
    "wait": {
        "type": "list",
        "elements": "dict",
        "default": [],
        "options": {
            "kind": {"type": "str", "required": True, "choices": ["DaemonSet", "Deployment"]},
            "namespace": {"type": "str", "required": True},
            "name": {"type": "str", "required": True},
        },
    },
    "wait_file": {"type": "str", "default": ""},
    "wait_timeout": {"type": "float", "default": 180.0},
    "lock_id": {"type": "str", "default": ""},
}


def work(system: System, params: dict[str, Any], check: bool) -> dict[str, Any]:
    """The call's result."""
    return _work(system, params, check=check, rendered=None)


def compare(system: System, params: dict[str, Any], rendered: Optional[Rendered]) -> dict[str, Any]:
    """The call's result in check mode; ``rendered`` is what kubeadm makes of the configuration, if it was asked."""
    return _work(system, params, check=True, rendered=rendered)


def _work(system: System, params: dict[str, Any], *, check: bool, rendered: Optional[Rendered]) -> dict[str, Any]:
    client = admin_client(system)
    lease.require(system, client, params["lock_id"])
    paths = objectrefs.Paths(client)
    applied: dict[str, Any] = {"changes": [], "record_changed": False}
    if params["objects"] is not None or params["record"] is not None:
        applied = applyset.apply_all(client, paths, params["objects"], params["record"], check=check)
    nodes = nodemetadata.apply(client, params["node_metadata"], check=check)
    configuration = _configuration(system, client, paths, params, check=check, rendered=rendered)
    restarted = not check and params["restart_proxy"] and clusterconfig.restart_proxy(client)
    if not check:
        rollout.wait(client, params["wait"], params["wait_timeout"])
        if params["wait_file"]:
            rollout.wait_for_file(system, params["wait_file"], params["wait_timeout"])
    return dict(
        applied,
        **configuration,
        changed=bool(
            applied["changes"]
            or applied["record_changed"]
            or nodes["changes"]
            or configuration["configuration_changes"]
            or restarted
        ),
        node_changes=nodes["changes"],
        missing_nodes=nodes["missing"],
    )


def _configuration(
    system: System, client: Client, paths: Paths, params: dict[str, Any], *, check: bool, rendered: Optional[Rendered]
) -> dict[str, Any]:
    text = params["kubeadm_configuration"]
    nothing = {"configuration_changes": [], "proxy_stale": False, "not_compared": ""}
    if not text:
        return nothing
    if check and not system.finds("kubeadm"):
        return dict(nothing, not_compared="kubeadm is not there, so its objects in the cluster were not compared")
    if rendered is None:
        rendered = rendering.render(system, text, rendering.OBJECTS)
    changes = clusterconfig.work(client, paths, rendered, former_names=params["former_names"], check=check)
    stale = check and clusterconfig.proxy_is_stale(client)
    return dict(nothing, configuration_changes=changes, proxy_stale=stale)


CALL = Call(work, ARGUMENTS, lock="objects", check_mode=True)
