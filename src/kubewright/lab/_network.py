"""A lab's networks, and the cable of a node."""

from __future__ import annotations

import json
import secrets
import subprocess
from pathlib import Path
from typing import Any

from kubewright.errors import StepFailedError
from kubewright.lab._host import free_subnets, taken_networks
from kubewright.lab._podman import LABEL, podman, podman_json
from kubewright.lab.model import LabNetwork

_INTERFACES = ("eth0", "eth1")
_INTERFACES_HERE = Path("/sys/class/net")
_TRIES = 5


def create_network(identity: str, *, internal: bool = False) -> LabNetwork:
    """Create a podman network on a free subnet.

    Its name is new each time: podman keeps the addresses given out by network name, and where it was killed while a
    container started, it would refuse that address for ever in a network that has the name again.

    Args:
        identity: of the lab, the beginning of the name and the value of the label.
        internal: whether it leads nowhere else: no default route.

    Raises:
        StepFailedError: podman failed, or no subnet is free.

    """
    name = f"{identity}-{secrets.token_hex(2)}"
    flags = ["--disable-dns", "--label", f"{LABEL}={identity}", *(["--internal"] if internal else [])]
    problem = "every subnet that a lab may use is taken"
    for subnet, _ in zip(free_subnets(taken_networks()), range(_TRIES), strict=False):
        try:
            podman("network", "create", *flags, "--subnet", str(subnet), name)
        except StepFailedError as error:
            if "already used" not in error.cause:
                raise
            problem = error.cause  # another lab took it between the look and the leap
        else:
            return LabNetwork(name, subnet)
    raise StepFailedError(f"network {name}", problem, "Remove networks that are no longer used: podman network ls")


def remove_network(name: str) -> None:
    """Remove a podman network that no container uses, and what starts that were killed half-way left on its bridge."""
    (network,) = podman_json("network", "inspect", name)
    bridge = network["network_interface"]
    if (_INTERFACES_HERE / bridge).exists():
        spaces = {entry["nsid"]: entry["name"] for entry in _ip("netns", "list-id") if "name" in entry}
        for port in _ip("link", "show", "master", bridge):
            _ip("link", "delete", "dev", port["ifname"])
            if (space := spaces.get(port.get("link_netnsid"))) is not None:
                _ip("netns", "delete", space)
        _ip("link", "delete", "dev", bridge)
    podman("network", "rm", name)


def set_cable(pid: int, *, plugged: bool) -> None:
    """Cut or mend a node's network, as a cable is pulled: the node keeps addresses and routes and sees no carrier.

    The host's end of each pair is set down, so nothing within the node is touched.
    """
    for end in _host_ends(pid):
        _ip("link", "set", "dev", end.name, "up" if plugged else "down")


def is_plugged(pid: int) -> bool:
    """Tell whether a node's network is whole."""
    return all(int((end / "flags").read_text(), 16) & 1 for end in _host_ends(pid))


def _host_ends(pid: int) -> list[Path]:
    """Return this machine's interfaces (under /sys/class/net) that are the other ends of the node's."""
    inside = Path(f"/proc/{pid}/root/sys/class/net")
    wanted = {(inside / name / "iflink").read_text() for name in _INTERFACES if (inside / name).exists()}
    return [end for end in _INTERFACES_HERE.iterdir() if (end / "ifindex").read_text() in wanted]


def _ip(*arguments: str) -> list[dict[str, Any]]:
    """Run the command ``ip`` and return its answer; StepFailedError where it fails."""
    done = subprocess.run(("ip", "-j", *arguments), capture_output=True, text=True, timeout=10, check=False)
    if done.returncode != 0:
        raise StepFailedError(f"ip {' '.join(arguments)}", done.stderr.strip())
    answer: list[dict[str, Any]] = json.loads(done.stdout or "[]")
    return answer
