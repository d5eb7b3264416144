"""A lab's networks, and the cable of a node."""

from __future__ import annotations

import subprocess
from ipaddress import IPv4Network
from pathlib import Path

from kubewright.errors import StepFailedError
from kubewright.lab._host import free_subnets, taken_networks
from kubewright.lab._podman import LABEL, podman

_INTERFACES = ("eth0", "eth1")
_TRIES = 5


def create_network(name: str, identity: str, *, internal: bool = False) -> IPv4Network:
    """Create a podman network on a free subnet and return the subnet.

    Args:
        name: of the network.
        identity: of the lab, for the label.
        internal: whether it leads nowhere else: no default route.

    Raises:
        StepFailedError: podman failed, or no subnet is free.

    """
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
            return subnet
    raise StepFailedError(f"network {name}", problem, "Remove networks that are no longer used: podman network ls")


def set_cable(pid: int, *, plugged: bool) -> None:
    """Cut or mend a node's network, as a cable is pulled: the node keeps addresses and routes and sees no carrier.

    The host's end of each pair is set down, so nothing within the node is touched.
    """
    for end in _host_ends(pid):
        command = ("ip", "link", "set", "dev", end.name, "up" if plugged else "down")
        done = subprocess.run(command, capture_output=True, text=True, timeout=10, check=False)
        if done.returncode != 0:
            raise StepFailedError(f"interface {end.name}", done.stderr.strip())


def is_plugged(pid: int) -> bool:
    """Tell whether a node's network is whole."""
    return all(int((end / "flags").read_text(), 16) & 1 for end in _host_ends(pid))


def _host_ends(pid: int) -> list[Path]:
    """Return this machine's interfaces (under /sys/class/net) that are the other ends of the node's."""
    inside = Path(f"/proc/{pid}/root/sys/class/net")
    wanted = {(inside / name / "iflink").read_text() for name in _INTERFACES if (inside / name).exists()}
    return [
        interface for interface in Path("/sys/class/net").iterdir() if (interface / "ifindex").read_text() in wanted
    ]
