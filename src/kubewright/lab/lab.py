"""A lab from its first boot to its end: the public face of this room."""

from __future__ import annotations

import dataclasses
import enum
import fcntl
import hashlib
import os
import secrets
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

import platformdirs

from kubewright.errors import BadInputError, LockedError, StepFailedError
from kubewright.lab import _host, _inventory, _network, _nodes, _ssh
from kubewright.lab._image import Progress, ensure_image
from kubewright.lab._leftovers import Container, containers, remove_lab, settle
from kubewright.lab._podman import exec_command
from kubewright.lab.model import (
    LabNode,
    LabRecord,
    LabShape,
    NodeState,
    NodeStatus,
    check_lab_name,
    count,
)

_I = TypeVar("_I")
_T = TypeVar("_T")
_LOGIN_SECONDS = 30.0
_PARALLEL = 8


class UpOutcome(enum.StrEnum):
    """What ``up`` did."""

    BOOTED = "booted"
    STARTED = "started again"
    UNCHANGED = "already up"


def lab_root() -> Path:
    """Return the directory that holds this user's labs: ``KUBEWRIGHT_LAB_DIR``, else in the user's state directory."""
    given = os.environ.get("KUBEWRIGHT_LAB_DIR")
    return Path(given).absolute() if given else platformdirs.user_state_path("kubewright") / "labs"


def lab_names(root: Path | None = None) -> list[str]:
    """Return the names of this checkout's labs, sorted."""
    root = root or lab_root()
    prefix = f"{_checkout(root)}-"
    return sorted(path.parent.name.removeprefix(prefix) for path in root.glob(f"{prefix}*/lab.json"))


def _checkout(root: Path) -> str:
    """Return six letters for this copy of the program and this place of its labs: two of them do not meet."""
    copy = Path(__file__).resolve().parent
    return hashlib.sha256(f"{copy}\n{root.resolve()}".encode()).hexdigest()[:6]


class Lab:
    """One lab by name; making the object touches nothing.

    Every method that changes the lab holds its lock and raises LockedError where another holds it, BadInputError for what
    cannot be asked of it, StepFailedError where podman or a node fails, and UnreachableError where a node lets nobody in.

    Args:
        name: 1 to 20 lower-case letters, digits and hyphens.
        root: directory of all labs; by default as :func:`lab_root` says.
        progress: told of each stage, a line at a time.

    """

    def __init__(self, name: str = "default", *, root: Path | None = None, progress: Progress = lambda _: None) -> None:
        self.name = check_lab_name(name)
        self._root = root or lab_root()
        identifier = f"{_checkout(self._root)}-{name}"
        self._identity = f"kubewright-{identifier}"
        self._directory = self._root / identifier
        self._progress = progress

    @property
    def inventory(self) -> Path:
        """The inventory directory, for ``-i``; BadInputError where there is no such lab."""
        _ = self.record
        return self._directory / "inventory"

    @property
    def key(self) -> Path:
        """The private key file that logs in to every node."""
        return self._directory / "id_ed25519"

    @property
    def known_hosts(self) -> Path:
        """The known_hosts file that names every node."""
        return self._directory / "known_hosts"

    @property
    def record(self) -> LabRecord:
        """What the lab consists of; BadInputError where there is no such lab."""
        path = self._directory / "lab.json"
        if not path.exists():
            raise BadInputError(f"lab {self.name}", "there is no such lab", f"Make it: kubewright lab up {self.name}")
        return LabRecord.from_json(path.read_text(), path)

    @property
    def nodes(self) -> tuple[LabNode, ...]:
        """The lab's nodes in the order in which they were booted."""
        return self.record.nodes

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

        Of a lab that is there in this shape, nodes that do not run are started and nothing else is done; another shape is
        a BadInputError. What an unfinished ``up`` left is removed first.

        Args:
            control_planes: at least 1.
            workers: 0 or more; with none, the control planes are workers too.
            kubernetes: written as ``kube_version``; by default the inventory leaves that to kubewright.
            second_network: every node has two networks, the default route on the first and ``ip`` on the second.
            addresses: write ``ip`` and ``access_ip`` into the inventory.

        """
        shape = LabShape(control_planes, workers, kubernetes, second_network, addresses)
        _host.require_tools()
        with self._locked():
            if (self._directory / "lab.json").exists() and (record := self.record).complete:
                return self._up_again(record, shape)
            self._remove_remains()
            self._boot_all(shape)
            return UpOutcome.BOOTED

    def grow(self, workers: int = 0, control_planes: int = 0) -> tuple[LabNode, ...]:
        """Boot more nodes, add them to the inventory and return them."""
        if workers < 0 or control_planes < 0 or workers + control_planes == 0:
            raise BadInputError(f"lab {self.name}", "no node to add", "Use --workers 1, for example")
        _host.require_tools()
        with self._locked():
            record = self._complete_record()
            added = record.planned(control_planes=control_planes, workers=workers)
            grown = dataclasses.replace(record, nodes=(*record.nodes, *added))
            _ = grown.shape  # checks the bounds
            _host.require_disk(len(added))
            self._boot(grown, added)
            hosts = self.inventory / "hosts.ini"
            _write(hosts, _inventory.add_hosts(hosts.read_text(), added, addresses=record.addresses))
            self._save(grown)
            return added

    def stop_node(self, node: str, *, kill: bool = False) -> None:
        """Shut a node down, or end it as a power cut would; nothing where it does not run."""
        with self._locked():
            status = self._status_of(node)
            if status.state in (NodeState.RUNNING, NodeState.CUT):
                _nodes.stop_node(self.record.container(status.node), kill=kill)

    def start_node(self, node: str) -> None:
        """Start a stopped or killed node, with its address and data, and wait for a login; a cut is healed."""
        with self._locked():
            status = self._status_of(node)
            if status.state is NodeState.RUNNING:
                return
            self._start(self.record, status)

    def cut_network(self, node: str) -> None:
        """Cut a running node off from everything, as if its cables were pulled; other nodes are not touched."""
        self._set_cable(node, plugged=False)

    def heal_network(self, node: str) -> None:
        """Undo :meth:`cut_network`."""
        self._set_cable(node, plugged=True)

    def exec(
        self,
        node: str,
        *argv: str,
        stdin: str | None = None,
        check: bool = True,
        timeout: float = 120,
    ) -> subprocess.CompletedProcess[str]:
        """Run a command as root within a node, not through ssh.

        Args:
            node: its name.
            argv: the command and its arguments; there is no shell.
            stdin: its standard input.
            check: whether an exit code other than 0 is a StepFailedError.
            timeout: seconds that it may take.

        """
        command = self.exec_command(node, argv, interactive=stdin is not None)
        try:
            done = subprocess.run(
                command, input=stdin or "", capture_output=True, text=True, check=False, timeout=timeout
            )
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
        """Remove the lab and everything of it, remains too; return whether there was a record of it."""
        _host.require_tools()
        with self._locked():
            known = self._directory.exists()
            self._remove_remains()
            return known

    def _up_again(self, record: LabRecord, shape: LabShape) -> UpOutcome:
        if record.shape != shape:
            raise BadInputError(
                f"lab {self.name}",
                f"it is there with another shape: {record.shape}; asked for: {shape}",
                f"Add nodes by kubewright lab grow {self.name}, or begin anew after kubewright lab down {self.name}",
            )
        down = [status for status in self.status() if status.state not in (NodeState.RUNNING, NodeState.CUT)]
        if missing := [status.node.name for status in down if status.state is NodeState.MISSING]:
            raise BadInputError(
                f"lab {self.name}", f"containers are gone: {', '.join(missing)}", f"Run kubewright lab down {self.name}"
            )
        self._each(lambda status: self._start(record, status), down)
        return UpOutcome.STARTED if down else UpOutcome.UNCHANGED

    def _boot_all(self, shape: LabShape) -> None:
        _host.require_disk(shape.control_planes + shape.workers)
        image = ensure_image(self._root, self._progress)
        self._directory.mkdir(parents=True, mode=0o700)
        second = f"{self._identity}-second"
        subnet = _network.create_network(self._identity, self._identity)
        record = LabRecord(
            name=self.name,
            identity=self._identity,
            image=image,
            subnet=subnet,
            second_subnet=_network.create_network(second, self._identity, internal=True)
            if shape.second_network
            else None,
            kubernetes=shape.kubernetes,
            addresses=shape.addresses,
            complete=False,
            nodes=(),
        )
        self._save(record)
        planned = list(record.planned(control_planes=shape.control_planes, workers=shape.workers))
        planned[-1] = dataclasses.replace(planned[-1], sudo_password=True)
        record = dataclasses.replace(record, nodes=tuple(planned))
        _ssh.generate_key(self.key, f"lab {self.name}")
        self._boot(record, record.nodes)
        self._write_inventory(record)
        self._save(dataclasses.replace(record, complete=True))

    def _boot(self, record: LabRecord, nodes: tuple[LabNode, ...]) -> None:
        """Make and start nodes, in parallel, and wait until each lets us log in."""
        self._progress(f"booting {count(len(nodes), 'node')}: {', '.join(node.name for node in nodes)}")
        keys = self._each(lambda node: _nodes.create_node(record, node, self._login(node)), nodes)
        old = self.known_hosts.read_text() if self.known_hosts.exists() else ""
        _write(self.known_hosts, old + _ssh.known_hosts(zip(nodes, keys, strict=True)))
        self._each(lambda node: self._start_container(record, node), nodes)

    def _login(self, node: LabNode) -> _nodes.Login:
        public = self.key.with_suffix(".pub").read_text().strip()
        if not node.sudo_password:
            return _nodes.Login(public)
        password = secrets.token_urlsafe(12)
        _write(self._directory / "inventory" / "host_vars" / f"{node.name}.yml", _inventory.host_vars(password))
        return _nodes.Login(public, password)

    def _start(self, record: LabRecord, status: NodeStatus) -> None:
        container = containers(record.identity).get(record.container(status.node))
        if container is None:
            raise BadInputError(
                f"node {status.node.name}", "its container is gone", f"Run kubewright lab down {self.name}"
            )
        if container.killed:
            self._progress(f"{status.node.name} was killed from outside")
            settle(container)
        if status.state is NodeState.CUT:
            _network.set_cable(container.pid, plugged=True)
        self._start_container(record, status.node)

    def _start_container(self, record: LabRecord, node: LabNode) -> None:
        _nodes.start_node(record.container(node))
        _ssh.wait_for_login(node, self.key, self.known_hosts, time.monotonic() + _LOGIN_SECONDS)
        self._progress(f"{node.name} is up at {node.address}")

    def _write_inventory(self, record: LabRecord) -> None:
        directory = self._directory / "inventory"
        hosts = _inventory.add_hosts("", record.nodes, addresses=record.addresses)
        _write(directory / "hosts.ini", _inventory.fill_empty_workers(hosts, record.nodes))
        variables = _inventory.group_vars(record, self.key, self.known_hosts, _host.cgroup_mode())
        _write(directory / "group_vars" / "all.yml", variables)

    def _complete_record(self) -> LabRecord:
        record = self.record
        if not record.complete:
            raise BadInputError(
                f"lab {self.name}", "its first boot did not finish", f"Run kubewright lab up {self.name} again"
            )
        return record

    def _status_of(self, node: str) -> NodeStatus:
        wanted = self.record.node(node)
        return next(status for status in self.status() if status.node == wanted)

    def _set_cable(self, node: str, *, plugged: bool) -> None:
        with self._locked():
            status = self._status_of(node)
            if status.state not in (NodeState.RUNNING, NodeState.CUT):
                raise BadInputError(
                    f"node {node}", f"it is {status.state}", f"Run kubewright lab start-node {self.name} {node}"
                )
            record = self.record
            _network.set_cable(containers(record.identity)[record.container(status.node)].pid, plugged=plugged)

    def _remove_remains(self) -> None:
        remove_lab(self._identity)
        if self._directory.exists():
            shutil.rmtree(self._directory)

    def _save(self, record: LabRecord) -> None:
        _write(self._directory / "lab.json", record.to_json())

    def _each(self, work: Callable[[_I], _T], items: Sequence[_I]) -> list[_T]:
        """Do the work for all items in parallel; the first error is raised when all have ended."""
        with ThreadPoolExecutor(max_workers=_PARALLEL) as pool:
            return list(pool.map(work, items))

    @contextmanager
    def _locked(self) -> Iterator[None]:
        self._root.mkdir(parents=True, exist_ok=True, mode=0o700)
        with (self._root / f".{self._directory.name}.lock").open("w") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                raise LockedError(f"lab {self.name}", "another command is changing it", "Wait for its end") from error
            yield


def _state(container: Container | None) -> NodeState:
    if container is None:
        return NodeState.MISSING
    if container.killed:
        return NodeState.KILLED
    if not container.alive:
        return NodeState.STOPPED
    return NodeState.RUNNING if _network.is_plugged(container.pid) else NodeState.CUT


def _write(path: Path, text: str) -> None:
    """Write a file of the lab at once or not at all, for its user alone."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    draft = path.with_name(f".{path.name}.draft")
    draft.touch(mode=0o600)
    draft.write_text(text)
    draft.replace(path)
