"""A recipe's digest and the entry of the index that says what it gave."""

from __future__ import annotations

import hashlib
import json
from typing import Any

from kubewright.artifacts.store import Store
from kubewright.catalog.model import Artifact, Kind, ResolvedArtifact

BUILDER_VERSION = 1
"""Raised when the same recipe gives other bytes because the code that carries it out changed."""


def digest(source: str, architecture: str, parts: dict[str, Any]) -> str:
    """The key of a recipe in the index: the same for the same input on every machine."""
    recipe = {"builder": BUILDER_VERSION, "source": source, "architecture": architecture, **parts}
    return hashlib.sha256(json.dumps(recipe, sort_keys=True).encode()).hexdigest()


def recall(store: Store, key: str, artifact: Artifact) -> ResolvedArtifact | None:
    """What an earlier run of the recipe gave, if its file is still there and undamaged."""
    entry = store.recall(key)
    if entry is None or not store.holds(str(entry.get("sha256", ""))):
        return None
    return resolved(artifact, entry)


def remember(store: Store, key: str, result: ResolvedArtifact) -> None:
    """Note the result under the recipe's key."""
    store.remember(
        key, {"reference": result.reference, "sha256": result.sha256, "size": result.size, "members": result.members}
    )


def resolved(artifact: Artifact, entry: dict[str, Any]) -> ResolvedArtifact:
    """An artifact of the catalogue with the digest, size, members and name that a source gave it."""
    return ResolvedArtifact(
        name=artifact.name,
        kind=Kind(artifact.kind),
        roles=artifact.roles,
        destination=artifact.destination,
        reference=entry.get("reference") or artifact.reference,
        sha256=entry["sha256"],
        size=entry["size"],
        members=entry.get("members", {}),
    )
