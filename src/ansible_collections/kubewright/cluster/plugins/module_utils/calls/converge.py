"""Make a node what its document says.

Finds, compares and applies every resource of a node document, in its order, holding the node's lock.

In check mode it says what it would change and changes nothing; both come from the same code.

When no source has an artifact nothing is changed and ``missing`` of the result names it. When a source fails to deliver
one that it has, ``missing`` of the result names it as well, and what was done until then stays.

Args:
    document: The node document.
    urls: Base URLs of artifacts; each is asked for ``URL/SHA256``, in this order.
    staging: Directory on the node to which artifacts were uploaded as ``SHA256``; they are copied and verified.
    partial: The document is a part of the node's, so what it does not have is left as it is.
    record: What the node's manifest remembers of the cluster that the node belongs to; left as it is when absent.
    ready: Name of the host's Node. Where the kubelet or the engine was restarted, it has to be Ready within
        ``ready_timeout`` afterwards; else the call fails, and the next run restarts them again.
    ready_timeout: Seconds.
    action_name: What is done, for whoever waits for the node's lock.
    cluster_objects: In check mode only, for a control plane: arguments of :mod:`.objects`, whose result is then
        ``cluster_objects`` of this one: one call is much cheaper than two. It is absent where they could not be
        compared, and where the kubeadm here, which has to be asked, is not the one that should be.

"""

from __future__ import annotations

from typing import Any

from ansible_collections.kubewright.cluster.plugins.module_utils import kubeconfig, nodeready
from ansible_collections.kubewright.cluster.plugins.module_utils.convergence import Outcome, converge
from ansible_collections.kubewright.cluster.plugins.module_utils.entry import Call
from ansible_collections.kubewright.cluster.plugins.module_utils.errors import ComponentError, NodeError
from ansible_collections.kubewright.cluster.plugins.module_utils.manifest import Manifest
from ansible_collections.kubewright.cluster.plugins.module_utils.probing import host
from ansible_collections.kubewright.cluster.plugins.module_utils.process import System
from ansible_collections.kubewright.cluster.plugins.module_utils.resources.base import Context
from ansible_collections.kubewright.cluster.plugins.module_utils.transfer import Store

ARGUMENTS: dict[str, Any] = {
    "document": {"type": "dict", "required": True},
    "urls": {"type": "list", "elements": "str", "default": []},
    "staging": {"type": "str", "default": "/var/lib/kubewright/staging"},
    "partial": {"type": "bool", "default": False},
    "record": {"type": "dict"},
    "ready": {"type": "str", "default": ""},
    "ready_timeout": {"type": "float", "default": 180.0},
    "action_name": {"type": "str", "default": ""},
    "cluster_objects": {"type": "dict"},
}


def work(system: System, parameters: dict[str, Any], check: bool) -> dict[str, Any]:
    """Converge, or in check mode compare; the call's result."""
    context = Context(system, Manifest(system), Store(system, parameters["urls"], parameters["staging"]))
    if context.manifest.warning:
        context.warn(context.manifest.warning)
    compares = check and parameters["cluster_objects"] is not None
    if compares:
        wanted = parameters["cluster_objects"].get("kubeadm_configuration")
        context.objects_too = bool(wanted) and wanted == parameters["document"].get("kubeadm")
    outcome = converge(
        parameters["document"], context, partial=parameters["partial"], record=parameters["record"], check=check
    )
    if parameters["ready"] and not check:
        _see_ready(parameters, context, outcome)
    objects = compare_objects(parameters["cluster_objects"], context) if compares else {}
    return dict(
        _result(outcome),
        **objects,
        replaced=sorted(context.replaced),
        credentials=system.path(kubeconfig.KUBELET_CONF).exists(),
        ssh_client=host.ssh_client(system),
        warnings=context.warnings,
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


def compare_objects(given: dict[str, Any], context: Context) -> dict[str, Any]:
    """The result that ``cluster_objects`` asks for; empty where there can be none: a call for it alone tells why.

    Args:
        given: arguments of :mod:`.objects`.
        context: after the node itself was compared.

    """
    if "kubeadm" in context.replaced:
        return {}
    from ansible_collections.kubewright.cluster.plugins.module_utils.calls import objects  # noqa: PLC0415  rarely needed

    defaults = {name: specification.get("default") for name, specification in objects.ARGUMENTS.items()}
    try:
        rendered = context.rendered if context.objects_too else None
        return {"cluster_objects": objects.compare(context.system, dict(defaults, **given), rendered)}
    except (NodeError, ComponentError):
        return {}


def _result(outcome: Outcome) -> dict[str, Any]:
    return {
        "changed": outcome.changed,
        "changes": [change.to_json() for change in outcome.changes],
        "restarted": outcome.restarted,
        "missing": [item.to_json() for item in outcome.missing],
        "diff": [{"prepared": change.diff} for change in outcome.changes if change.diff],
    }


CALL = Call(work, ARGUMENTS, lock="converge", check_mode=True)
