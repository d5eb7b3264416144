"""Keys of a lab: the one that logs in, the nodes' own, and the known_hosts file that names them."""

from __future__ import annotations

import subprocess
import time
from pathlib import Path

from kubewright.errors import UnreachableError
from kubewright.lab._image import USER
from kubewright.lab._podman import last_words
from kubewright.lab.model import LabNode

_HOST_KEY = Path("etc/ssh/ssh_host_ed25519_key")


def generate_key(path: Path, comment: str) -> None:
    """Generate an ed25519 key without passphrase at ``path``, mode 0600; an existing one is kept."""
    if path.exists():
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    command = ("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", comment, "-f", str(path))
    subprocess.run(command, check=True, capture_output=True, timeout=30, stdin=subprocess.DEVNULL)


def generate_host_key(root: Path, name: str) -> str:
    """Give the node with this root file system a host key, and return its public half."""
    key = root / _HOST_KEY
    generate_key(key, f"root@{name}")
    return " ".join(key.with_suffix(".pub").read_text().split()[:2])


def ssh_command(node: LabNode, key: Path, hosts: Path, *command: str) -> list[str]:
    """Return the command line that logs in to a node as its ordinary user."""
    options = {
        "BatchMode": "yes",
        "ConnectTimeout": "5",
        "IdentitiesOnly": "yes",
        "StrictHostKeyChecking": "yes",
        "UserKnownHostsFile": str(hosts),
    }
    flags = [flag for name, value in options.items() for flag in ("-o", f"{name}={value}")]
    return ["ssh", "-F", "none", "-i", str(key), *flags, f"{USER}@{node.address}", *command]


def wait_for_login(node: LabNode, key: Path, hosts: Path, deadline: float) -> None:
    """Log in until it works; UnreachableError names what ssh said last.

    Args:
        node: where to.
        key: private key file.
        hosts: known_hosts file; a wrong host key is an error at once.
        deadline: on the monotonic clock, in seconds.

    """
    while True:
        done = subprocess.run(
            ssh_command(node, key, hosts, "true"),
            capture_output=True,
            text=True,
            check=False,
            timeout=30,
            stdin=subprocess.DEVNULL,
        )
        if done.returncode == 0:
            return
        if time.monotonic() > deadline or "verification failed" in done.stderr:
            raise UnreachableError(node.name, f"no login by ssh at {node.address}: {last_words(done.stderr)}")
        time.sleep(0.2)
