"""Lay out what raw kubeadm needs from kubewright's own cache, so that both bring the same bytes to the nodes.

A kit has ``root-control-plane`` and ``root-worker`` (trees that are unpacked over a node's root), ``init.yaml``,
``addons.yaml`` and ``probing.yaml`` for the API, and ``check.py``, which asks from a node what kubewright's check asks.
"""

from __future__ import annotations

import json
import shutil
import tarfile
from pathlib import Path
from typing import Any

import yaml

from kubewright import artifacts, catalog
from kubewright.catalog.model import ArtifactSet, Kind, ResolvedArtifact

BIN_DIR = "usr/local/bin"
PODS = "10.233.64.0/18"
SERVICES = "10.233.0.0/18"
DNS = "10.233.0.10"

_CONTAINERD = """\
version = 3
[plugins.'io.containerd.cri.v1.images'.pinned_images]
  sandbox = '{pause}'
[plugins.'io.containerd.cri.v1.runtime']
  restrict_oom_score_adj = true
  [plugins.'io.containerd.cri.v1.runtime'.containerd.runtimes.runc]
    runtime_type = 'io.containerd.runc.v2'
    [plugins.'io.containerd.cri.v1.runtime'.containerd.runtimes.runc.options]
      SystemdCgroup = false
"""

_UNITS = {
    "containerd": """\
[Unit]
After=network.target
[Service]
ExecStart=/usr/local/bin/containerd
Type=notify
Delegate=yes
KillMode=process
Restart=always
[Install]
WantedBy=multi-user.target
""",
    "kubelet": """\
[Unit]
After=network-online.target containerd.service
[Service]
EnvironmentFile=-/var/lib/kubelet/kubeadm-flags.env
ExecStart=/usr/local/bin/kubelet --bootstrap-kubeconfig=/etc/kubernetes/bootstrap-kubelet.conf \\
  --kubeconfig=/etc/kubernetes/kubelet.conf --config=/var/lib/kubelet/config.yaml $KUBELET_KUBEADM_ARGS
Restart=always
StartLimitInterval=0
RestartSec=1
[Install]
WantedBy=multi-user.target
""",
}

_WAITING_CNI = "etc/cni/kit/10-flannel.conflist"
"""Where the network's configuration waits until flannel has written its file: the script puts it in its place then."""

_CNI = """\
{"name": "cbr0", "cniVersion": "0.3.1", "plugins": [
  {"type": "flannel", "delegate": {"hairpinMode": true, "isDefaultGateway": true}},
  {"type": "portmap", "capabilities": {"portMappings": true}}]}
"""

CHECK = """\
import socket, struct, sys, time, urllib.request
server, pod = sys.argv[1:]
name = "kubernetes.default.svc.cluster.local"
question = b"".join(bytes([len(p)]) + p.encode() for p in name.split(".")) + b"\\0" + struct.pack(">HH", 1, 1)
query = struct.pack(">HHHHHH", 7, 0x0100, 1, 0, 0, 0) + question
end = time.monotonic() + 60
opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
def dns():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asker:
        asker.settimeout(1)
        asker.sendto(query, (server, 53))
        return struct.unpack(">H", asker.recv(4096)[6:8])[0] > 0
def peer():
    return opener.open("http://%s:8080/health" % pod, timeout=1).status == 200
for question_asked in (dns, peer):
    while True:
        try:
            if question_asked():
                break
        except OSError:
            pass
        if time.monotonic() > end:
            sys.exit("%s did not answer" % question_asked.__name__)
        time.sleep(0.1)
"""


def make_kit(folder: Path, version: str) -> Path:
    """Make a kit for a Kubernetes version in ``folder``, anew.

    Raises:
        ArtifactError: the artifacts are not to be had.

    """
    release = catalog.load().release(version)
    resolved = artifacts.resolve(release, architecture="amd64", source="auto", mirror="", bundle="")
    if folder.exists():
        shutil.rmtree(folder)
    for role in ("control-plane", "worker"):
        _lay_out(folder / f"root-{role}", resolved, control_plane=role == "control-plane")
    flannel, coredns = _reference(resolved, "flannel"), _reference(resolved, "coredns")
    probing = _probing(coredns)
    (folder / "init.yaml").write_text(yaml.safe_dump_all(_init(version), sort_keys=False))
    (folder / "addons.yaml").write_text(yaml.safe_dump_all([*_flannel(flannel), *probing], sort_keys=False))
    (folder / "probing.yaml").write_text(yaml.safe_dump_all(probing, sort_keys=False))
    (folder / "check.py").write_text(CHECK)
    return folder


def _reference(resolved: ArtifactSet, name: str) -> str:
    return next(artifact.reference for artifact in resolved.artifacts if artifact.name == name)


def _lay_out(root: Path, resolved: ArtifactSet, *, control_plane: bool) -> None:
    for artifact in resolved.for_role(control_plane=control_plane):
        if artifact.sha256:
            _place(root, artifact)
    files = {
        "etc/containerd/config.toml": _CONTAINERD.format(pause=_reference(resolved, "pause")),
        _WAITING_CNI: _CNI,
        **{f"etc/systemd/system/{name}.service": text for name, text in _UNITS.items()},
    }
    for path, text in files.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text)


def _place(root: Path, artifact: ResolvedArtifact) -> None:
    cached = artifacts.cached_file(artifact.sha256)
    destination = root / artifact.destination.replace("{bin_dir}", f"/{BIN_DIR}").lstrip("/")
    if artifact.kind is Kind.ARCHIVE:
        destination.mkdir(parents=True, exist_ok=True)
        with tarfile.open(cached) as archive:
            for member in archive.getmembers():
                if member.name.removeprefix("./") in artifact.members:
                    stream = archive.extractfile(member)
                    assert stream is not None, member.name
                    target = destination / Path(member.name).name
                    target.write_bytes(stream.read())
                    target.chmod(0o755)
        return
    if artifact.kind is Kind.IMAGE:
        destination = root / "var/lib/kit" / f"{artifact.name}.tar"
    destination.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(cached, destination)
    destination.chmod(0o755)


def _init(version: str) -> list[dict[str, Any]]:
    api = "kubeadm.k8s.io/v1beta4"
    ignored = [
        "SystemVerification",
        "NumCPU",
        "Mem",
        "FileContent--proc-sys-net-bridge-bridge-nf-call-iptables",
    ]
    return [
        {
            "apiVersion": api,
            "kind": "InitConfiguration",
            "bootstrapTokens": [{"token": "@TOKEN@", "ttl": "30m0s"}],
            "certificateKey": "@KEY@",
            "localAPIEndpoint": {"advertiseAddress": "@ADDRESS@", "bindPort": 6443},
            "nodeRegistration": {"name": "@NAME@", "ignorePreflightErrors": ignored, "imagePullPolicy": "Never"},
        },
        {
            "apiVersion": api,
            "kind": "ClusterConfiguration",
            "kubernetesVersion": f"v{version}",
            "controlPlaneEndpoint": "@ADDRESS@:6443",
            "networking": {"podSubnet": PODS, "serviceSubnet": SERVICES},
        },
        {
            "apiVersion": "kubelet.config.k8s.io/v1beta1",
            "kind": "KubeletConfiguration",
            "failCgroupV1": False,
            "failSwapOn": False,
            "cgroupDriver": "cgroupfs",
            "featureGates": {"KubeletInUserNamespace": True},
        },
        {
            "apiVersion": "kubeproxy.config.k8s.io/v1alpha1",
            "kind": "KubeProxyConfiguration",
            "mode": "iptables",
            "conntrack": {"maxPerCore": 0},
        },
    ]


def _flannel(image: str) -> list[dict[str, Any]]:
    """flannel as its own manifest has it, but for the CNI configuration, which the kit brings as a file."""
    meta = {"name": "flannel", "namespace": "kube-flannel"}
    group = "rbac.authorization.k8s.io"
    labels = {"app": "flannel"}
    container = {
        "name": "kube-flannel",
        "image": image,
        "imagePullPolicy": "Never",
        "command": ["/opt/bin/flanneld"],
        "args": ["--kube-subnet-mgr", "--ip-masq", "--iface=$(NODE_IP)"],
        "env": [
            {"name": name, "valueFrom": {"fieldRef": {"fieldPath": path}}}
            for name, path in (
                ("POD_NAME", "metadata.name"),
                ("POD_NAMESPACE", "metadata.namespace"),
                ("NODE_IP", "status.hostIP"),
            )
        ],
        "securityContext": {"capabilities": {"add": ["NET_ADMIN", "NET_RAW"]}},
        "volumeMounts": [
            {"name": "run", "mountPath": "/run/flannel"},
            {"name": "cfg", "mountPath": "/etc/kube-flannel/"},
            {"name": "lock", "mountPath": "/run/xtables.lock"},
        ],
    }
    pod = {
        "hostNetwork": True,
        "priorityClassName": "system-node-critical",
        "serviceAccountName": "flannel",
        "tolerations": [{"operator": "Exists"}],
        "containers": [container],
        "volumes": [
            {"name": "run", "hostPath": {"path": "/run/flannel", "type": "DirectoryOrCreate"}},
            {"name": "cfg", "configMap": {"name": "kube-flannel-cfg"}},
            {"name": "lock", "hostPath": {"path": "/run/xtables.lock", "type": "FileOrCreate"}},
        ],
    }
    network = json.dumps({"Network": PODS, "Backend": {"Type": "vxlan"}})
    return [
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "kube-flannel"}},
        {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": meta},
        {
            "apiVersion": f"{group}/v1",
            "kind": "ClusterRole",
            "metadata": {"name": "flannel"},
            "rules": [
                {"apiGroups": [""], "resources": ["pods"], "verbs": ["get"]},
                {"apiGroups": [""], "resources": ["nodes"], "verbs": ["get", "list", "watch"]},
                {"apiGroups": [""], "resources": ["nodes/status"], "verbs": ["patch"]},
            ],
        },
        {
            "apiVersion": f"{group}/v1",
            "kind": "ClusterRoleBinding",
            "metadata": {"name": "flannel"},
            "roleRef": {"apiGroup": group, "kind": "ClusterRole", "name": "flannel"},
            "subjects": [{"kind": "ServiceAccount", **meta}],
        },
        {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {"name": "kube-flannel-cfg", "namespace": "kube-flannel"},
            "data": {"net-conf.json": network, "cni-conf.json": _CNI},
        },
        _daemon_set("kube-flannel-ds", "kube-flannel", labels, pod),
    ]


def _probing(image: str) -> list[dict[str, Any]]:
    """A pod on every node that answers by HTTP, for the check at the end."""
    meta = {"name": "probing", "namespace": "probing"}
    corefile = ".:5353 {\n    health :8080 {\n        lameduck 0s\n    }\n    whoami\n}\n"
    container = {
        "name": "probing",
        "image": image,
        "imagePullPolicy": "Never",
        "args": ["-conf", "/etc/coredns/Corefile"],
        "readinessProbe": {"httpGet": {"path": "/health", "port": 8080}, "periodSeconds": 1},
        "volumeMounts": [{"name": "corefile", "mountPath": "/etc/coredns"}],
    }
    pod = {
        "tolerations": [{"operator": "Exists"}],
        "terminationGracePeriodSeconds": 0,
        "containers": [container],
        "volumes": [{"name": "corefile", "configMap": {"name": "probing"}}],
    }
    return [
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "probing"}},
        {"apiVersion": "v1", "kind": "ConfigMap", "metadata": meta, "data": {"Corefile": corefile}},
        _daemon_set("probing", "probing", {"app": "probing"}, pod),
    ]


def _daemon_set(name: str, namespace: str, labels: dict[str, str], pod: dict[str, Any]) -> dict[str, Any]:
    return {
        "apiVersion": "apps/v1",
        "kind": "DaemonSet",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {
            "selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": labels}, "spec": pod},
        },
    }
