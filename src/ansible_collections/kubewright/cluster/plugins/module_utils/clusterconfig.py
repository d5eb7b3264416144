"""kubeadm's own objects in the cluster: its ClusterConfiguration, the kubelets' configuration, all of kube-proxy.

They are what plain kubeadm goes by (joins, upgrades), so they are changed before anything that runs. What they should
be is what kubeadm on this node would upload: texts in ConfigMaps, which are compared as what they say, and what goes
with them, which the API server compares as it does with any object that is applied.
"""

from __future__ import annotations

import hashlib
import json
import re
from typing import Any, Iterable, Optional

from ansible_collections.kubewright.cluster.plugins.module_utils import (
    applyset,
    files,
    objectrefs,
    plainyaml,
    record,
    rendering,
    rollout,
)
from ansible_collections.kubewright.cluster.plugins.module_utils.errors import NodeError
from ansible_collections.kubewright.cluster.plugins.module_utils.kubeapi import Client

NAMES = ("kubeadm-config", "kubelet-config", "kube-proxy")
PROXY = "kube-proxy"
REVISION = "kubewright.io/configuration"
"""Annotation on kube-proxy's ConfigMap, and on its pods when they were started with that configuration."""

_PROXY_DAEMON_SET = "apps/v1/DaemonSet/kube-system/kube-proxy"
_TEMPLATE = re.compile(r"^  template:\n    metadata:\n", re.MULTILINE)
_DAEMON_SET = "/apis/apps/v1/namespaces/kube-system/daemonsets/kube-proxy"
_SECONDS_PER_NODE = 15.0
"""Time for one node's kube-proxy to be replaced: its DaemonSet goes node by node."""

Object = dict[str, Any]


def work(
    client: Client,
    paths: objectrefs.Paths,
    rendered: rendering.Rendered,
    *,
    former_names: Iterable[str] = (),
    check: bool,
) -> list[dict[str, Any]]:
    """Make the objects what kubeadm would upload, or tell what that would change: [{reference, action, diff}].

    Args:
        client: the API.
        paths: where it has objects.
        rendered: what kubeadm makes of the configuration, at least its :data:`.rendering.OBJECTS`.
        former_names: of control planes that left. Where only these are too many in the certificate names, nothing is
            changed; what else is changed leaves them out.
        check: change nothing.

    Raises:
        NodeError: kubeadm cannot make anything of the configuration.
        ApiError: the API refused something.

    """
    former = frozenset(former_names)
    changes = []
    for name in NAMES:
        change = _config_map(client, name, rendered.object_data(name), former, check=check)
        if change is not None:
            changes.append(change)
    for text in rendered.other_objects():
        change = _object(client, paths, text, check=check)
        if change is not None:
            changes.append(change)
    return changes


def _config_map(
    client: Client, name: str, wanted: dict[str, str], former: frozenset[str], *, check: bool
) -> Optional[dict[str, Any]]:
    path = "%s/%s" % (record.CONFIG_MAPS, name)
    live = client.find(path)
    before: dict[str, str] = (live or {}).get("data") or {}
    differing = [
        key for key in sorted(wanted) if comparable(before.get(key, ""), former) != comparable(wanted[key], former)
    ]
    if not differing:
        return None
    reference = "v1/ConfigMap/kube-system/%s" % name
    diff = "".join(
        files.unified(
            "%s %s" % (reference, key), comparable(before[key]) if key in before else None, comparable(wanted[key])
        )
        for key in differing
    )
    if not check:
        _write(client, path, name, live, {key: wanted[key] for key in differing})
    return {"reference": reference, "action": "change" if live else "create", "diff": diff}


def _write(client: Client, path: str, name: str, live: Optional[Object], data: dict[str, str]) -> None:
    """One write with what kube-proxy's pods are told apart by, so that a kill between the two leaves nothing unseen."""
    metadata: Object = {}
    if live is not None:
        metadata["resourceVersion"] = live["metadata"]["resourceVersion"]
    if name == PROXY:
        digest = hashlib.sha256(json.dumps([data, metadata], sort_keys=True).encode()).hexdigest()
        metadata["annotations"] = {REVISION: digest[:16]}
    if live is not None:
        client.merge(path, {"metadata": metadata, "data": data})
        return
    metadata.update(name=name, namespace="kube-system")
    client.create(record.CONFIG_MAPS, {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": data})


def _object(client: Client, paths: objectrefs.Paths, text: str, *, check: bool) -> Optional[dict[str, Any]]:
    """Apply one other object as kubeadm would upload it, or tell what that would change."""
    try:
        name = objectrefs.reference(plainyaml.parse(text))
    except plainyaml.PlainYamlError as error:
        raise NodeError("kubeadm init", "would upload an object that cannot be read: %s" % error) from error
    path = paths.of(name)
    if path is None:
        raise NodeError("object %s" % name, "the API does not know this kind", "Look at kubeadm's version on this node")
    live = client.find(path)
    if name == _PROXY_DAEMON_SET:
        text = _with_revision(client, live, text)
    fields: list[dict[str, Any]] = []
    if live is not None and not _same(live, text):
        fields = applyset.differences(live, client.apply(path, text, dry_run=True))
    if live is not None and not fields:
        return None
    if not check:
        client.apply(path, text)
    diff = "".join("%s: %r -> %r\n" % (entry["path"], entry["before"], entry["after"]) for entry in fields)
    return {"reference": name, "action": "create" if live is None else "change", "diff": diff}


def _same(live: Object, text: str) -> bool:
    """Whether it is seen without asking that applying changes nothing; not where we did before, perhaps more fields."""
    return not applyset.managed(live) and applyset.holds(live, plainyaml.parse(text))


def _with_revision(client: Client, live: Optional[Object], text: str) -> str:
    """kube-proxy's DaemonSet with what its pods were started with, or are started with where there is none yet."""
    revision = _revision_of_pods(live) if live is not None else _revision(client)
    if revision is None:
        return text
    annotation = "      annotations:\n        %s: %s\n" % (REVISION, json.dumps(revision))
    result, count = _TEMPLATE.subn(lambda match: match.group(0) + annotation, text)
    if count != 1:
        raise NodeError(
            "kubeadm init",
            "would upload a DaemonSet of kube-proxy whose pods have no labels",
            "Look at kubeadm's version on this node",
        )
    return result


def comparable(text: str, without: frozenset[str] = frozenset()) -> str:
    """A configuration in one spelling; the order of certificate names means nothing, nor do those ``without``."""
    try:
        value = plainyaml.parse(text)
    except plainyaml.PlainYamlError:
        return text
    server = value.get("apiServer") if isinstance(value, dict) else None
    if isinstance(server, dict) and isinstance(server.get("certSANs"), list):
        server["certSANs"] = sorted((each for each in server["certSANs"] if str(each) not in without), key=str)
    return plainyaml.written(value)


def proxy_is_stale(client: Client) -> bool:
    """Whether kube-proxy's pods were started before its configuration was changed."""
    found, revision = _revisions(client)
    return found != revision


def restart_proxy(client: Client) -> bool:
    """Have kube-proxy's DaemonSet replace pods that have an earlier configuration, and wait; whether it had to.

    Raises:
        NodeError: not all of them run in time.
        ApiError: the API refused something.

    """
    found, revision = _revisions(client)
    if found != revision:
        template = {"metadata": {"annotations": {REVISION: revision}}}
        client.merge(_DAEMON_SET, {"spec": {"template": template}})
    nodes = len(client.get("/api/v1/nodes").get("items") or [])
    rollout.wait(
        client,
        [{"kind": "DaemonSet", "namespace": "kube-system", "name": PROXY}],
        60.0 + _SECONDS_PER_NODE * nodes,
    )
    return found != revision


def _revisions(client: Client) -> tuple[Optional[str], Optional[str]]:
    """The revision that kube-proxy's pods have, and that of its configuration; both None where nobody changed it."""
    revision = _revision(client)
    daemon_set = client.find(_DAEMON_SET)
    return revision if daemon_set is None else _revision_of_pods(daemon_set), revision


def _revision(client: Client) -> Optional[str]:
    configuration = client.find("%s/%s" % (record.CONFIG_MAPS, PROXY)) or {"metadata": {}}
    revision: Optional[str] = (configuration["metadata"].get("annotations") or {}).get(REVISION)
    return revision


def _revision_of_pods(daemon_set: Object) -> Optional[str]:
    template = daemon_set["spec"]["template"].get("metadata") or {}
    revision: Optional[str] = (template.get("annotations") or {}).get(REVISION)
    return revision
