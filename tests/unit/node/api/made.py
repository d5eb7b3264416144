"""Files as kubeadm makes them."""

from __future__ import annotations

import base64

from ansible_collections.kubewright.cluster.plugins.module_utils.process import System
from tests.unit.node.api.pki import Pki


def kubeconfig_text(pki: Pki, server: str, user: str = "kubernetes-admin") -> str:
    """A kubeconfig with its credentials inside."""

    def data(name: str) -> str:
        return base64.b64encode(pki.pem(name)).decode()

    return f"""apiVersion: v1
clusters:
- cluster:
    certificate-authority-data: {data("ca.crt")}
    server: {server}
  name: kubernetes
contexts:
- context:
    cluster: kubernetes
    user: {user}
  name: {user}@kubernetes
current-context: {user}@kubernetes
kind: Config
users:
- name: {user}
  user:
    client-certificate-data: {data("client.crt")}
    client-key-data: {data("client.key")}
"""


def kubelet_conf(server: str) -> str:
    """As the kubelet writes it after its bootstrap: credentials and CA in files."""
    return f"""apiVersion: v1
clusters:
- cluster:
    certificate-authority: /etc/kubernetes/ssl/ca.crt
    server: {server}
  name: default-cluster
contexts:
- context:
    cluster: default-cluster
    namespace: default
    user: default-auth
  name: default-context
current-context: default-context
kind: Config
preferences: {{}}
users:
- name: default-auth
  user:
    client-certificate: /var/lib/kubelet/pki/kubelet-client-current.pem
    client-key: /var/lib/kubelet/pki/kubelet-client-current.pem
"""


def write(system: System, path: str, text: str | bytes) -> None:
    """Write a file below the system's root."""
    target = system.path(path)
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(text if isinstance(text, bytes) else text.encode())


def join_cluster_files(system: System, pki: Pki, server: str) -> None:
    """What a node has after its TLS bootstrap."""
    write(system, "/etc/kubernetes/ssl/ca.crt", pki.pem("ca.crt"))
    write(system, "/var/lib/kubelet/pki/kubelet-client-current.pem", pki.pem("client.crt") + pki.pem("client.key"))
    write(system, "/etc/kubernetes/kubelet.conf", kubelet_conf(server))
