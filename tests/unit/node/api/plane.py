"""A control plane whose settings change: its files, its kubelet, its kubeadm, and the cluster that it is part of.

The kubelet takes up a manifest when somebody looks; a manifest with ``--broken`` in it never runs. ``kill_at`` is the
number of the step before which the module dies, as by SIGKILL.
"""

from __future__ import annotations

import subprocess
import urllib.parse
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.kubewright.cluster.plugins.module_utils import files, plainyaml
from ansible_collections.kubewright.cluster.plugins.module_utils.frozen import field, mutable
from ansible_collections.kubewright.cluster.plugins.module_utils.process import Completed, System
from tests.unit.node.api.made import kubeconfig_text, kubelet_conf, write
from tests.unit.node.api.pki import Pki, Request
from tests.unit.node.api.simulated import KilledError

RECORDED = Path(__file__).parents[1] / "recorded"
CERTIFICATES = "/etc/kubernetes/ssl"
MANIFESTS = "/etc/kubernetes/manifests"
COMPONENTS = ("etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler")
CONFIGURATION = f"kind: ClusterConfiguration\ncertificatesDir: {CERTIFICATES}\n"


@mutable
class Plane(System):
    """``wanted`` are the files that kubeadm would write; ``names`` those that it issues a certificate for."""

    pki: Pki = field(default_factory=lambda: Pki(Path()))
    url: str = ""
    node: str = "cp1"
    wanted: dict[str, str] = field(default_factory=dict)
    names: list[str] = field(default_factory=list)
    others: dict[str, str] = field(default_factory=dict)
    """Address (host:port) of other API servers by their Node's name."""
    not_ready: set[str] = field(default_factory=set)
    members: list[dict[str, Any]] = field(default_factory=list)
    unhealthy_members: bool = False
    runs: dict[str, str] = field(default_factory=dict)
    """The manifest that each component last ran with."""
    commands: list[str] = field(default_factory=list)
    kill_at: int = -1
    steps: int = 0

    def make(self) -> None:
        """Be a finished control plane that runs what kubeadm wants."""
        port = urllib.parse.urlsplit(self.url).port
        for path in RECORDED.glob("*.yaml"):
            text = path.read_text().replace("10.7.0.1", "127.0.0.1").replace("=6443", f"={port}")
            self.wanted[path.name] = text.replace("containerPort: 6443", f"containerPort: {port}")
        for name in COMPONENTS:
            # Nobody listens at their own endpoints here; what is asked there has a test of its own.
            self.wanted[f"{name}.yaml"] = _without_probes(self.wanted[f"{name}.yaml"])
            write(self, f"{MANIFESTS}/{name}.yaml", self.wanted[f"{name}.yaml"])
        write(self, "/var/lib/kubelet/config.yaml", self.wanted["config.yaml"])
        self.path("/var/lib/kubelet/config.yaml").chmod(0o644)
        write(self, "/etc/kubernetes/admin.conf", kubeconfig_text(self.pki, self.url))
        write(self, "/etc/kubernetes/kubelet.conf", kubelet_conf(self.url))
        write(self, "/usr/local/bin/kubeadm", "")
        self.path("/usr/local/bin/kubeadm").chmod(0o755)
        for name in ("ca", "etcd/ca"):
            for kind in ("crt", "key"):
                write(self, f"{CERTIFICATES}/{name}.{kind}", self.pki.pem(f"ca.{kind}"))
        for kind in ("crt", "key"):
            write(self, f"{CERTIFICATES}/etcd/healthcheck-client.{kind}", self.pki.pem(f"client.{kind}"))
            write(self, f"{CERTIFICATES}/apiserver.{kind}", self.pki.pem(f"server.{kind}"))
        self.path(f"{CERTIFICATES}/apiserver.key").chmod(0o600)
        self.settle()

    def manifest(self, name: str) -> str:
        """What lies on the disk."""
        return self.path(f"{MANIFESTS}/{name}.yaml").read_text()

    def settle(self) -> None:
        """Have the kubelet take up its manifests."""
        for name in COMPONENTS:
            if self.path(f"{MANIFESTS}/{name}.yaml").exists():
                self.runs[name] = self.manifest(name)

    def step(self) -> None:
        """One thing done; the kill comes before it."""
        if self.steps == self.kill_at:
            raise KilledError
        self.steps += 1

    def die_at_steps(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Have each write, removal and rename be a step, too."""
        for owner, name in ((files, "write_atomic"), (files, "remove"), (files, "copy_into"), (Path, "rename")):
            monkeypatch.setattr(owner, name, self._stepping(getattr(owner, name)))

    def _stepping(self, act: Callable[..., Any]) -> Callable[..., Any]:
        def stepping(*arguments: Any, **named: Any) -> Any:
            self.step()
            return act(*arguments, **named)

        return stepping

    def answer(self, request: Request) -> tuple[int, Any]:
        """As the API server and etcd's gateway do."""
        self.settle()
        path, _, query = request.path.partition("?")
        if path == "/version":
            return 200, {"gitVersion": "v1.37.2"}
        if path == "/readyz":
            return 200, b"ok"
        if path.startswith("/health"):
            return (503, {"health": "false"}) if self.unhealthy_members else (200, {"health": "true"})
        if path == "/v3/cluster/member/list":
            return 200, {"members": self.members}
        if path == "/api/v1/nodes":
            return 200, {"items": [self._node(name) for name in (self.node, *self.others)]}
        if path == "/api/v1/namespaces/kube-system/pods":
            return 200, {"items": self._servers() if "kube-apiserver" in query else []}
        if path.startswith("/api/v1/namespaces/kube-system/pods/"):
            return self._pod(path.rpartition("/")[2].removesuffix(f"-{self.node}"))
        return 404, {"reason": "NotFound"}

    def _node(self, name: str) -> dict[str, Any]:
        ready = "False" if name in self.not_ready else "True"
        return {"metadata": {"name": name}, "status": {"conditions": [{"type": "Ready", "status": ready}]}}

    def _servers(self) -> list[dict[str, Any]]:
        key = "kubeadm.kubernetes.io/kube-apiserver.advertise-address.endpoint"
        known = {self.node: self.url.removeprefix("https://"), **self.others}
        return [
            {"metadata": {"annotations": {key: address}}, "spec": {"nodeName": name}} for name, address in known.items()
        ]

    def _pod(self, name: str) -> tuple[int, Any]:
        text = self.runs.get(name)
        if text is None:
            return 404, {"reason": "NotFound"}
        ready = "False" if "--broken" in text else "True"
        return 200, {**plainyaml.parse(text), "status": {"conditions": [{"type": "Ready", "status": ready}]}}

    def run(
        self, *argv: str, stdin: str | None = None, timeout: float = 600, env: dict[str, str] | None = None
    ) -> Completed:
        self.step()
        self.commands.append(" ".join(argv))
        if argv[:3] == ("kubeadm", "init", "--dry-run"):
            for name, text in self.wanted.items():
                (Path((env or {})["KUBEADM_INIT_DRYRUN_DIR"]) / name).write_text(text)
        if argv[:4] == ("kubeadm", "init", "phase", "certs"):
            text = Path(argv[argv.index("--config") + 1]).read_text()
            self._issue(Path(text.partition("certificatesDir: ")[2].splitlines()[0]))
        return Completed(argv, 0, "", "")

    def _issue(self, folder: Path) -> None:
        alternative = ",".join(("IP:" if name[0].isdigit() else "DNS:") + name for name in self.names)
        argv = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
        argv += ["-keyout", "apiserver.key", "-out", "apiserver.crt", "-subj", "/CN=kube-apiserver", "-days", "30"]
        argv += ["-addext", f"subjectAltName={alternative}", "-CA", "ca.crt", "-CAkey", "ca.key"]
        subprocess.run(argv, cwd=folder, check=True, capture_output=True)


def _without_probes(text: str) -> str:
    """The manifest without its probes, and all that is indented below them."""
    kept, inside = [], False
    for line in text.splitlines():
        inside = line.strip().endswith("Probe:") or (inside and line.startswith("      "))
        if not inside:
            kept.append(line)
    return "\n".join(kept) + "\n"
