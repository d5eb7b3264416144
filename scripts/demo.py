"""Show kubewright at work: boot nodes, deploy a cluster on them, add a worker, and leave it running.

Only the ``kubewright`` command is used, as anybody would use it. ``make demo`` runs this; running it again starts anew.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
from dataclasses import dataclass

_WIDTH = 72


@dataclass(frozen=True)
class Step:
    """A step of the demo: what it is, its command, and about how many seconds it takes once artifacts are there."""

    title: str
    command: tuple[str, ...]
    seconds: int


def steps(name: str) -> tuple[Step, ...]:
    """The steps up to the cluster's first use; the inventory is asked for once the lab is there."""
    return (
        Step("Take down what an earlier demo left", ("kubewright", "lab", "down", name), 5),
        Step("Get Kubernetes' binaries and images ready", ("kubewright", "artifacts", "build"), 5),
        Step("Boot one control plane and one worker", ("kubewright", "lab", "up", name, "--workers", "1"), 15),
    )


def steps_with(name: str, inventory: str) -> tuple[Step, ...]:
    """The steps that need the inventory."""
    return (
        Step("Deploy the cluster", ("kubewright", "deploy", "-i", inventory, "--yes"), 90),
        Step("Boot another node", ("kubewright", "lab", "grow", name, "--workers", "1"), 10),
        Step("Add it as a worker", ("kubewright", "scale", "-i", inventory, "--limit", "w2", "--yes"), 45),
        Step("Check every node", ("kubewright", "check", "-i", inventory), 10),
        Step("Nodes", _kubectl(inventory, "get", "nodes", "-o", "wide"), 3),
        Step("Pods", _kubectl(inventory, "get", "pods", "-A", "-o", "wide"), 3),
    )


def _kubectl(inventory: str, *arguments: str) -> tuple[str, ...]:
    return ("kubewright", "kubectl", "-i", inventory, "--", *arguments)


def carry_out(step: Step, times: list[tuple[str, float]]) -> None:
    """Run a step and note its time; the demo ends with the step's own exit code where it fails."""
    print(f"\n{step.title} (about {step.seconds} s)\n$ {' '.join(step.command)}", flush=True)
    started = time.monotonic()
    status = subprocess.run(step.command, check=False).returncode
    if status != 0:
        print(f"\nThe demo ended here: exit code {status}. What it means: docs/exit-codes.md", file=sys.stderr)
        sys.exit(status)
    times.append((step.title, time.monotonic() - started))


def show_how_to_go_on(name: str, inventory: str, times: list[tuple[str, float]]) -> None:
    """Print the time of each step and commands to try."""
    print(f"\n{'-' * _WIDTH}\nTime of each step")
    for title, seconds in times:
        print(f"  {title:<50} {seconds:7.1f} s")
    print(f"  {'all':<50} {sum(seconds for _, seconds in times):7.1f} s")
    variable = f"INV={inventory}"
    print(f"""
The cluster is up. Try, from here:

  . scripts/env.sh; {variable}
  kubewright status -i $INV                            # nodes, etcd, certificates
  kubewright kubectl -i $INV -- get pods -A            # kubectl on a control plane
  kubewright deploy -i $INV                            # again: nothing to do
  kubewright lab stop-node {name} w1                     # lose a worker ...
  kubewright lab grow {name} --workers 1                 # ... and add another all the same
  kubewright scale -i $INV --limit w3
  kubewright lab down {name}                             # the end
""")


def main() -> None:
    """Run the demo."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--name", default="demo", help="name of the lab")
    name = parser.parse_args().name
    times: list[tuple[str, float]] = []
    for step in steps(name):
        carry_out(step, times)
    asked = subprocess.run(("kubewright", "lab", "path", name), check=True, stdout=subprocess.PIPE, text=True)
    inventory = asked.stdout.strip()
    for step in steps_with(name, inventory):
        carry_out(step, times)
    show_how_to_go_on(name, inventory, times)


if __name__ == "__main__":
    main()
