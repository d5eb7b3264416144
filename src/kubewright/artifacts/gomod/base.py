"""Base layers: a small file system from a distribution's packages, made without running their scripts."""

from __future__ import annotations

import os
import shutil
import tarfile
from collections.abc import Callable
from pathlib import Path

from kubewright.artifacts.gomod.toolchain import run_command
from kubewright.catalog.model import BaseLayer

DROPPED = (
    "./dev",
    "./etc/apt",
    "./etc/hostname",
    "./etc/resolv.conf",
    "./etc/perl",
    "./tmp",
    "./usr/bin/perl",
    "./usr/lib/locale",
    "./usr/share/bash-completion",
    "./usr/share/bug",
    "./usr/share/doc",
    "./usr/share/info",
    "./usr/share/lintian",
    "./usr/share/locale",
    "./usr/share/man",
    "./usr/lib/x86_64-linux-gnu/libperl",
    "./usr/lib/aarch64-linux-gnu/libperl",
    "./usr/share/perl",
    "./var/cache",
    "./var/lib/apt",
    "./var/lib/dpkg",
)
DROPPED_PARTS = ("/gconv/", "/perl-base/", "/perl/")
"""What a program does not need to run: documentation, translations, character sets, package data, the interpreter of
packages' scripts;
and what mmdebstrap takes over from this machine."""


def problem() -> str:
    """Return why no base layer can be made here, with what to do; empty if they can."""
    if shutil.which("mmdebstrap"):
        return ""
    return (
        "mmdebstrap is not installed; the images of kube-proxy, flannel and haproxy need it."
        " Install it: apt-get install mmdebstrap (on Ubuntu also debian-archive-keyring)"
    )


def build(base: BaseLayer, architecture: str, folder: Path, tick: Callable[[], None]) -> Path:
    """Make a base layer's tar in an empty folder.

    Raises:
        ArtifactError: mmdebstrap failed.

    """
    raw, layer = folder / "raw.tar", folder / "layer.tar"
    command = [
        "mmdebstrap",
        "--variant=extract",
        f"--architectures={architecture}",
        f"--include={','.join(base.packages)}",
        base.suite,
        str(raw),
    ]
    environment = {**os.environ, "TMPDIR": str(folder)}
    run_command(command, folder=folder, environment=environment, subject=f"base layer {base.name}", tick=tick)
    slim(raw, layer, base.links)
    return layer


def slim(source: Path, target: Path, links: dict[str, str]) -> None:
    """Copy a file system's tar without what programs do not need, times and owners' names, and with more links."""
    with tarfile.open(source) as old, tarfile.open(target, "w", format=tarfile.PAX_FORMAT) as new:
        for member in sorted(old.getmembers(), key=lambda member: member.name):
            if _dropped(member):
                continue
            stream = old.extractfile(member) if member.isreg() else None
            new.addfile(_neutral(member), stream)
        for name, link in sorted(links.items()):
            header = tarfile.TarInfo(name)
            header.type, header.linkname, header.mode = tarfile.SYMTYPE, link, 0o777
            new.addfile(header)


def _dropped(member: tarfile.TarInfo) -> bool:
    name = f"./{member.name.removeprefix('./')}"
    return (
        member.isdev()
        or any(name == path or name.startswith(path) for path in DROPPED)
        or any(part in f"{name}/" for part in DROPPED_PARTS)
    )


def _neutral(member: tarfile.TarInfo) -> tarfile.TarInfo:
    member.mtime = 0
    member.uname = member.gname = ""
    member.pax_headers = {}
    return member
