"""A lab from its first boot to its end: the public face of this room."""

from __future__ import annotations

import enum
import subprocess
from collections.abc import Sequence
from pathlib import Path

from kubewright.errors import BadInputError, StepFailedError
from kubewright.lab import _boot, _host, _network, _nodes, _ssh
from kubewright.lab._leftovers import Container, containers, remove_lab
from kubewright.lab._place import Place, lab_root
from kubewright.lab._podman import exec_command
from kubewright.lab.model import LabNode, LabRecord, LabShape, NodeState, NodeStatus, Progress


class UpOutcome(enum.StrEnum):
    """What ``up`` did."""

    BOOTED = "booted"
    STARTED = "started again"
    UNCHANGED = "already up"


class Lab:
    """One lab by name; making the object touches nothing.

    Every method that changes the lab holds its lock and raises LockedError where another holds it, BadInputError for
    what cannot be asked of it, StepFailedError where podman or a node fails, and UnreachableError where a node lets
    nobody log in.

    Args:
        name: 1 to 20 lower-case letters, digits and hyphens.
        root: directory of all labs; by default ``KUBEWRIGHT_LAB_DIR`` or one in the user's state directory.
        progress: told of each stage, a line at a time.

    """

    def __init__(self, name: str = "default", *, root: Path | None = None, progress: Progress = lambda _: None) -> None:
        self._place = Place(name, root or lab_root())
        self._progress = progress

    @property
    def name(self) -> str:
        """The lab's name."""
        return self._place.name

    @property
    def record(self) -> LabRecord:
        """What the lab consists of; BadInputError where there is no such lab."""
        return self._place.load()

    @property
    def nodes(self) -> tuple[LabNode, ...]:
        """The lab's nodes in the order in which they were booted."""
        return self.record.nodes

    @property
    def inventory(self) -> Path:
        """The inventory directory, for ``-i``; BadInputError where there is no finished lab."""
        self._place.load_complete()
        return self._place.inventory

    @property
    def key(self) -> Path:
        """The private key file that logs in to every node."""
        return self._place.key

    @property
    def known_hosts(self) -> Path:
        """The known_hosts file that names every node."""
        return self._place.known_hosts

    def up(
        self,
        control_planes: int = 1,
        workers: int = 1,
        *,
        kubernetes: str | None = None,
        second_network: bool = False,
        addresses: bool = False,
    ) -> UpOutcome:
        """Boot the lab's nodes and write its inventory.

        Of a lab that is there in this shape, nodes that do not run are started and nothing else is done; another
        shape is a BadInputError. What an unfinished ``up`` left is removed first.

        Args:
            control_planes: at least 1.
            workers: 0 or more; with none, the control planes are workers too.
            kubernetes: written as ``kube_version``; by default the inventory leaves that to kubewright.
            second_network: every node has two networks, the default route on the first and ``ip`` on the second.
            addresses: write ``ip`` and ``access_ip`` into the inventory.

        """
        shape = LabShape(control_planes, workers, kubernetes, second_network, addresses)
        shape.check()
        _host.require_tools()
        with self._place.locked():
            if self._place.exists() and (record := self.record).complete:
                return self._up_again(record, shape)
            self._remove_all()
            _boot.boot_lab(self._place, shape, self._progress)
            return UpOutcome.BOOTED

    def _up_again(self, record: LabRecord, shape: LabShape) -> UpOutcome:
        if record.shape != shape:
            raise BadInputError(
                f"lab {self.name}",
                f"it is there with another shape: {record.shape}; asked for: {shape}",
                f"Add nodes by kubewright lab grow {self.name}, or begin anew after kubewright lab down {self.name}",
            )
        found = containers(record.identity)
        stopped = {node: self._container(record, node, found) for node in record.nodes}
        stopped = {node: container for node, container in stopped.items() if not container.alive}
        _boot.start_again(self._place, record, stopped, self._progress)
        return UpOutcome.STARTED if stopped else UpOutcome.UNCHANGED

    def grow(self, workers: int = 0, control_planes: int = 0) -> tuple[LabNode, ...]:
        """Boot more nodes, add them to the inventory and return them."""
        if workers < 0 or control_planes < 0 or workers + control_planes == 0:
            raise BadInputError(f"lab {self.name}", "no node to add", "Use --workers 1, for example")
        _host.require_tools()
        with self._place.locked():
            record = self._place.load_complete()
            grown = _boot.boot_more(
                self._place, record, control_planes=control_planes, workers=workers, progress=self._progress
            )
            return grown.nodes[len(record.nodes) :]

    def stop_node(self, node: str, *, kill: bool = False) -> None:
        """Shut a node down, or end it as a power cut would; nothing where it does not run."""
        with self._place.locked():
            _, container = self._find(node)
            if container.alive:
                _nodes.stop_node(container.name, kill=kill)

    def start_node(self, node: str) -> None:
        """Start a stopped or killed node, with its address and data, and wait for a login; nothing where it runs."""
        with self._place.locked():
            wanted, container = self._find(node)
            if not container.alive:
                _boot.start_again(self._place, self.record, {wanted: container}, self._progress)

    def cut_network(self, node: str) -> None:
        """Cut a running node off from everything, as if its cables were pulled; other nodes are not touched.

        It lasts until :meth:`heal_network` or the node's next start.
        """
        self._set_cable(node, plugged=False)

    def heal_network(self, node: str) -> None:
        """Undo :meth:`cut_network`."""
        self._set_cable(node, plugged=True)

    def _set_cable(self, node: str, *, plugged: bool) -> None:
        with self._place.locked():
            _, container = self._find(node)
            if not container.alive:
                raise BadInputError(
                    f"node {node}", "it does not run", f"Run kubewright lab start-node {self.name} {node}"
                )
            _network.set_cable(container.pid, plugged=plugged)

    def exec(
        self, node: str, *argv: str, stdin: str = "", check: bool = True, timeout: float = 120
    ) -> subprocess.CompletedProcess[str]:
        """Run a command as root within a node, not through ssh.

        Args:
            node: its name.
            argv: the command and its arguments; there is no shell.
            stdin: its standard input.
            check: whether an exit code other than 0 is a StepFailedError.
            timeout: seconds that it may take.

        """
        command = self.exec_command(node, argv, interactive=bool(stdin))
        try:
            done = subprocess.run(command, input=stdin, capture_output=True, text=True, check=False, timeout=timeout)
        except subprocess.TimeoutExpired as error:
            raise StepFailedError(node, f"{argv[0]} did not end within {timeout:.0f} s") from error
        if check and done.returncode != 0:
            raise StepFailedError(node, f"{' '.join(argv)} ended with {done.returncode}: {done.stderr.strip()}")
        return done

    def exec_command(
        self, node: str, argv: Sequence[str], *, interactive: bool = False, terminal: bool = False
    ) -> list[str]:
        """Return the command line that runs ``argv`` as root within a node."""
        record = self.record
        return exec_command(record.container(record.node(node)), argv, interactive=interactive, terminal=terminal)

    def ssh_command(self, node: str, *command: str) -> list[str]:
        """Return the command line that logs in to a node as its ordinary user."""
        return _ssh.ssh_command(self.record.node(node), self.key, self.known_hosts, *command)

    def status(self) -> tuple[NodeStatus, ...]:
        """Return what every node is doing."""
        record = self.record
        found = containers(record.identity)
        return tuple(NodeStatus(node, _state(found.get(record.container(node)))) for node in record.nodes)

    def down(self) -> bool:
        """Remove the lab and everything of it, remains too; return whether there was anything."""
        _host.require_tools()
        with self._place.locked():
            return self._remove_all()

    def _remove_all(self) -> bool:
        found = remove_lab(self._place.identity) or self._place.directory.exists()
        self._place.remove()
        return found

    def _find(self, node: str) -> tuple[LabNode, Container]:
        record = self._place.load_complete()
        wanted = record.node(node)
        return wanted, self._container(record, wanted, containers(record.identity))

    def _container(self, record: LabRecord, node: LabNode, found: dict[str, Container]) -> Container:
        container = found.get(record.container(node))
        if container is None:
            raise BadInputError(f"node {node.name}", "its container is gone", f"Run kubewright lab down {self.name}")
        return container


def _state(container: Container | None) -> NodeState:
    if container is None:
        return NodeState.MISSING
    if container.killed:
        return NodeState.KILLED
    if not container.alive:
        return NodeState.STOPPED
    return NodeState.RUNNING if _network.is_plugged(container.pid) else NodeState.CUT
