"""A node and the cluster that it joins, as far as the join can tell.

The simulated kubeadm writes files; API and etcd answer by what was written.

``kill_at`` is the number of the step before which the module dies, as by SIGKILL: nothing of the module runs after it.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ansible_collections.kubewright.cluster.plugins.module_utils.frozen import field, mutable
from ansible_collections.kubewright.cluster.plugins.module_utils.process import Completed, System
from tests.unit.node.api.made import join_cluster_files, kubeconfig_text, write
from tests.unit.node.api.pki import Pki, Request

CERTIFICATES = "/etc/kubernetes/ssl"
ADDRESS = "10.0.0.2"
LOAD_BALANCER = "/etc/kubernetes/manifests/haproxy.yaml"


class KilledError(BaseException):
    """The module was killed."""


@dataclass
class Cluster:
    """The living part: what the API and etcd say."""

    pki: Pki
    url: str = ""
    registered: bool = False
    member: str = ""  # "", "announced", "learner", "voter"

    def answer(self, request: Request) -> tuple[int, Any]:
        """As the API server and etcd's gateway do."""
        if request.path.startswith("/api/v1/nodes/"):
            return (200, {"metadata": {"uid": "u-1"}}) if self.registered else (404, {"reason": "NotFound"})
        if request.path.startswith("/api/v1/namespaces/kube-system/pods"):
            annotation = {"kubeadm.kubernetes.io/etcd.advertise-client-urls": self.url}
            return 200, {"items": [{"metadata": {"annotations": annotation}}]}
        if request.path == "/v3/cluster/member/list":
            return 200, {"members": self._members()}
        if request.path.startswith("/health"):
            return 200, {"health": "true"}
        return 404, {"reason": "NotFound"}

    def _members(self) -> list[dict[str, Any]]:
        living = {"ID": "1", "name": "cp1", "peerURLs": ["https://10.0.0.1:2380"], "clientURLs": [self.url]}
        own = {"ID": "2", "peerURLs": [f"https://{ADDRESS}:2380"], "isLearner": self.member != "voter"}
        if self.member in ("learner", "voter"):
            own.update(name="cp2", clientURLs=[self.url])
        return [living, own] if self.member else [living]


@mutable
class Node(System):
    """The node; commands take effect on its files and on the cluster."""

    cluster: Cluster = field(default_factory=lambda: Cluster(Pki(Path())))
    kill_at: int = -1
    steps: int = 0
    commands: list[str] = field(default_factory=list)
    kubelet_runs: bool = False

    def step(self) -> None:
        """One thing done; the kill comes before it."""
        if self.steps == self.kill_at:
            raise KilledError
        self.steps += 1

    def run(
        self, *argv: str, stdin: str | None = None, timeout: float = 600, env: dict[str, str] | None = None
    ) -> Completed:
        self.step()
        self.commands.append(" ".join(argv))
        if argv[0] == "kubeadm":
            return self._kubeadm(argv)
        if argv[0] == "systemctl" and argv[-1] == "kubelet":
            self.kubelet_runs = argv[1] != "stop"
        return Completed(argv, 0, "", "")

    def _kubeadm(self, argv: tuple[str, ...]) -> Completed:
        skipped = argv[argv.index("--skip-phases") + 1].split(",") if "--skip-phases" in argv else []
        text = Path(argv[argv.index("--config") + 1]).read_text()
        phases = [self.preflight]
        if "controlPlane:" in text:
            phases += [self.control_plane_prepare, self.check_etcd, self.kubelet_start, self.etcd_join]
        else:
            phases += [self.kubelet_start]
        phases += [self.kubelet_wait_bootstrap]
        for phase in phases:
            if phase.__name__.replace("_", "-") not in skipped:
                self.step()
                complaint = phase()
                if complaint:
                    return Completed(argv, 1, "", f"error: {complaint}")
        return Completed(argv, 0, "", "")

    def preflight(self) -> str:
        for name in ("kubelet.conf", "bootstrap-kubelet.conf", "manifests/etcd.yaml", "manifests/kube-apiserver.yaml"):
            if self.path(f"/etc/kubernetes/{name}").exists():
                return f"[ERROR FileAvailable] {name} exists"
        return "etcd data" if any(self.path("/var/lib/etcd").rglob("*")) else ""

    def control_plane_prepare(self) -> str:
        pki = self.cluster.pki
        for name in ("ca.crt", "etcd/ca.crt"):
            write(self, f"{CERTIFICATES}/{name}", pki.pem("ca.crt"))
        self.step()
        for kind in ("crt", "key"):
            write(self, f"{CERTIFICATES}/etcd/healthcheck-client.{kind}", pki.pem(f"client.{kind}"))
        # kubeadm: the controlPlaneEndpoint, where nothing answers on this node yet.
        write(self, "/etc/kubernetes/admin.conf", kubeconfig_text(pki, "https://127.0.0.1:1"))
        self.step()
        for name in ("kube-apiserver", "kube-controller-manager", "kube-scheduler"):
            write(self, f"/etc/kubernetes/manifests/{name}.yaml", "static pod")
        return ""

    def check_etcd(self) -> str:
        admin = self.path("/etc/kubernetes/admin.conf").read_text()
        return "" if self.cluster.url in admin else "could not retrieve the list of etcd endpoints"

    def kubelet_start(self) -> str:
        if self.cluster.registered:
            return "a Node with that name is Ready"
        write(self, "/etc/kubernetes/bootstrap-kubelet.conf", "token")
        write(self, "/var/lib/kubelet/config.yaml", "kind: KubeletConfiguration")
        self.step()
        self.kubelet_runs = True
        return ""

    def etcd_join(self) -> str:
        self.cluster.member = self.cluster.member or "announced"
        self.step()
        write(self, "/etc/kubernetes/manifests/etcd.yaml", "static pod")
        self.step()
        write(self, "/var/lib/etcd/member/wal/0.wal", "x")
        if self.cluster.member == "announced":
            self.cluster.member = "learner"
        self.step()
        self.cluster.member = "voter"
        return ""

    def kubelet_wait_bootstrap(self) -> str:
        if not self.kubelet_runs:
            return "the kubelet does not run"
        if not self.path("/etc/kubernetes/kubelet.conf").exists():
            join_cluster_files(self, self.cluster.pki, self.cluster.url)
        self.step()
        self.cluster.registered = True
        self.path("/etc/kubernetes/bootstrap-kubelet.conf").unlink(missing_ok=True)
        return ""

    def wiped(self) -> None:
        """Another disk: what etcd had is gone."""
        shutil.rmtree(self.path("/var/lib/etcd"), ignore_errors=True)
