"""What the catalogue says of a release and of each artifact that a node needs.

An *artifact* is one file in the cache with one SHA-256: a binary, a tar archive whose members are installed, or an
OCI archive of one image.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass, field

from kubewright.errors import BadInputError


class Kind(enum.StrEnum):
    """How an artifact is put on a node."""

    BINARY = "binary"
    ARCHIVE = "archive"
    IMAGE = "image"


@dataclass(frozen=True)
class Artifact:
    """One artifact as the catalogue knows it, before anything was fetched.

    ``roles`` says on which nodes it is needed: ``{"control-plane"}``, ``{"worker"}`` or both. ``destination`` is the
    file (binary) or directory (archive) on the node; it may hold ``{bin_dir}``. ``reference`` is the image's name as
    manifests use it. ``upstream`` and ``gomod`` are the recipes (see the data files). ``component`` is the key into
    the release's versions, ``members`` are the files of an archive that are installed (paths within it).
    """

    name: str
    version: str
    kind: Kind
    roles: frozenset[str]
    destination: str = ""
    reference: str = ""
    upstream: dict[str, object] = field(default_factory=dict, hash=False)
    gomod: dict[str, object] = field(default_factory=dict, hash=False)
    component: str = ""
    members: tuple[str, ...] = ()


@dataclass(frozen=True)
class BuildUnit:
    """One build from Go modules: what one ``go build`` makes.

    ``module`` at ``version`` (with its ``v``) must have ``checksum`` (the ``h1:`` hash of the Go checksum database;
    empty where the unit has no module of its own). ``modules`` are further modules that are needed. ``staging`` is
    the version that replaces the modules which Kubernetes keeps in its own tree, empty for others. ``packages`` maps
    import paths to the file that each becomes, ``variables`` are set at link time. ``program`` names a Go program of
    ours under ``artifacts/go``. ``seconds`` is a cold build on two cores, ``megabytes`` the build cache it needs.
    """

    name: str
    version: str
    packages: dict[str, str] = field(hash=False)
    module: str = ""
    checksum: str = ""
    modules: dict[str, str] = field(default_factory=dict, hash=False)
    staging: str = ""
    variables: dict[str, str] = field(default_factory=dict, hash=False)
    tags: tuple[str, ...] = ()
    program: str = ""
    seconds: int = 60
    megabytes: int = 1000


@dataclass(frozen=True)
class BaseLayer:
    """A small file system from a distribution's packages, below the files of an image that is built here.

    ``links`` are symbolic links to add (path to target), because the packages' own scripts are not run.
    """

    name: str
    suite: str
    packages: tuple[str, ...]
    links: dict[str, str] = field(default_factory=dict, hash=False)
    seconds: int = 15
    megabytes: int = 200


@dataclass(frozen=True)
class Skew:
    """How far apart versions of one cluster may be, in minor versions.

    ``etcd_minimum`` is the oldest etcd by minor version of Kubernetes.
    """

    control_plane_behind: int
    kubelet_behind: int
    kube_proxy_behind: int
    kubectl_distance: int
    upgrade_step: int
    etcd_minimum: dict[str, str] = field(default_factory=dict, hash=False)


@dataclass(frozen=True)
class Release:
    """A supported Kubernetes version with everything that goes with it.

    ``versions`` maps component names (``kubernetes``, ``etcd``, ``coredns``, ``pause``, ``containerd``, ``runc``,
    ``cni-plugins``, ``flannel``, ``flannel-cni``, ``haproxy``) to versions without a leading ``v``. ``sources`` says
    of each where the version was read. ``units`` and ``bases`` are what builds from Go modules need, by name; ``go``
    is the oldest Go that can build them. ``registries`` maps hosts in image names to the URLs that their registries
    are reached by, where these differ.
    """

    kubernetes: str
    versions: dict[str, str] = field(hash=False)
    artifacts: tuple[Artifact, ...]
    sources: dict[str, str] = field(default_factory=dict, hash=False)
    units: dict[str, BuildUnit] = field(default_factory=dict, hash=False)
    bases: dict[str, BaseLayer] = field(default_factory=dict, hash=False)
    go: str = ""
    registries: dict[str, str] = field(default_factory=dict, hash=False)

    def artifact(self, name: str) -> Artifact:
        """The artifact of that name; KeyError where there is none."""
        for artifact in self.artifacts:
            if artifact.name == name:
                return artifact
        raise KeyError(name)


@dataclass(frozen=True)
class Catalog:
    """All supported releases, newest first, and the skew table."""

    releases: tuple[Release, ...]
    skew: Skew

    def release(self, version: str) -> Release:
        """The release of that Kubernetes version, with or without a leading ``v``.

        Raises:
            BadInputError: the version is not supported.

        """
        for release in self.releases:
            if release.kubernetes == version.removeprefix("v"):
                return release
        supported = ", ".join(release.kubernetes for release in self.releases)
        raise BadInputError("kube_version", f"Kubernetes {version} is not supported", f"Supported are {supported}")


@dataclass(frozen=True)
class ResolvedArtifact:
    """An artifact that is in the cache, verified: what documents say of it.

    ``sha256`` is of the cached file, ``size`` in bytes. ``members`` maps each file of an archive that is installed to
    its own SHA-256 (paths within the archive; folders that all of them share are left away below ``destination``).
    ``packages`` are system packages that stand in for it (then there is no file, ``sha256`` is empty): runc from the
    distribution under gomod.
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
