"""Labels and taints of Nodes: ours are set and removed, everybody else's are left as they are.

Which ones are ours is remembered on the Node itself, in two annotations.
"""

from __future__ import annotations

import json
import re
import urllib.parse
from typing import Any, Optional

from ansible_collections.kubewright.cluster.plugins.module_utils.clusterstate import taint_text
from ansible_collections.kubewright.cluster.plugins.module_utils.errors import BAD_INPUT, NodeError
from ansible_collections.kubewright.cluster.plugins.module_utils.kubeapi import ApiError, Client

LABELS = "kubewright.io/managed-labels"
TAINTS = "kubewright.io/managed-taints"
_TAINT = re.compile(r"^(?P<key>[^=:]+)(?:=(?P<value>[^:]*))?:(?P<effect>NoSchedule|PreferNoSchedule|NoExecute)$")
_ATTEMPTS = 5
_NODES = "/api/v1/nodes"


def parse_taint(taint: Any) -> dict[str, str]:
    """A taint as the API has it, from ``key=value:Effect``, ``key:Effect`` or a mapping.

    Raises:
        NodeError: it is none of these.

    """
    if isinstance(taint, dict) and "key" in taint and "effect" in taint:
        taint = taint_text(taint)
    match = _TAINT.match(taint) if isinstance(taint, str) else None
    if match is None:
        raise NodeError(
            "taint %s" % (taint,),
            "is not key=value:Effect",
            "Effects are NoSchedule, PreferNoSchedule and NoExecute",
            BAD_INPUT,
        )
    return {key: value for key, value in match.groupdict().items() if value}


def patch(node: dict[str, Any], wanted: dict[str, Any]) -> tuple[Optional[dict[str, Any]], list[dict[str, Any]]]:
    """The merge patch that makes the Node so (None: it is), and the differences field by field; pure.

    Args:
        node: the live Node.
        wanted: {"labels": {name: value}, "taints": [taint]}.

    """
    annotations = node["metadata"].get("annotations") or {}
    labels, fields = _labels(node, wanted.get("labels") or {}, _remembered(annotations, LABELS))
    taints = _taints(node, wanted.get("taints") or [], _remembered(annotations, TAINTS))
    notes = {
        LABELS: json.dumps(sorted(wanted.get("labels") or {})),
        TAINTS: json.dumps(sorted(_identity(parse_taint(taint)) for taint in wanted.get("taints") or [])),
    }
    changed_notes = {key: value for key, value in notes.items() if annotations.get(key, "[]") != value}
    fields += [
        {"path": "metadata.annotations.%s" % key, "before": annotations.get(key), "after": value}
        for key, value in sorted(changed_notes.items())
    ]
    body: dict[str, Any] = {"metadata": {"resourceVersion": node["metadata"]["resourceVersion"]}}
    if labels:
        body["metadata"]["labels"] = labels
    if changed_notes:
        body["metadata"]["annotations"] = changed_notes
    before = (node.get("spec") or {}).get("taints") or []
    if taints != before:
        body["spec"] = {"taints": taints}
        fields.append(
            {
                "path": "spec.taints",
                "before": [taint_text(taint) for taint in before],
                "after": [taint_text(taint) for taint in taints],
            }
        )
    return (body if labels or changed_notes or "spec" in body else None), fields


def _remembered(annotations: dict[str, str], key: str) -> list[str]:
    try:
        value = json.loads(annotations.get(key, "[]"))
    except ValueError:
        value = None
    if not isinstance(value, list):
        raise NodeError(
            "annotation %s" % key, "cannot be read", "Remove it from the Node; labels and taints set earlier then stay"
        )
    return [str(entry) for entry in value]


def _labels(
    node: dict[str, Any], wanted: dict[str, str], managed: list[str]
) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    live = node["metadata"].get("labels") or {}
    changes: dict[str, Any] = {key: str(value) for key, value in wanted.items() if live.get(key) != str(value)}
    changes.update({key: None for key in managed if key not in wanted and key in live})
    fields = [
        {"path": "metadata.labels.%s" % key, "before": live.get(key), "after": value}
        for key, value in sorted(changes.items())
    ]
    return changes, fields


def _taints(node: dict[str, Any], wanted: list[Any], managed: list[str]) -> list[dict[str, Any]]:
    targets = {_identity(parse_taint(taint)): parse_taint(taint) for taint in wanted}
    kept: list[dict[str, Any]] = []
    for taint in (node.get("spec") or {}).get("taints") or []:
        identity = _identity(taint)
        if identity in targets:
            target = targets.pop(identity)
            kept.append(taint if taint.get("value", "") == target.get("value", "") else target)
        elif identity not in managed:
            kept.append(taint)
    return kept + list(targets.values())


def _identity(taint: dict[str, Any]) -> str:
    """What makes two taints the same one for the API: key and effect."""
    return "%s:%s" % (taint["key"], taint["effect"])


def apply(client: Client, wanted: dict[str, dict[str, Any]], *, check: bool) -> dict[str, Any]:
    """Make the Nodes so; {changes: [{node, fields}], missing: [names that the cluster does not know]}."""
    changes: list[dict[str, Any]] = []
    missing = []
    # One answer for all of them: a question for each of a thousand takes seconds.
    listed = client.get(_NODES).get("items") or [] if len(wanted) > 1 else []
    live = {node["metadata"]["name"]: node for node in listed}
    for name in sorted(wanted):
        fields = _apply_one(client, name, live.get(name), wanted[name], check=check)
        if fields is None:
            missing.append(name)
        elif fields:
            changes.append({"node": name, "fields": fields})
    return {"changes": changes, "missing": missing}


def _apply_one(
    client: Client, name: str, seen: Optional[dict[str, Any]], wanted: dict[str, Any], *, check: bool
) -> Optional[list[dict[str, Any]]]:
    """The differences of one Node, as it was ``seen``; None where there is none of that name."""
    path = "%s/%s" % (_NODES, urllib.parse.quote(name))
    for attempt in range(_ATTEMPTS):
        node = client.find(path) if seen is None or attempt else seen
        if node is None:
            return None
        body, fields = patch(node, wanted)
        if body is None or check:
            return fields
        try:
            client.merge(path, body)
        except ApiError as error:
            # The kubelet or a controller wrote in between: look again.
            if error.status != 409 or attempt == _ATTEMPTS - 1:
                raise
        else:
            return fields
    return None
