"""Pods on a worker that is to be removed: a Deployment of servers that end as those behind a load balancer do.

Each goes on for some seconds after it was told to end, for requests that are still on their way to it.
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
PORT = "5353"


@contextlib.contextmanager
def tenants(cluster: Cluster, node: str, other: str) -> Iterator[None]:
    """Have the pods run on this node when the block begins, and nowhere after it; ``other`` can take them over."""
    cluster.kubectl("cordon", other)
    try:
        cluster.kubectl("apply", "-f", "-", stdin=json.dumps(_deployment(cluster, node, other)))
        wait_until(lambda: _running(cluster, node) == PODS, deadline=120, what=f"{PODS} pods running on {node}")
        cluster.kubectl("uncordon", other)
        yield
    finally:
        cluster.kubectl("uncordon", other)
        cluster.kubectl("delete", "deployment", NAME, "--cascade=foreground", "--timeout=120s", timeout=150)


def _running(cluster: Cluster, node: str) -> int:
    pods = cluster.get("pods", "-l", f"app={NAME}")["items"]
    return sum(1 for pod in pods if pod["spec"].get("nodeName") == node and pod["status"].get("phase") == "Running")


def _deployment(cluster: Cluster, *nodes: str) -> dict[str, Any]:
    dns = cluster.get("-n", "kube-system", "deployment", "coredns")
    container = {
        "name": "server",
        "image": dns["spec"]["template"]["spec"]["containers"][0]["image"],  # every node has it
        "imagePullPolicy": "Never",
        "args": ["-dns.port", PORT],
        "lifecycle": {"preStop": {"sleep": {"seconds": SECONDS_TO_END}}},
    }
    labels = {"app": NAME}
    here = {"matchExpressions": [{"key": "kubernetes.io/hostname", "operator": "In", "values": list(nodes)}]}
    required = {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": [here]}}
    spec = {"affinity": {"nodeAffinity": required}, "automountServiceAccountToken": False, "containers": [container]}
    template = {"metadata": {"labels": labels}, "spec": spec}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": NAME, "namespace": "default"},
        "spec": {"replicas": PODS, "selector": {"matchLabels": labels}, "template": template},
    }
