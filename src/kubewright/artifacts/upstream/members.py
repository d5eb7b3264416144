"""Files inside downloaded archives and image layers."""

from __future__ import annotations

import hashlib
import shutil
import tarfile
from collections.abc import Iterable
from pathlib import Path

from kubewright.errors import ArtifactError


def digests(archive: Path, names: Iterable[str], subject: str) -> dict[str, str]:
    """Return the SHA-256 of each of these members of a tar archive, compressed or not.

    Raises:
        ArtifactError: one is missing, or the archive cannot be read.

    """
    missing, found = set(names), {}
    try:
        with tarfile.open(archive) as opened:
            for member in opened:
                name = _plain(member.name)
                stream = opened.extractfile(member) if name in missing and member.isreg() else None
                if stream is not None:
                    found[name] = hashlib.file_digest(stream, "sha256").hexdigest()  # type: ignore[arg-type]
                    missing.discard(name)
    except (tarfile.TarError, OSError, EOFError) as error:
        raise ArtifactError(subject, f"the archive cannot be read ({error})") from error
    if missing:
        raise ArtifactError(subject, f"the archive has no {', '.join(sorted(missing))}")
    return dict(sorted(found.items()))


def extract(archives: Iterable[Path], name: str, target: Path, subject: str) -> None:
    """Copy one file out of the first of these tar archives that has it.

    Raises:
        ArtifactError: none has it, or one cannot be read.

    """
    try:
        for archive in archives:
            with tarfile.open(archive) as opened:
                for member in opened:
                    stream = opened.extractfile(member) if _plain(member.name) == name and member.isreg() else None
                    if stream is not None:
                        with target.open("wb") as output:
                            shutil.copyfileobj(stream, output)
                        return
    except (tarfile.TarError, OSError, EOFError) as error:
        raise ArtifactError(subject, f"the archive cannot be read ({error})") from error
    raise ArtifactError(subject, f"it has no file {name}")


def _plain(name: str) -> str:
    return name.removeprefix("./").lstrip("/")
