"""A small workload on chosen nodes: one pod a node that answers by HTTP, and a Service in front of all of them.

The pods run the image of the cluster's own DNS, because every node has it and nothing can be pulled.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import uuid
from collections.abc import Iterator, Sequence
from typing import Any

from tests.lab.support.cluster import Cluster
from tests.lab.support.waiting import wait_until

PORT = 8080
NAMESPACE_PREFIX = "echo-"
_COREFILE = ".:5353 {\n    health :8080 {\n        lameduck 0s\n    }\n    whoami\n}\n"


@dataclasses.dataclass(frozen=True, kw_only=True)
class EchoPod:
    """A running pod of the workload: the node it is on, its address and its container's id."""

    node: str
    address: str
    container: str


@dataclasses.dataclass(frozen=True, kw_only=True)
class Echo:
    """The workload: a pod on each node, and the address and DNS name of the Service."""

    pods: tuple[EchoPod, ...]
    service: str
    dns_name: str

    def elsewhere(self, node: str) -> EchoPod:
        """Return a pod on another node than this one."""
        return next(pod for pod in self.pods if pod.node != node)

    def on(self, node: str) -> EchoPod:
        """Return the pod on this node."""
        return next(pod for pod in self.pods if pod.node == node)


@contextlib.contextmanager
def echo(cluster: Cluster, nodes: Sequence[str]) -> Iterator[Echo]:
    """Run the workload on these nodes in a namespace of its own, and remove it afterwards.

    The end of the pods is waited for, that of the namespace is not: it takes the controllers seconds.
    """
    name = f"{NAMESPACE_PREFIX}{uuid.uuid4().hex[:6]}"
    deployment = cluster.get("-n", "kube-system", "deployment", "coredns")
    image = deployment["spec"]["template"]["spec"]["containers"][0]["image"]
    _apply(cluster, [_namespace(name), _corefile(name), _service(name)])
    try:
        # Controllers make it; after a start of the whole cluster they need some seconds to begin.
        wait_until(
            lambda: cluster.get("-n", name, "serviceaccount", "default"),
            deadline=60,
            what="controllers serve namespaces",
        )
        _apply(cluster, [_pod(name, node, image) for node in nodes])
        pods = wait_until(lambda: _running(cluster, name, len(nodes)), deadline=60, what=f"{len(nodes)} pods running")
        service = cluster.get("-n", name, "service", name)["spec"]["clusterIP"]
        yield Echo(pods=pods, service=service, dns_name=f"{name}.{name}.svc.cluster.local")
    finally:
        cluster.kubectl("-n", name, "delete", "pods", "--all", "--wait=true", "--timeout=60s", timeout=90)
        cluster.kubectl("delete", "namespace", name, "--wait=false")


def _apply(cluster: Cluster, items: list[dict[str, Any]]) -> None:
    cluster.kubectl("apply", "-f", "-", stdin=json.dumps({"apiVersion": "v1", "kind": "List", "items": items}))


def _running(cluster: Cluster, name: str, wanted: int) -> tuple[EchoPod, ...]:
    pods = tuple(
        EchoPod(
            node=pod["spec"]["nodeName"],
            address=pod["status"]["podIP"],
            container=pod["status"]["containerStatuses"][0]["containerID"].removeprefix("containerd://"),
        )
        for pod in cluster.get("-n", name, "pods")["items"]
        if pod["status"].get("phase") == "Running" and pod["status"]["containerStatuses"][0].get("ready")
    )
    return pods if len(pods) == wanted else ()


def _meta(name: str, *, namespace: str) -> dict[str, Any]:
    return {"name": name, "namespace": namespace, "labels": {"app": namespace}}


def _namespace(name: str) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}


def _corefile(name: str) -> dict[str, Any]:
    meta = _meta("corefile", namespace=name)
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": meta, "data": {"Corefile": _COREFILE}}


def _service(name: str) -> dict[str, Any]:
    spec = {"selector": {"app": name}, "ports": [{"port": 80, "targetPort": PORT}]}
    return {"apiVersion": "v1", "kind": "Service", "metadata": _meta(name, namespace=name), "spec": spec}


def _pod(name: str, node: str, image: str) -> dict[str, Any]:
    container = {
        "name": "echo",
        "image": image,
        "imagePullPolicy": "Never",
        "args": ["-conf", "/etc/coredns/Corefile"],
        "ports": [{"containerPort": PORT}],
        "readinessProbe": {"httpGet": {"path": "/health", "port": PORT}, "periodSeconds": 1},
        "volumeMounts": [{"name": "corefile", "mountPath": "/etc/coredns"}],
    }
    spec = {
        "nodeName": node,  # the scheduler is left out, so a control plane's taint does not matter
        "automountServiceAccountToken": False,
        "terminationGracePeriodSeconds": 0,
        "tolerations": [{"operator": "Exists"}],
        "dnsPolicy": "Default",
        "containers": [container],
        "volumes": [{"name": "corefile", "configMap": {"name": "corefile"}}],
    }
    return {"apiVersion": "v1", "kind": "Pod", "metadata": _meta(f"{name}-{node}", namespace=name), "spec": spec}
