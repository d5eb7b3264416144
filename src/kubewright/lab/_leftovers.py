"""What labs leave behind whose processes were killed from outside, found and removed by exact name.

podman learns that a container ended from a file that the container's monitor (conmon) writes. Where the monitor was
killed too, podman goes on listing the container as running or stopping, and can neither start, stop nor remove it.
:func:`settle` writes that file in the monitor's place; from there podman's own clean-up takes the mounts, the network
and the control groups away.
"""

from __future__ import annotations

import dataclasses
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from kubewright.errors import StepFailedError
from kubewright.lab._podman import LABEL, labelled_names, podman, podman_json

_EXITS = Path("/run/libpod/exits")
_KILLED = "137"
_PARALLEL = 4
_LIVE_STATES = ("running", "stopping", "paused")


@dataclasses.dataclass(frozen=True, slots=True)
class Container:
    """A container as podman lists it.

    Attributes:
        pid: of its first process, in this machine's numbers; 0 where it does not run.
        alive: whether that process is really there.

    """

    identifier: str
    name: str
    state: str
    pid: int
    alive: bool

    @property
    def killed(self) -> bool:
        """Whether podman believes that it runs, and it does not."""
        return self.state in _LIVE_STATES and not self.alive


def containers(identity: str) -> dict[str, Container]:
    """Return a lab's containers by name."""
    listed = podman_json("ps", "--all", "--no-trunc", "--filter", f"label={LABEL}={identity}")
    found = (_container(entry) for entry in listed)
    return {container.name: container for container in found}


def _container(entry: dict[str, Any]) -> Container:
    identifier, pid = entry["Id"], int(entry["Pid"])
    return Container(identifier, entry["Names"][0], entry["State"], pid, _is_process_of(pid, identifier))


def _is_process_of(pid: int, identifier: str) -> bool:
    """Tell whether a process exists and is in the container's control group: process ids are used again."""
    try:
        return pid > 0 and identifier in Path(f"/proc/{pid}/cgroup").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False


def settle(container: Container) -> None:
    """Tell podman of the end of a killed container, so that it can be started again or removed.

    Raises:
        StepFailedError: podman still does not see it.

    """
    (_EXITS / container.identifier).write_text(_KILLED)
    podman("container", "cleanup", container.identifier)
    state = podman("inspect", "--format", "{{.State.Status}}", container.identifier)
    if state in _LIVE_STATES:
        raise StepFailedError(
            container.name, f"its processes are gone, and podman still says {state}", "Restart this machine"
        )


def remove_container(name: str) -> None:
    """Remove the container of exactly this name, whatever its state; nothing where there is none."""
    listed = podman_json("ps", "--all", "--no-trunc", "--filter", f"name=^{name}$")
    for container in map(_container, listed):
        if container.killed:
            settle(container)
        podman("rm", "--force", "--time", "0", container.identifier)
        _remove_cgroups(container.identifier)


def remove_volume(name: str) -> None:
    """Remove the volume of exactly this name; nothing where there is none."""
    podman("volume", "rm", "--force", name)


def remove_lab(identity: str) -> bool:
    """Remove every container, volume and network of a lab; return whether there was any."""
    found = containers(identity)
    with ThreadPoolExecutor(max_workers=_PARALLEL) as pool:
        list(pool.map(remove_container, found))
    volumes = labelled_names("volume", identity)
    for volume in volumes:
        remove_volume(volume)
    networks = labelled_names("network", identity)
    for network in networks:
        podman("network", "rm", "--force", network)
    return bool(found or volumes or networks)


def _remove_cgroups(identifier: str, root: Path = Path("/sys/fs/cgroup")) -> None:
    """Remove the control groups that a removed container left, innermost first."""
    for pattern in (f"*/libpod-{identifier}", f"*/*/libpod-{identifier}", f"*/*/libpod-{identifier}.scope"):
        for group in root.glob(pattern):
            for inner in sorted(group.rglob("*/"), reverse=True):
                inner.rmdir()
            group.rmdir()
