"""Who is at work: a process as others can tell whether it still lives, from this machine or from another one."""

from __future__ import annotations

import getpass
import os
import platform
from collections.abc import Mapping
from pathlib import Path

from kubewright.lifetime import process_start

Worker = dict[str, str]
"""``user``, ``host``, ``boot``, ``pid`` and ``started`` of a process."""


def worker(process: int) -> Worker:
    """What tells this process from every other one, on any machine."""
    return {**_whereabouts(), "pid": str(process), "started": process_start(process)}


def _whereabouts() -> Worker:
    """User, machine, and its boot with the process namespace: process ids mean something only there."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        boot += f"/{Path('/proc/self/ns/pid').readlink()}"
    except OSError:  # no Linux: then no worker is ever known to have ended
        boot = ""
    return {"user": _user(), "host": platform.node(), "boot": boot}


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a user without a name, as in some containers
        return f"uid {os.getuid()}"


def is_local(known: Mapping[str, str]) -> bool:
    """Whether it is a process of this user on this machine, so that its end can be seen."""
    here = _whereabouts()
    return bool(here["boot"]) and all(known.get(name) == value for name, value in here.items())


def has_ended(known: Mapping[str, str]) -> bool:
    """Whether a local process has ended; False where that cannot be seen."""
    if not is_local(known) or not known.get("pid", "").isdigit() or not known.get("started"):
        return False
    return process_start(int(known["pid"])) != known["started"]
