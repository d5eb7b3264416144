"""A lab as the flows use it: kubewright's verbs by the command line, and commands run in the nodes themselves."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from typing import Any

from kubewright.lab import Lab, LabNode, Role
from tests.lab.support.commands import Result, run

DEPLOY_SECONDS = 900.0


class TestLab:
    """A lab that is up.

    Attributes:
        history: what kubewright was told to do on this lab and said, for the evidence of a failure.

    """

    __test__ = False

    def __init__(self, lab: Lab) -> None:
        self._lab = lab
        self.history: list[Result] = []
        self.inventory = lab.inventory

    @property
    def name(self) -> str:
        """The lab's name."""
        return self._lab.name

    @property
    def nodes(self) -> dict[str, LabNode]:
        """The nodes by name, in the order in which they were booted."""
        return {node.name: node for node in self._lab.nodes}

    @property
    def control_planes(self) -> list[str]:
        """Names of the control planes."""
        return [node.name for node in self._lab.nodes if node.role is Role.CONTROL_PLANE]

    @property
    def workers(self) -> list[str]:
        """Names of the workers."""
        return [node.name for node in self._lab.nodes if node.role is Role.WORKER]

    def kubewright(self, verb: str, *arguments: str, timeout: float = DEPLOY_SECONDS) -> Result:
        """Run a verb of kubewright on the lab's inventory; the exit code is the caller's to judge."""
        return self.note(run(("kubewright", verb, "-i", str(self.inventory), *arguments), timeout=timeout))

    def note(self, result: Result) -> Result:
        """Remember what a command said, for the evidence of a failure, and return it."""
        self.history.append(result)
        return result

    def execute(self, node: str, *command: str, timeout: float = 60.0, stdin: str = "") -> Result:
        """Run a command in a node, not over SSH: nothing of the product takes part. The caller judges the exit code."""
        return run(self._lab.exec_command(node, command, interactive=True), timeout=timeout, stdin=stdin)

    def read(self, node: str, *command: str, timeout: float = 60.0) -> str:
        """Run a command in a node that must succeed and return its standard output."""
        return self.execute(node, *command, timeout=timeout).check().stdout

    def python(self, node: str, source: str, *arguments: str, timeout: float = 60.0) -> Any:
        """Run Python in a node that prints JSON, and return the value."""
        done = self.execute(node, "python3", "-", *arguments, stdin=source, timeout=timeout).check()
        return json.loads(done.stdout)

    def grow(self, *, control_planes: int = 0, workers: int = 0) -> list[str]:
        """Boot more nodes, add them to the inventory and return their names."""
        return [node.name for node in self._lab.grow(workers=workers, control_planes=control_planes)]

    def stop(self, node: str, *, kill: bool = False) -> None:
        """Shut a node down, or end it as a power cut would."""
        self._lab.stop_node(node, kill=kill)

    def start(self, node: str) -> None:
        """Start a node again and wait until systemd has booted it."""
        self._lab.start_node(node)

    def cut_network(self, node: str) -> None:
        """Pull a node's cables: what was connected is not told."""
        self._lab.cut_network(node)

    def heal_network(self, node: str) -> None:
        """Plug them in again."""
        self._lab.heal_network(node)

    def evidence(self, last: int = 3) -> str:
        """What is worth reading after a failure: kubewright's last output, then the ends of the nodes' journals."""
        parts = [str(result) for result in self.history[-last:]]
        for node in self.nodes:
            for unit in ("kubelet", "containerd"):
                journal = self.execute(node, "journalctl", "-u", unit, "-n", "25", "--no-pager", "-o", "cat")
                parts.append(f"--- {node}: {unit}\n{journal.output}")
        return "\n".join(parts)


@contextlib.contextmanager
def lab_up(
    name: str,
    *,
    control_planes: int,
    workers: int,
    kubernetes: str,
    second_network: bool = False,
    keep: bool = False,
) -> Iterator[TestLab]:
    """Boot a lab from nothing and take it down at the end.

    Args:
        name: a lab of this name that is there is taken down first.
        control_planes: number.
        workers: number.
        kubernetes: version that the inventory asks for.
        second_network: see :meth:`kubewright.lab.Lab.up`.
        keep: leave it up at the end, to look at it.

    """
    lab = Lab(name, progress=lambda line: print(f"lab {name}: {line}", flush=True))
    lab.down()
    try:
        lab.up(control_planes, workers, kubernetes=kubernetes, second_network=second_network)
        yield TestLab(lab)
    finally:
        if not keep:
            lab.down()


@contextlib.contextmanager
def stopped(lab: TestLab, *nodes: str) -> Iterator[None]:
    """Have nodes stopped for a while."""
    for node in nodes:
        lab.stop(node)
    try:
        yield
    finally:
        for node in nodes:
            lab.start(node)
