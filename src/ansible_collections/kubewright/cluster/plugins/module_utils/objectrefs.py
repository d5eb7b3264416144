"""Where objects live in the API, asked from the API itself, and short references to them."""

from __future__ import annotations

from typing import Any, Optional

from ansible_collections.kubewright.cluster.plugins.module_utils.errors import BAD_INPUT, NodeError
from ansible_collections.kubewright.cluster.plugins.module_utils.kubeapi import METADATA_ONLY, ApiError, Client


def reference(item: dict[str, Any]) -> str:
    """``apiVersion/Kind/namespace/name``, with an empty namespace for cluster-wide kinds.

    Raises:
        NodeError: the object lacks one of these.

    """
    try:
        metadata = item["metadata"]
        return "%s/%s/%s/%s" % (item["apiVersion"], item["kind"], metadata.get("namespace", ""), metadata["name"])
    except (KeyError, TypeError) as error:
        raise NodeError(
            "object to apply", "apiVersion, kind or metadata.name is missing", "Report this document", BAD_INPUT
        ) from error


class Paths:
    """Finds objects' paths by the API's discovery; each group version is asked for once. Threads may share one."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._resources: dict[str, dict[str, tuple[str, bool]]] = {}

    def of(self, text: str) -> Optional[str]:
        """The path of a reference.

        None while the API does not know its kind (its CustomResourceDefinition is not there).
        """
        api_version, kind, namespace, name = text.rsplit("/", 3)
        root = ("/api/" if "/" not in api_version else "/apis/") + api_version
        known = self._kinds(root).get(kind)
        if known is None:
            # Not kept: the kind may come with an object applied just before.
            self._resources.pop(root, None)
            return None
        plural, namespaced = known
        if namespaced:
            return "%s/namespaces/%s/%s/%s" % (root, namespace or "default", plural, name)
        return "%s/%s/%s" % (root, plural, name)

    def _kinds(self, root: str) -> dict[str, tuple[str, bool]]:
        kinds = self._resources.get(root)
        if kinds is None:
            try:
                listed = self._client.get(root).get("resources") or []
            except ApiError as error:
                if error.status != 404:
                    raise
                listed = []
            own = (entry for entry in listed if "/" not in entry["name"])
            kinds = {entry["kind"]: (entry["name"], entry["namespaced"]) for entry in own}
            self._resources[root] = kinds
        return kinds


def find(client: Client, paths: Paths, text: str) -> Optional[dict[str, Any]]:
    """The metadata of the object that a reference names; None where it is not there."""
    path = paths.of(text)
    return client.find(path, accept=METADATA_ONLY) if path else None
