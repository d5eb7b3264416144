"""Tar layers and OCI archives, byte for byte the same from the same input."""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from kubewright.artifacts.store import file_sha256

MANIFEST_TYPE = "application/vnd.oci.image.manifest.v1+json"
CONFIG_TYPE = "application/vnd.oci.image.config.v1+json"
LAYER_TYPE = "application/vnd.oci.image.layer.v1.tar"
_PATH = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


@dataclass(frozen=True)
class Content:
    """A blob of an archive: bytes or a file, with its digest as OCI writes it (``sha256:…``)."""

    digest: str
    size: int
    data: bytes | Path


@dataclass(frozen=True)
class ImageSettings:
    """What the image's configuration says. ``user`` as ``uid:gid``, empty for root."""

    reference: str
    architecture: str
    entrypoint: tuple[str, ...]
    user: str = ""


def bytes_content(data: bytes) -> Content:
    """Bytes as content."""
    return Content(f"sha256:{hashlib.sha256(data).hexdigest()}", len(data), data)


def file_content(path: Path) -> Content:
    """A file as content; it is read when the archive is written."""
    return Content(f"sha256:{file_sha256(path)}", path.stat().st_size, path)


def write_tar(target: Path, files: Mapping[str, Path]) -> None:
    """A tar archive of executables (path in the archive to file) with their folders, owned by root, without times."""
    with tarfile.open(target, "w", format=tarfile.PAX_FORMAT) as archive:
        for folder in sorted({str(parent) for name in files for parent in PurePosixPath(name).parents} - {"."}):
            archive.addfile(_plain(folder, tarfile.DIRTYPE))
        for name, path in sorted(files.items()):
            header = _plain(name, tarfile.REGTYPE)
            header.size = path.stat().st_size
            with path.open("rb") as stream:
                archive.addfile(header, stream)


def write_layer(target: Path, files: Mapping[str, Path]) -> None:
    """A layer of executable files and an empty ``/tmp``."""
    write_tar(target, files)
    with tarfile.open(target, "a", format=tarfile.PAX_FORMAT) as archive:
        header = _plain("tmp", tarfile.DIRTYPE)
        header.mode = 0o1777
        archive.addfile(header)


def write_built_image(target: Path, settings: ImageSettings, layers: Iterable[Path]) -> None:
    """An OCI archive of one image with these uncompressed layers, lowest first.

    Layers stay uncompressed: nodes import them faster, and they travel once.
    """
    contents = [file_content(layer) for layer in layers]
    config = {
        "architecture": settings.architecture,
        "os": "linux",
        "created": "1970-01-01T00:00:00Z",
        "config": {"Env": [_PATH], "Entrypoint": list(settings.entrypoint), "WorkingDir": "/", "User": settings.user},
        "rootfs": {"type": "layers", "diff_ids": [content.digest for content in contents]},
        "history": [{"created": "1970-01-01T00:00:00Z", "created_by": "kubewright"} for _ in contents],
    }
    config_content = json_content(config)
    manifest = {
        "schemaVersion": 2,
        "mediaType": MANIFEST_TYPE,
        "config": _descriptor(CONFIG_TYPE, config_content),
        "layers": [_descriptor(LAYER_TYPE, content) for content in contents],
    }
    write_image(target, settings.reference, MANIFEST_TYPE, json_content(manifest), [config_content, *contents])


def write_image(target: Path, reference: str, media_type: str, manifest: Content, blobs: Iterable[Content]) -> None:
    """An OCI archive of one image under the name that nodes know it by.

    Args:
        target: the file to write.
        reference: the image's full name, which ``ctr images import`` gives it.
        media_type: the manifest's.
        manifest: the image's manifest, byte for byte.
        blobs: configuration and layers that the manifest names.

    """
    entry = _descriptor(media_type, manifest)
    entry["annotations"] = {
        "io.containerd.image.name": reference,
        "org.opencontainers.image.ref.name": reference.rpartition(":")[2],
    }
    index = json_content(
        {"schemaVersion": 2, "mediaType": "application/vnd.oci.image.index.v1+json", "manifests": [entry]}
    )
    with tarfile.open(target, "w", format=tarfile.PAX_FORMAT) as archive:
        _add(archive, "oci-layout", b'{"imageLayoutVersion":"1.0.0"}')
        _add(archive, "index.json", index.data)
        for folder in ("blobs", "blobs/sha256"):
            archive.addfile(_plain(folder, tarfile.DIRTYPE))
        # The same layer may occur twice in a manifest.
        for digest, content in {content.digest: content for content in (manifest, *blobs)}.items():
            _add(archive, f"blobs/sha256/{digest.removeprefix('sha256:')}", content.data)


def json_content(value: Mapping[str, Any]) -> Content:
    """A JSON document as content."""
    return bytes_content(json.dumps(value, sort_keys=True, separators=(",", ":")).encode())


def _descriptor(media_type: str, content: Content) -> dict[str, Any]:
    return {"mediaType": media_type, "digest": content.digest, "size": content.size}


def _add(archive: tarfile.TarFile, name: str, data: bytes | Path) -> None:
    header = _plain(name, tarfile.REGTYPE)
    header.mode = 0o644
    if isinstance(data, bytes):
        header.size = len(data)
        archive.addfile(header, io.BytesIO(data))
        return
    header.size = data.stat().st_size
    with data.open("rb") as stream:
        archive.addfile(header, stream)


def _plain(name: str, kind: bytes) -> tarfile.TarInfo:
    header = tarfile.TarInfo(name)
    header.type = kind
    header.mode = 0o755
    return header
