"""Where things lie that belong to an inventory, as far as its path tells, or to the user."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path


def inventory_directory(sources: Sequence[str]) -> Path | None:
    """Return the folder of the first source that is a file or folder."""
    for source in sources:
        path = Path(str(source))
        if "," not in str(source) and path.exists():
            return path.resolve() if path.is_dir() else path.resolve().parent
    return None


def beside(inventory_directory: Path | None) -> Path | None:
    """Return the folder beside an inventory; None where that is no directory, or one that cannot be written to."""
    if inventory_directory is not None and os.access(inventory_directory, os.W_OK):
        return inventory_directory / ".kubewright"
    return None


def of_user(cluster_name: str) -> Path:
    """Return the folder of a cluster in the user's state folder."""
    import platformdirs  # noqa: PLC0415  needed in this rare case only

    return Path(platformdirs.user_state_dir("kubewright")) / cluster_name


def cache_directory() -> Path:
    """Return the folder of what can be had again: ``KUBEWRIGHT_CACHE``, else ours in the user's cache folder."""
    given = os.environ.get("KUBEWRIGHT_CACHE")
    if given:
        return Path(given).absolute()
    import platformdirs  # noqa: PLC0415  needed where nothing is given only

    return Path(platformdirs.user_cache_dir("kubewright"))
