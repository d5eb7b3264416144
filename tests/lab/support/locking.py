"""Runs at work while others come, and who holds the cluster's lock."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator
from typing import Any

from tests.lab.support.cluster import Cluster
from tests.lab.support.commands import Result
from tests.lab.support.lab import TestLab

LOCK_FILE = "/run/kubewright/run-lock.json"


@contextlib.contextmanager
def started(lab: TestLab, verb: str, *arguments: str) -> Iterator[subprocess.Popen[bytes]]:
    """Start a verb and leave it at work; what it said is noted when it has ended."""
    command = ("kubewright", verb, "-i", str(lab.inventory), *arguments)
    began = time.monotonic()
    with tempfile.TemporaryFile("w+", errors="replace") as output:
        environment = {**os.environ, "NO_COLOR": "1", "COLUMNS": "200"}
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT, env=environment
        )
        try:
            yield process
            process.wait(timeout=600)
        finally:
            process.kill()
            process.wait()
            output.seek(0)
            seconds = time.monotonic() - began
            lab.note(
                Result(
                    arguments=command, exit_code=process.returncode, stdout=output.read(), stderr="", seconds=seconds
                )
            )


def lease(cluster: Cluster) -> dict[str, Any]:
    """The Lease that is the lock."""
    return dict(cluster.get("-n", "kube-system", "lease", "kubewright"))


def holder(cluster: Cluster) -> str:
    """Id of who holds the lock by the Lease; empty for nobody."""
    return str(lease(cluster)["spec"].get("holderIdentity", ""))


def has_file(lab: TestLab, node: str = "cp1") -> bool:
    """Whether a control plane has the lock's file."""
    return lab.execute(node, "test", "-e", LOCK_FILE).exit_code == 0


@contextlib.contextmanager
def held_elsewhere(cluster: Cluster) -> Iterator[None]:
    """Somebody on another machine holds the lock and renews it."""
    over = threading.Event()

    def patch(identity: str | None) -> None:
        notes = {"kubewright.io/lock-host": "elsewhere", "kubewright.io/lock-user": "somebody-else"}
        renewed = f"2000-01-01T00:00:00.{time.time_ns() // 1000 % 1000000:06d}Z"
        change = {"metadata": {"annotations": notes}, "spec": {"holderIdentity": identity, "renewTime": renewed}}
        cluster.kubectl("-n", "kube-system", "patch", "lease", "kubewright", "--type=merge", "-p", json.dumps(change))

    def renew() -> None:
        while not over.wait(1.0):
            patch("other")

    patch("other")
    thread = threading.Thread(target=renew)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
        patch(None)
