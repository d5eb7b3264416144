"""A copy of the inventory in the run's folder: what a change was made from, whatever becomes of the inventory."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from kubewright.engine.record import Run

LARGEST = 20 * 2**20
"""Bytes. More than that is no inventory but a folder that holds one among other things."""

FOLDER = "inventory"


@dataclass(frozen=True)
class Kept:
    """The folder with the copies, or why there are none; neither where there was nothing to copy."""

    folder: Path | None = None
    refusal: str = ""


def keep_inventory(run: Run, sources: Sequence[str]) -> Kept:
    """Copy the inventory's sources as they are, vault-encrypted where they are.

    There is nothing to copy in a list of hosts on the command line. Hidden files are left out: run folders and
    kubeconfigs lie in hidden folders of an inventory.
    """
    given = [Path(source) for source in sources if Path(source).exists()]
    if not given:
        return Kept()
    size = sum(path.stat().st_size for source in given for path in _files(source))
    if size > LARGEST:
        names = ", ".join(map(str, given))
        limit = f"{size / 2**20:.1f} MB, more than {LARGEST / 2**20:.0f} MB"
        return Kept(refusal=f"no copy of the inventory was kept: {names} has {limit}. Give it a folder of its own")
    target = run.directory / FOLDER
    for number, source in enumerate(given):
        name = source.resolve().name if len(given) == 1 else f"{number}-{source.resolve().name}"
        _copy(source, target / name)
    return Kept(target)


def _files(source: Path) -> Iterator[Path]:
    if source.is_file():
        yield source
    for path in source.rglob("*") if source.is_dir() else ():
        hidden = any(part.startswith(".") for part in path.relative_to(source).parts)
        if path.is_file() and not hidden:
            yield path


def _copy(source: Path, target: Path) -> None:
    for path in _files(source):
        place = target / path.relative_to(source) if source.is_dir() else target
        place.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        shutil.copyfile(path, place)
        place.chmod(0o600)
