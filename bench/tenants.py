"""Pods on a worker that is to be removed: a Deployment of servers that end as those behind a load balancer do.

Each goes on for some seconds after it was told to end, for requests that are still on their way to it. They are put on
the worker by the bench and not by the scheduler, so that all of them are there, and those that take their place after
the removal wait for nobody.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from typing import Any

from tests.lab.support.cluster import Cluster
from tests.lab.support.waiting import wait_until

NAME = "tenants"
PODS = 10
SECONDS_TO_END = 5
_PORT = "5353"
_PATH = "/api/v1/namespaces/default/pods"


@contextlib.contextmanager
def tenants(cluster: Cluster, node: str) -> Iterator[None]:
    """Have the pods run on this node when the block begins, and nowhere after it."""
    cluster.kubectl("apply", "-f", "-", stdin=json.dumps(_deployment(cluster)))
    try:
        pods = wait_until(lambda: _pods(cluster), deadline=60, what=f"{PODS} pods")
        for pod in pods:
            target = {"apiVersion": "v1", "kind": "Node", "name": node}
            meta = {"name": pod["metadata"]["name"]}
            binding = {"apiVersion": "v1", "kind": "Binding", "metadata": meta, "target": target}
            path = f"{_PATH}/{meta['name']}/binding"
            cluster.kubectl("create", "--raw", path, "-f", "-", stdin=json.dumps(binding))
        wait_until(lambda: _running(_pods(cluster), node), deadline=120, what=f"{PODS} pods running on {node}")
        yield
    finally:
        cluster.kubectl("delete", "deployment", NAME, "--cascade=foreground", "--timeout=60s", timeout=90)


def _pods(cluster: Cluster) -> list[dict[str, Any]]:
    """All of the pods, or none while some are not there yet."""
    pods: list[dict[str, Any]] = cluster.get("pods", "-l", f"app={NAME}")["items"]
    return pods if len(pods) == PODS else []


def _running(pods: list[dict[str, Any]], node: str) -> bool:
    return bool(pods) and all(
        pod["spec"].get("nodeName") == node and pod["status"].get("phase") == "Running" for pod in pods
    )


def _deployment(cluster: Cluster) -> dict[str, Any]:
    dns = cluster.get("-n", "kube-system", "deployment", "coredns")
    container = {
        "name": "server",
        "image": dns["spec"]["template"]["spec"]["containers"][0]["image"],  # every node has it
        "imagePullPolicy": "Never",
        "args": ["-dns.port", _PORT],
        "lifecycle": {"preStop": {"sleep": {"seconds": SECONDS_TO_END}}},
    }
    labels = {"app": NAME}
    spec = {"schedulerName": "nobody", "automountServiceAccountToken": False, "containers": [container]}
    template = {"metadata": {"labels": labels}, "spec": spec}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": NAME, "namespace": "default"},
        "spec": {"replicas": PODS, "selector": {"matchLabels": labels}, "template": template},
    }
