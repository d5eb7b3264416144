"""What Kubespray's settings mean, where kubewright does not honour them: written, or made of what names are made of."""

from __future__ import annotations

import functools
import importlib.resources
from collections.abc import Mapping
from dataclasses import dataclass

from kubewright.settings import kubespray
from kubewright.settings.families import family_of


@dataclass(frozen=True)
class Documentation:
    """The kind of a setting's values, their unit (or form), and a sentence on its meaning."""

    kind: str
    unit: str
    text: str


_SUFFIXES: Mapping[str, tuple[str, str, str]] = {
    "_image_repo": ("text", "", "Where the image of {} is pulled from."),
    "_image_tag": ("text", "", "Tag of the image of {}."),
    "_download_url": ("text", "URL", "Where the files of {} are fetched from."),
    "_checksum": ("text", "SHA-256", "Digest of the files of {}."),
    "_version": ("text", "", "Version of {}."),
    "_enabled": ("boolean", "", "Whether {} is used."),
    "_namespace": ("text", "", "Namespace of {}."),
    "_replicas": ("integer", "", "Number of pods of {}."),
    "_tolerations": ("list", "", "Tolerations of the pods of {}."),
    "_nodeselector": ("mapping", "", "Labels of nodes that may run {}."),
    "_affinity": ("mapping", "", "Affinity of the pods of {}."),
    "_cpu_limit": ("text", "CPU", "CPU that {} may use."),
    "_cpu_requests": ("text", "CPU", "CPU that {} asks for."),
    "_memory_limit": ("text", "bytes", "Memory that {} may use."),
    "_memory_requests": ("text", "bytes", "Memory that {} asks for."),
    "_bin_dir": ("text", "path", "Folder of the binaries of {}."),
    "_log_level": ("any", "", "Level of the log of {}."),
    "_extra_args": ("any", "", "Further arguments of {}."),
    "_custom_args": ("list", "", "Further arguments of {}."),
    "_repo_base_url": ("text", "URL", "Repository of packages of {}."),
    "_repo_gpgkey": ("text", "URL", "Key of the repository of {}."),
    "_repo_repokey": ("text", "", "Fingerprint of the key of the repository of {}."),
    "_extra_volumes": ("list", "", "Further volumes of the pods of {}."),
    "_extra_volume_mounts": ("list", "", "Further mounts of the pods of {}."),
    "_extra_env_vars": ("list", "", "Further environment of the pods of {}."),
    "_port": ("integer", "TCP port", "Port of {}."),
    "_mtu": ("integer", "bytes", "MTU of {}."),
    "_password": ("text", "", "Password of {}."),
}
_UNITS = {"_seconds": "seconds", "_url": "URL", "_dir": "path", "_cidr": "CIDR", "_file": "path"}


def documentation(name: str) -> Documentation:
    """Return what is said of a name of Kubespray's."""
    known = kubespray.load().get(name)
    kind = known.kind if known else "any"
    if (written := _written().get(name)) is not None:
        return written
    for suffix, (suffix_kind, unit, text) in _SUFFIXES.items():
        if name.endswith(suffix) and len(name) > len(suffix):
            subject = name.removesuffix(suffix).replace("_", " ")
            return Documentation(suffix_kind if kind == "any" else kind, unit, text.format(subject))
    unit = next((unit for suffix, unit in _UNITS.items() if name.endswith(suffix)), "")
    family = family_of(name)
    words = name.replace("_", " ").capitalize()
    return Documentation(kind, unit, f"{words}: an option of {family.subject}." if family else f"{words}.")


@functools.cache
def _written() -> Mapping[str, Documentation]:
    table = importlib.resources.files("kubewright.settings") / "data" / "documentation.txt"
    rows = (line.split("|") for line in table.read_text(encoding="utf-8").splitlines())
    return {name: Documentation(kind, unit, text) for name, kind, unit, text in rows}
