"""kubewright's own record in the cluster: ConfigMap kube-system/kubewright, JSON in data.record.

Without it the cluster is somebody else's.
"""

from __future__ import annotations

import json
from typing import Any, Iterable, Optional

from ansible_collections.kubewright.cluster.plugins.module_utils.errors import NodeError
from ansible_collections.kubewright.cluster.plugins.module_utils.kubeapi import Client

CONFIG_MAPS = "/api/v1/namespaces/kube-system/configmaps"
PATH = CONFIG_MAPS + "/kubewright"
OBJECTS = "objects"
"""The record's key under which the references of all objects that kubewright applied are kept, for pruning."""

FORMER_NAMES = "former_names"
"""The record's key for names of control planes that were removed, which certificates of the others may still have."""
FAN_OUT = "fan_out"
"""The record's key that has, by Node that was completed, the digest of what that node knows of the others."""
LEAVING = "leaving"
"""The record's key for Nodes that are gone while their removal is not complete, so that a killed run is found again."""


class DamagedError(NodeError):
    """The record is there and cannot be read."""


def parse(config_map: Optional[dict[str, Any]]) -> Optional[dict[str, Any]]:
    """The record in the ConfigMap; None where there is none.

    Raises:
        DamagedError: there is one, but it cannot be read.

    """
    if config_map is None:
        return None
    try:
        value = json.loads((config_map.get("data") or {}).get("record", ""))
    except ValueError as error:
        raise _damaged(str(error)) from error
    if not isinstance(value, dict):
        raise _damaged("it is no JSON object")
    return value


def _damaged(cause: str) -> DamagedError:
    return DamagedError(
        "ConfigMap kube-system/kubewright",
        "kubewright's record in data.record cannot be read: %s" % cause,
        "Restore it from observations/*.json of an earlier run's folder (kubewright's documentation, Status, says how)",
    )


def read(client: Client) -> Optional[dict[str, Any]]:
    """The record, None where there is none."""
    return parse(client.find(PATH))


def write(client: Client, record: dict[str, Any]) -> bool:
    """Make the record so; whether it was different."""
    return _replace(client, read(client), record)


def _replace(client: Client, before: Optional[dict[str, Any]], record: dict[str, Any]) -> bool:
    """Make the record so, given what it is; whether that is different. With many nodes it is large: it goes once."""
    if before == record:
        return False
    body = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {
            "name": "kubewright",
            "namespace": "kube-system",
            "labels": {"app.kubernetes.io/managed-by": "kubewright"},
        },
        "data": {"record": json.dumps(record, sort_keys=True)},
    }
    client.apply(PATH, body)
    return True


def merged(before: Optional[dict[str, Any]], wanted: Optional[dict[str, Any]], references: list[str]) -> dict[str, Any]:
    """The record with ``wanted`` (None: as before) and these object references."""
    return dict(before or {} if wanted is None else wanted, **{OBJECTS: references})


def note_leaving(client: Client, node: str, place: dict[str, str]) -> bool:
    """Record that the Node goes and its removal is not complete; whether that changed the record.

    Args:
        client: the API.
        node: its name.
        place: its address and machine_id, by which its host is found when it is gone; empty where they are not known.

    """
    before = read(client)
    if before is None:
        return False
    kept = {name: digest for name, digest in (before.get(FAN_OUT) or {}).items() if name != node}
    leaving = dict(before.get(LEAVING) or {})
    leaving[node] = place or leaving.get(node, {})
    return _replace(client, before, dict(before, **{FAN_OUT: kept, LEAVING: leaving}))


def note_end(
    client: Client, digests: dict[str, str], removed: list[str], last: dict[str, Any], *, changed_before: bool
) -> bool:
    """Record what a run achieved; whether that changed the record.

    Args:
        client: the API.
        digests: by Node, of what it knows of the others; merged into what is recorded. Such a Node is not leaving: it
            joined again. Where there is no record, one is made of them.
        removed: Nodes whose removal is complete; they are forgotten.
        last: the run, recorded as the last one if it changed something; empty for none.
        changed_before: whether it changed something before.

    """
    before = read(client)
    after = completed(before or {}, digests, removed) if digests or removed else before
    if after is None:
        return False
    if last and (changed_before or after != before):
        after = dict(after, last=last)
    return _replace(client, before, after)


def completed(before: dict[str, Any], digests: dict[str, str], removed: Iterable[str]) -> dict[str, Any]:
    """The record once what nodes know of the others is noted, and those that were removed are forgotten; pure."""
    after = dict(before, **{FAN_OUT: dict(before.get(FAN_OUT) or {}, **digests)})
    leaving = dict(after.pop(LEAVING, None) or {})
    for name in {*removed, *digests}:
        leaving.pop(name, None)
    return dict(after, **{LEAVING: leaving}) if leaving else after
