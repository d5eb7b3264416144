"""flannel, the pod network: its objects, and the CNI configuration that nodes have as a file."""

from __future__ import annotations

from typing import Any

from kubewright.catalog.model import ArtifactSet
from kubewright.documents.inputs import image_reference
from kubewright.documents.model import Resource
from kubewright.documents.render import digest, to_json
from kubewright.documents.system import file
from kubewright.settings.model import ClusterSettings
from kubewright.topology.model import Endpoint

READY_FILE = "/run/flannel/subnet.env"
"""What flanneld writes on a node once pods there can have a network; the CNI plugin fails before."""

_NAMESPACE = "kube-flannel"
_LABELS = {"app": "flannel", "k8s-app": "flannel", "tier": "node"}

_CNI = {
    "name": "cbr0",
    "cniVersion": "0.3.1",  # the newest that every release of the flannel plugin understands
    "plugins": [
        {"type": "flannel", "delegate": {"hairpinMode": True, "isDefaultGateway": True}},
        {"type": "portmap", "capabilities": {"portMappings": True}},
    ],
}


def cni_configuration() -> Resource:
    """Return the CNI configuration: a file of the node document, so that flannel's pod needs no shell to write it."""
    return file("/etc/cni/net.d/10-flannel.conflist", to_json(_CNI))


def objects(cluster: ClusterSettings, artifacts: ArtifactSet, endpoint: Endpoint) -> tuple[dict[str, Any], ...]:
    """Return namespace, access, configuration and DaemonSet."""
    network = {"Network": cluster.kube_pods_subnet, "Backend": {"Type": cluster.flannel_backend_type}}
    data = {"cni-conf.json": to_json(_CNI), "net-conf.json": to_json(network)}
    image = image_reference(artifacts, "flannel")
    return (_namespace(), *_access(), _config_map(data), _daemon_set(image, digest(to_json(data)), endpoint))


def _meta(name: str, *, namespace: str | None = _NAMESPACE) -> dict[str, Any]:
    meta: dict[str, Any] = {"name": name, "labels": {"k8s-app": "flannel"}}
    return {**meta, "namespace": namespace} if namespace else meta


def _namespace() -> dict[str, Any]:
    labels = {"k8s-app": "flannel", "pod-security.kubernetes.io/enforce": "privileged"}
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": _NAMESPACE, "labels": labels}}


def _access() -> tuple[dict[str, Any], ...]:
    group = "rbac.authorization.k8s.io"
    rules = [
        {"apiGroups": [""], "resources": ["pods"], "verbs": ["get"]},
        {"apiGroups": [""], "resources": ["nodes"], "verbs": ["get", "list", "watch"]},
        {"apiGroups": [""], "resources": ["nodes/status"], "verbs": ["patch"]},
    ]
    meta = _meta("flannel", namespace=None)
    return (
        {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": _meta("flannel")},
        {"apiVersion": f"{group}/v1", "kind": "ClusterRole", "metadata": meta, "rules": rules},
        {
            "apiVersion": f"{group}/v1",
            "kind": "ClusterRoleBinding",
            "metadata": meta,
            "roleRef": {"apiGroup": group, "kind": "ClusterRole", "name": "flannel"},
            "subjects": [{"kind": "ServiceAccount", "name": "flannel", "namespace": _NAMESPACE}],
        },
    )


def _config_map(data: dict[str, str]) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": _meta("kube-flannel-cfg"), "data": data}


def _daemon_set(image: str, config_digest: str, endpoint: Endpoint) -> dict[str, Any]:
    return {
        "apiVersion": "apps/v1",
        "kind": "DaemonSet",
        "metadata": {"name": "kube-flannel-ds", "namespace": _NAMESPACE, "labels": _LABELS},
        "spec": {
            "selector": {"matchLabels": {"app": "flannel"}},
            # Pods keep their network while flanneld restarts, so a tenth of the nodes at a time is safe.
            "updateStrategy": {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": "10%"}},
            "template": {
                # flanneld reads its configuration once: a changed one has to restart it.
                "metadata": {"labels": _LABELS, "annotations": {"kubewright.io/config-digest": config_digest}},
                "spec": _pod(image, endpoint),
            },
        },
    }


def _pod(image: str, endpoint: Endpoint) -> dict[str, Any]:
    return {
        "hostNetwork": True,
        "priorityClassName": "system-node-critical",
        "serviceAccountName": "flannel",
        "nodeSelector": {"kubernetes.io/os": "linux"},
        "tolerations": [{"operator": "Exists"}],
        "containers": [_container(image, endpoint)],
        "volumes": [
            {"name": "run", "hostPath": {"path": "/run/flannel", "type": "DirectoryOrCreate"}},
            {"name": "flannel-cfg", "configMap": {"name": "kube-flannel-cfg"}},
            {"name": "xtables-lock", "hostPath": {"path": "/run/xtables.lock", "type": "FileOrCreate"}},
        ],
    }


def _container(image: str, endpoint: Endpoint) -> dict[str, Any]:
    return {
        "name": "kube-flannel",
        "image": image,
        "imagePullPolicy": "IfNotPresent",
        "command": ["/opt/bin/flanneld"],
        # The interface of the node's own address: the default route can be on another network.
        "args": ["--kube-subnet-mgr", "--ip-masq", "--iface=$(NODE_IP)"],
        "env": _environment(endpoint),
        "resources": {"requests": {"cpu": "100m", "memory": "50Mi"}},
        "securityContext": {"privileged": False, "capabilities": {"add": ["NET_ADMIN", "NET_RAW"]}},
        "volumeMounts": [
            {"name": "run", "mountPath": "/run/flannel"},
            {"name": "flannel-cfg", "mountPath": "/etc/kube-flannel/"},
            {"name": "xtables-lock", "mountPath": "/run/xtables.lock"},
        ],
    }


def _environment(endpoint: Endpoint) -> list[dict[str, Any]]:
    fields = {"POD_NAME": "metadata.name", "POD_NAMESPACE": "metadata.namespace", "NODE_IP": "status.hostIP"}
    # The node's own way to the API, which works without kube-proxy and when any control plane is down.
    api = {"KUBERNETES_SERVICE_HOST": endpoint.host, "KUBERNETES_SERVICE_PORT": str(endpoint.port)}
    return [
        *({"name": name, "valueFrom": {"fieldRef": {"fieldPath": path}}} for name, path in fields.items()),
        *({"name": name, "value": value} for name, value in {**api, "EVENT_QUEUE_DEPTH": "5000"}.items()),
    ]
