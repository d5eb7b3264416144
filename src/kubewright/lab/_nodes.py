"""One node's life: made, prepared as an installer would leave it, started, stopped, removed."""

from __future__ import annotations

import dataclasses
import os
import subprocess
import time
import uuid
from ipaddress import IPv4Address
from pathlib import Path

from kubewright.errors import StepFailedError
from kubewright.lab import _host
from kubewright.lab._image import USER
from kubewright.lab._leftovers import remove_container, remove_volume
from kubewright.lab._podman import LABEL, exec_command, last_words, podman
from kubewright.lab._ssh import generate_host_key
from kubewright.lab.model import LabNode, LabRecord

_BOOT_SECONDS = 60.0
_STOP_SECONDS = 10
_MAC_PREFIX = "02:6b"
"""Of our own choice: the second bit says locally administered."""
_BOOTED = ("running", "degraded")


@dataclasses.dataclass(frozen=True, slots=True)
class Login:
    """Who may log in to a node.

    Attributes:
        public_key: authorized for the ordinary user.
        sudo_password: what that user has to give to sudo; None where sudo asks for none.

    """

    public_key: str
    sudo_password: str | None = None


def create_node(record: LabRecord, node: LabNode, login: Login) -> str:
    """Make a node's container without starting it, and return its host key's public half.

    Remains of an earlier container of the same name are removed first.
    """
    container = record.container(node)
    remove_container(container)
    remove_volume(f"{container}-containerd")
    podman("volume", "create", "--label", f"{LABEL}={record.identity}", f"{container}-containerd")
    podman("create", *_create_flags(record, node), record.image, "/sbin/init")
    root = Path(podman("mount", container))
    try:
        _prepare(root, node, login)
        return generate_host_key(root, node.name)
    finally:
        podman("umount", container)


def _create_flags(record: LabRecord, node: LabNode) -> list[str]:
    """Return the flags that make a container a node, the same for both cgroup modes.

    ``--systemd=false`` with a private cgroup namespace gives each node its own hierarchy. ``--systemd=always`` must not
    be used: under cgroup v1 it mounts this machine's own systemd hierarchy into every node, and one node's boot or end
    destroys the groups of another.
    """
    container = record.container(node)
    addresses = (node.address, node.second_address)
    networks = [
        f"--network={network.name}:ip={address},mac={hardware_address(address)},interface_name=eth{index}"
        for index, (network, address) in enumerate(zip(record.networks, addresses, strict=False))
        if address is not None
    ]
    return [
        f"--name={container}",
        f"--hostname={node.name}",
        f"--label={LABEL}={record.identity}",
        "--privileged",
        "--cgroupns=private",
        "--systemd=false",
        "--stop-signal=SIGRTMIN+3",
        "--env=container=podman",
        *_host.limit_flags(),
        *networks,
        # Bind mounts over these files would make replacing them by a rename fail, which works on a machine.
        "--no-hosts",
        "--dns=none",
        "--tmpfs=/run",
        "--tmpfs=/run/lock",
        "--tmpfs=/tmp",
        # overlayfs on overlayfs does not work, so the engine's directory lies on the disk itself.
        f"--volume={container}-containerd:/var/lib/containerd",
    ]


def hardware_address(address: IPv4Address) -> str:
    """Return the MAC address of the interface that has this IP address.

    As on a machine it stays over a restart; else others would go on sending to the old one for half a minute.
    """
    return f"{_MAC_PREFIX}:{address.packed.hex(':')}"


def _prepare(root: Path, node: LabNode, login: Login) -> None:
    """Write what tells one node from another."""
    _write_public(root / "etc/hostname", f"{node.name}\n")
    _write_public(root / "etc/machine-id", f"{uuid.uuid4().hex}\n")
    _write_public(
        root / "etc/hosts",
        f"127.0.0.1\tlocalhost\n127.0.1.1\t{node.name}\n\n::1\tlocalhost ip6-localhost ip6-loopback\n",
    )
    _write_public(root / "etc/resolv.conf", "".join(f"nameserver {server}\n" for server in _host.nameservers()))
    ssh = root / "home" / USER / ".ssh"
    ssh.mkdir(mode=0o700)
    (ssh / "authorized_keys").write_text(f"{login.public_key}\n")
    _own(root, ssh, ssh / "authorized_keys")
    rights = "ALL=(ALL:ALL) ALL" if login.sudo_password else "ALL=(ALL:ALL) NOPASSWD: ALL"
    sudoers = root / "etc/sudoers.d" / USER
    sudoers.write_text(f"{USER} {rights}\n")
    sudoers.chmod(0o440)
    if login.sudo_password:
        _set_password(root / "etc/shadow", login.sudo_password)


def _write_public(path: Path, text: str) -> None:
    path.write_text(text)
    path.chmod(0o644)


def _own(root: Path, *paths: Path) -> None:
    """Give files to the node's user, whose ids are those of its home directory."""
    home = (root / "home" / USER).stat()
    for path in paths:
        os.chown(path, home.st_uid, home.st_gid)


def _set_password(shadow: Path, password: str) -> None:
    hashed = subprocess.run(
        ("openssl", "passwd", "-6", "-stdin"), input=password, capture_output=True, text=True, check=True, timeout=10
    ).stdout.strip()
    lines = [line.split(":") for line in shadow.read_text().splitlines()]
    shadow.write_text("".join(":".join([e[0], hashed, *e[2:]] if e[0] == USER else e) + "\n" for e in lines))


def start_node(container: str) -> None:
    """Start a node and wait until systemd has booted it.

    Raises:
        StepFailedError: it did not boot within a minute; with the end of its console.

    """
    podman("start", container)
    deadline = time.monotonic() + _BOOT_SECONDS
    state = ""
    while time.monotonic() < deadline:
        state = _system_state(container)
        if state in _BOOTED:
            return
        time.sleep(0.1)
    console = last_words(podman("logs", "--tail", "5", container), lines=5)
    raise StepFailedError(
        container, f"not booted within {_BOOT_SECONDS:.0f} s: systemd says {state or 'nothing'}; console: {console}"
    )


def _system_state(container: str) -> str:
    """Ask systemd in a node for its state, waiting for the end of the boot once it can be asked."""
    command = exec_command(container, ("systemctl", "is-system-running", "--wait"))
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, check=False, timeout=_BOOT_SECONDS, stdin=subprocess.DEVNULL
        )
    except subprocess.TimeoutExpired:
        return "starting"
    return done.stdout.strip()


def stop_node(container: str, *, kill: bool = False) -> None:
    """Shut a node down, or (``kill``) end it as a power cut would."""
    if kill:
        podman("kill", "--signal", "KILL", container)
        podman("wait", "--condition", "stopped", container, timeout=30)
    else:
        podman("stop", "--time", str(_STOP_SECONDS), container)
