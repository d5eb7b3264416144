"""What labs leave behind whose processes were killed from outside, found and removed by exact name.

podman learns that a container ended from a file that the container's monitor (conmon) writes. Where the monitor was
killed too, podman goes on listing the container as running or stopping, and can neither start, stop nor remove it.
:func:`settle` writes that file in the monitor's place; from there podman's own clean-up takes the mounts, the network
and the control groups away.
"""

from __future__ import annotations

import dataclasses
import re
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any

from kubewright.errors import StepFailedError
from kubewright.lab._network import remove_network
from kubewright.lab._podman import labelled_names, podman, podman_json

_EXITS = Path("/run/libpod/exits")
_KILLED = "137"
_NODE_SUFFIX = "-(cp|w)[0-9]+"
_PARALLEL = 4
_REMAINS_SECONDS = 15.0
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
    """Return a lab's containers by name, those too that podman knows only from its storage."""
    found = map(_container, podman_json("ps", "--all", "--external", "--no-trunc"))
    ours = re.compile(re.escape(identity) + _NODE_SUFFIX)
    return {container.name: container for container in found if ours.fullmatch(container.name)}


def _container(entry: dict[str, Any]) -> Container:
    identifier, pid = entry["Id"], int(entry["Pid"])
    return Container(identifier, (entry["Names"] or [""])[0], entry["State"], pid, _is_process_of(pid, identifier))


def _is_process_of(pid: int, identifier: str) -> bool:
    """Tell whether a process lives and is in the container's control group: process ids are used again."""
    if pid == 0:
        return False
    process = Path(f"/proc/{pid}")
    try:
        (process / "root").readlink()  # one that is ending has none any more
        return identifier in (process / "cgroup").read_text()
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
        with suppress(StepFailedError):  # a start that was killed half-way left mounts: gone below, or it fails there
            podman("rm", "--force", "--time", "0", container.identifier)
        _end_remains(container.identifier)
    # What was killed half-way through creation or removal has the name in podman's storage alone.
    podman("rm", "--force", "--ignore", "--time", "0", name)


def remove_volume(name: str) -> None:
    """Remove the volume of exactly this name; nothing where there is none."""
    podman("volume", "rm", "--force", name)


def remove_lab(identity: str) -> bool:
    """Remove every container, volume and network of a lab; return whether there was any."""
    _wait_for_orphans(identity)
    found = containers(identity)
    with ThreadPoolExecutor(max_workers=_PARALLEL) as pool:
        list(pool.map(remove_container, found))
    volumes = labelled_names("volume", identity)
    for volume in volumes:
        remove_volume(volume)
    networks = labelled_names("network", identity)
    for network in networks:
        remove_network(network)
    return bool(found or volumes or networks)


def _end_remains(identifier: str) -> None:
    """End what is left of a removed container: a start that was killed half-way leaves a waiting process and groups.

    Raises:
        StepFailedError: something of it would not go within the deadline.

    """
    deadline = time.monotonic() + _REMAINS_SECONDS
    if cgroups(identifier):
        subprocess.run(("runc", "delete", "--force", identifier), capture_output=True, timeout=60, check=False)
    while left := cgroups(identifier):
        try:
            for group in left:
                remove_cgroup(group)
        except OSError as error:  # busy as long as a process is ending there
            if time.monotonic() > deadline:
                raise StepFailedError(str(error.filename), f"it cannot be removed: {error.strerror}") from error
            time.sleep(0.1)


def _wait_for_orphans(identity: str) -> None:
    """Wait until podman commands have ended that a killed lab command had started and that go on without it."""
    deadline = time.monotonic() + _REMAINS_SECONDS
    while left := orphans(identity):
        if time.monotonic() > deadline:
            raise StepFailedError(identity, f"podman is still at work on it, process {left[0]}", "Try again later")
        time.sleep(0.1)


def orphans(identity: str, proc: Path = Path("/proc")) -> list[int]:
    """Return the ids of podman's processes that change something of this lab."""
    ours = re.compile(rf"(--name=)?{re.escape(identity)}({_NODE_SUFFIX}(-containerd)?|-[0-9a-f]{{4}})?")
    found = []
    for process in proc.glob("[0-9]*"):
        with suppress(FileNotFoundError, ProcessLookupError):
            command, *arguments = (process / "cmdline").read_bytes().decode(errors="replace").split("\0")
            changes = Path(command).name == "podman" and "exec" not in arguments
            if changes and any(map(ours.fullmatch, arguments)):
                found.append(int(process.name))
    return found


def cgroups(identifier: str, root: Path = Path("/sys/fs/cgroup")) -> list[Path]:
    """Return the control groups of the container with this identifier, one for each hierarchy."""
    name = f"libpod-{identifier}"
    return [group for pattern in (f"*/{name}", f"*/*/{name}", f"*/*/{name}.scope") for group in root.glob(pattern)]


def remove_cgroup(group: Path) -> None:
    """Remove a control group and those within it, innermost first; one that goes by itself meanwhile is well."""
    for path in (*sorted((path for path in group.rglob("*") if path.is_dir()), reverse=True), group):
        with suppress(FileNotFoundError):
            path.rmdir()
