"""Objects by server-side apply: what would change, the change, and the removal of what is no longer wanted.

Drift is found by asking the server itself: a dry run of the apply compared with the live object. Fields that the server
keeps are left out of the comparison. An object that has all that is wanted of it, to the letter, is not asked about: a
dry run is most of what comparing it would take.
"""

from __future__ import annotations

import copy
import hashlib
import json
from typing import Any, Optional

from ansible_collections.kubewright.cluster.plugins.module_utils import record
from ansible_collections.kubewright.cluster.plugins.module_utils.errors import NodeError
from ansible_collections.kubewright.cluster.plugins.module_utils.kubeapi import FIELD_MANAGER, Client
from ansible_collections.kubewright.cluster.plugins.module_utils.objectrefs import Paths, reference

DIGEST = "kubewright.io/digest"
MANAGED_BY = "app.kubernetes.io/managed-by"
OURS = "kubewright"
_SERVER_KEPT = ("managedFields", "resourceVersion", "generation", "uid", "creationTimestamp", "selfLink")
# The digest is ours; the others are counts that the server and its controllers keep.
_HIDDEN = (DIGEST, "deployment.kubernetes.io/revision", "deprecated.daemonset.template.generation")
_SECRET_FIELDS = ("data", "stringData")

Object = dict[str, Any]


def prepared(item: Object) -> Object:
    """The object as it is applied: with our label, and the digest of what was wanted as an annotation."""
    result = copy.deepcopy(item)
    metadata = result["metadata"]
    metadata.setdefault("labels", {})[MANAGED_BY] = OURS
    metadata.setdefault("annotations", {})[DIGEST] = digest(item)
    return result


def digest(item: Object) -> str:
    """SHA-256 of an object's canonical JSON."""
    return hashlib.sha256(json.dumps(item, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def differences(before: Optional[Object], after: Optional[Object]) -> list[dict[str, Any]]:
    """Field by field: [{path, before, after}], without what the server keeps; Secrets' content is never shown."""
    found: list[dict[str, Any]] = []
    _compare("", _comparable(before), _comparable(after), found)
    kind = (after or before or {}).get("kind")
    if kind == "Secret":
        for entry in found:
            if entry["path"].split(".", 1)[0] in _SECRET_FIELDS:
                entry.update(before="<secret>", after="<secret>")
    return found


def _comparable(item: Optional[Object]) -> Object:
    if item is None:
        return {}
    result = {key: value for key, value in item.items() if key != "status"}
    result["metadata"] = {key: value for key, value in item.get("metadata", {}).items() if key not in _SERVER_KEPT}
    annotations = result["metadata"].get("annotations") or {}
    shown = {key: value for key, value in annotations.items() if key not in _HIDDEN}
    result["metadata"]["annotations"] = shown
    return result


def _compare(path: str, before: Any, after: Any, found: list[dict[str, Any]]) -> None:
    if isinstance(before, dict) and isinstance(after, dict):
        for key in sorted(set(before) | set(after)):
            _compare("%s.%s" % (path, key) if path else key, before.get(key), after.get(key), found)
    elif isinstance(before, list) and isinstance(after, list) and len(before) == len(after):
        for index, (left, right) in enumerate(zip(before, after)):  # noqa: B905 - Python 3.9 has no strict
            _compare("%s[%d]" % (path, index), left, right, found)
    elif before != after:
        found.append({"path": path, "before": before, "after": after})


def holds(live: Optional[Object], wanted: Object) -> bool:
    """Whether a live object has all that is wanted of it as it is written, so that applying it would change nothing.

    False where that cannot be seen: a quantity may be written in two ways, and others may have added to a list. Nor can
    it be seen whether the object has fields that were wanted earlier: see the digest, or who manages its fields.
    """
    return live is not None and _holds(_comparable(live), _comparable(wanted))


def _holds(live: Any, wanted: Any) -> bool:
    if isinstance(wanted, dict) and isinstance(live, dict):
        return all(key in live and _holds(live[key], value) for key, value in wanted.items())
    if isinstance(wanted, list) and isinstance(live, list):
        # Python 3.9's zip has no strict.
        return len(live) == len(wanted) and all(_holds(*pair) for pair in zip(live, wanted))  # noqa: B905
    return type(live) is type(wanted) and bool(live == wanted)


def managed(live: Object) -> bool:
    """Whether an object has fields of ours, set by an apply or an update."""
    return any(entry.get("manager") == FIELD_MANAGER for entry in live["metadata"].get("managedFields") or ())


def apply_one(client: Client, paths: Paths, item: Object, *, check: bool) -> Optional[dict[str, Any]]:
    """Make one object so; the change ({reference, action, fields}), None where it is so already.

    Raises:
        NodeError: the API does not know its kind.
        ApiError: the API refused it.

    """
    name, wanted = reference(item), prepared(item)
    path = paths.of(name)
    live = client.find(path) if path else None
    if live is None:
        if not check:
            _create(client, path, name, wanted)
        return {"reference": name, "action": "create", "fields": differences(None, wanted)}
    assert path is not None
    stale = (live["metadata"].get("annotations") or {}).get(DIGEST) != digest(item)
    same = not stale and holds(live, wanted)
    fields = [] if same else differences(live, client.apply(path, wanted, dry_run=True))
    if (fields or stale) and not check:
        client.apply(path, wanted)
    if not fields:
        # Only the digest differs: the same object, written in another way.
        return {"reference": name, "action": "adopt", "fields": []} if stale else None
    return {"reference": name, "action": "change", "fields": fields}


def _create(client: Client, path: Optional[str], name: str, wanted: Object) -> None:
    if path is None:
        raise NodeError(
            "object %s" % name, "the API does not know this kind", "Apply its CustomResourceDefinition first"
        )
    client.apply(path, wanted)


def prune(client: Client, paths: Paths, recorded: list[str], wanted: list[str], *, check: bool) -> list[dict[str, Any]]:
    """Delete recorded objects that are no longer wanted and still carry our label.

    Returns the changes, what was applied last first.
    """
    changes = []
    for name in reversed([entry for entry in recorded if entry not in wanted]):
        path = paths.of(name)
        live = client.find(path) if path else None
        if path is None or live is None or (live["metadata"].get("labels") or {}).get(MANAGED_BY) != OURS:
            continue
        if not check:
            client.delete(path)
        changes.append({"reference": name, "action": "delete", "fields": []})
    return changes


def apply_all(
    client: Client, paths: Paths, items: Optional[list[Object]], wanted_record: Optional[Object], *, check: bool
) -> dict[str, Any]:
    """Apply the objects in order (None: leave them alone), prune, and keep the record.

    Returns {changes, record, record_changed}.

    The record names an object before it is applied and until it is deleted, so that a killed run leaves nothing that no
    record names.
    """
    before = record.read(client)
    recorded = list((before or {}).get(record.OBJECTS) or [])
    references = recorded if items is None else [reference(item) for item in items]
    together = recorded + [name for name in references if name not in recorded]
    if not check:
        record.write(client, record.merged(before, before, together))
    changes = [change for item in items or [] for change in [apply_one(client, paths, item, check=check)] if change]
    changes += prune(client, paths, recorded, references, check=check)
    final = record.merged(before, wanted_record, references)
    if not check:
        record.write(client, final)
    return {"changes": changes, "record": final, "record_changed": final != before}
