"""What the catalogue says of a release and of each artifact that a node needs.

An *artifact* is one file in the cache with one SHA-256: a binary, a tar archive whose members are installed, or an OCI archive of one
image.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass, field


class Kind(enum.StrEnum):
    """How an artifact is put on a node."""

    BINARY = "binary"
    ARCHIVE = "archive"
    IMAGE = "image"


@dataclass(frozen=True)
class Artifact:
    """One artifact as the catalogue knows it, before anything was fetched.

    ``roles`` says on which nodes it is needed: ``{"control-plane"}``, ``{"worker"}`` or both. ``destination`` is the file (binary) or directory
    (archive) on the node; it may hold ``{bin_dir}``. ``reference`` is the image's name as manifests use it. ``upstream`` and ``gomod`` are the recipes (see the data files).
    """

    name: str
    version: str
    kind: Kind
    roles: frozenset[str]
    destination: str = ""
    reference: str = ""
    upstream: dict[str, object] = field(default_factory=dict, hash=False)
    gomod: dict[str, object] = field(default_factory=dict, hash=False)


@dataclass(frozen=True)
class Release:
    """A supported Kubernetes version with everything that goes with it.

    ``versions`` maps component names (``kubernetes``, ``etcd``, ``coredns``, ``pause``, ``containerd``, ``runc``, ``cni-plugins``, ``flannel``,
    ``flannel-cni``, ``haproxy``) to versions without a leading ``v``.
    """

    kubernetes: str
    versions: dict[str, str] = field(hash=False)
    artifacts: tuple[Artifact, ...]

    def artifact(self, name: str) -> Artifact:
        """The artifact of that name; KeyError where there is none."""
        for artifact in self.artifacts:
            if artifact.name == name:
                return artifact
        raise KeyError(name)


@dataclass(frozen=True)
class ResolvedArtifact:
    """An artifact that is in the cache, verified: what documents say of it.

    ``sha256`` is of the cached file, ``size`` in bytes. ``members`` maps each file of an archive to its own SHA-256 (paths as installed
    below ``destination``). ``packages`` are system packages that stand in for it (then there is no file, ``sha256`` is empty): runc from the distribution under gomod.
    """

    name: str
    kind: Kind
    roles: frozenset[str]
    destination: str = ""
    reference: str = ""
    sha256: str = ""
    size: int = 0
    members: dict[str, str] = field(default_factory=dict, hash=False)
    packages: tuple[str, ...] = ()


@dataclass(frozen=True)
class ArtifactSet:
    """All artifacts of one release for one architecture (``amd64`` or ``arm64``), with the source that gave them."""

    kubernetes: str
    architecture: str
    source: str
    artifacts: tuple[ResolvedArtifact, ...]

    def for_role(self, *, control_plane: bool) -> tuple[ResolvedArtifact, ...]:
        """What a node needs, by whether it is a control plane."""
        role = "control-plane" if control_plane else "worker"
        return tuple(artifact for artifact in self.artifacts if role in artifact.roles)
