"""A simulator of nodes: Node objects in a real cluster, Ready, with leases that are renewed; no kubelet behind them.

What is simulated are only the nodes. The API server, etcd and controllers that have to cope with them are real. No pod
goes to a simulated node: it is tainted, and lacks the label for its system by which agents of every node choose theirs.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import threading
import time
from collections.abc import Collection, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from ansible_collections.kubewright.cluster.plugins.module_utils import kubeconfig
from ansible_collections.kubewright.cluster.plugins.module_utils.kubeapi import Client
from ansible_collections.kubewright.cluster.plugins.module_utils.process import System

LABEL = "kubewright.io/simulated"
NODES = "/api/v1/nodes"
LEASES = "/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases"
GRACE_SECONDS = 300.0
"""How long the controllers are to give a silent node, as the cluster's settings have it: large clusters give more."""
RENEW_SECONDS = GRACE_SECONDS / 3
CONTROLLERS = {"node-monitor-grace-period": f"{GRACE_SECONDS:.0f}s", "kube-api-qps": "100", "kube-api-burst": "200"}
"""Flags of kube-controller-manager, as large clusters have them: by default it writes to twenty nodes a second."""
KNOWN_SECONDS = 300.0
"""Seconds that the controllers may take until they are done with all of them: pod networks, annotations."""
_CALM_SECONDS = 5.0
WORKERS = 8


class Simulator:
    """Simulated nodes of one cluster.

    Args:
        config: the administrator's kubeconfig.
        version: the kubelet version that the nodes tell, with its ``v``.

    """

    def __init__(self, config: Path, version: str) -> None:
        self._text = config.read_text()
        self._version = version
        self._local = threading.local()

    @property
    def client(self) -> Client:
        """The calling thread's own connection to the API server."""
        if not hasattr(self._local, "client"):
            system = System()
            self._local.client = Client(system, kubeconfig.parse_text(system, self._text), timeout=30.0)
        client: Client = self._local.client
        return client

    @contextlib.contextmanager
    def nodes(self, addresses: dict[str, str]) -> Iterator[None]:
        """Have these nodes, by name their address, and renew their leases until the block ends."""
        over = threading.Event()
        with ThreadPoolExecutor(WORKERS) as pool:
            leases = list(pool.map(lambda item: self._create(*item), addresses.items()))
            renewing = threading.Thread(target=self._renew, args=(leases, over), daemon=True)
            renewing.start()
            try:
                self._wait_until_known(addresses)
                yield
            finally:
                over.set()
                renewing.join()
                list(pool.map(self._delete, addresses))

    def _wait_until_known(self, names: Collection[str]) -> None:
        """Wait until each has a pod network and nobody has changed one for a while: a new node waits behind them."""
        end = time.monotonic() + KNOWN_SECONDS
        before: dict[str, str] = {}
        while time.monotonic() < end:
            nodes = [node for node in self.client.get(NODES)["items"] if node["metadata"]["name"] in names]
            versions = {node["metadata"]["name"]: node["metadata"]["resourceVersion"] for node in nodes}
            if versions == before and all(node["spec"].get("podCIDR") for node in nodes):
                return
            before = versions
            time.sleep(_CALM_SECONDS)
        raise TimeoutError(f"the controllers still change simulated nodes after {KNOWN_SECONDS:.0f} s")

    def _delete(self, name: str) -> None:
        """The lease too: nothing says whose it is, so that Kubernetes would keep it."""
        self.client.delete(f"{NODES}/{name}")
        self.client.delete(f"{LEASES}/{name}")

    def _create(self, name: str, address: str) -> dict[str, Any]:
        """Make the node; its lease."""
        labels = {LABEL: "true", "kubernetes.io/arch": "amd64", "kubernetes.io/hostname": name}
        taints = [{"key": LABEL, "effect": "NoSchedule"}]
        meta = {"name": name, "labels": labels}
        self.client.create(NODES, {"apiVersion": "v1", "kind": "Node", "metadata": meta, "spec": {"taints": taints}})
        lease = self.client.create(LEASES, self._lease(name))
        now = _now()
        condition = {"reason": "Simulated", "lastHeartbeatTime": now, "lastTransitionTime": now}
        conditions = [
            {"type": "Ready", "status": "True", **condition},
            *({"type": kind, "status": "False", **condition} for kind in ("MemoryPressure", "DiskPressure")),
        ]
        status = {
            "conditions": conditions,
            "addresses": [{"type": "InternalIP", "address": address}, {"type": "Hostname", "address": name}],
            "nodeInfo": {"kubeletVersion": self._version, "machineID": f"{name:0>32}", "architecture": "amd64"},
        }
        self.client.merge(f"{NODES}/{name}/status", {"status": status})
        return lease

    def _renew(self, leases: list[dict[str, Any]], over: threading.Event) -> None:
        """Replace one after another as kubelets do, each as it was told the last time."""
        while not over.is_set():
            for number, lease in enumerate(leases):
                lease["spec"]["renewTime"] = _now(fraction=True)
                leases[number] = self.client.replace(f"{LEASES}/{lease['metadata']['name']}", lease)
                if over.wait(RENEW_SECONDS / len(leases)):
                    return

    def _lease(self, name: str) -> dict[str, Any]:
        spec = {"holderIdentity": name, "leaseDurationSeconds": int(GRACE_SECONDS), "renewTime": _now(fraction=True)}
        metadata = {"name": name, "namespace": "kube-node-lease"}
        return {"apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": metadata, "spec": spec}


def _now(*, fraction: bool = False) -> str:
    return dt.datetime.now(dt.UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ" if fraction else "%Y-%m-%dT%H:%M:%SZ")
