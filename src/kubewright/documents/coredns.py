"""CoreDNS, the cluster's DNS, in place of kubeadm's own, whose address cannot be chosen.

The objects mean what kubeadm's do, with two differences that matter when a node dies: replicas never share a
node, and they leave a dead node after 30 s, not 5 minutes.
"""

from __future__ import annotations

from typing import Any

from kubewright.catalog.model import ArtifactSet
from kubewright.documents.inputs import cluster_dns, image_reference
from kubewright.settings.model import ClusterSettings

_COREFILE = """\
.:53 {{
    errors
    health {{
        lameduck 5s
    }}
    ready
    kubernetes {domain} in-addr.arpa ip6.arpa {{
        pods insecure
        fallthrough in-addr.arpa ip6.arpa
        ttl 30
    }}
    prometheus :9153
    forward . {upstreams} {{
        max_concurrent 1000
    }}
    cache 30 {{
        disable success {domain}
        disable denial {domain}
    }}
    loop
    reload
    loadbalance
}}
"""

_SELECTOR = {"k8s-app": "kube-dns"}


def objects(cluster: ClusterSettings, artifacts: ArtifactSet, hosts: int) -> tuple[dict[str, Any], ...]:
    """Return access, Corefile, Deployment (two replicas where there are two hosts) and Service."""
    corefile = _COREFILE.format(
        domain=cluster.dns_domain, upstreams=" ".join(cluster.upstream_dns_servers) or "/etc/resolv.conf"
    )
    return (
        *_access(),
        {"apiVersion": "v1", "kind": "ConfigMap", "metadata": _meta("coredns"), "data": {"Corefile": corefile}},
        _deployment(image_reference(artifacts, "coredns"), min(2, hosts)),
        _service(cluster_dns(cluster)),
    )


def _meta(name: str) -> dict[str, Any]:
    return {"name": name, "namespace": "kube-system", "labels": dict(_SELECTOR)}


def _access() -> tuple[dict[str, Any], ...]:
    group, verbs = "rbac.authorization.k8s.io", ["list", "watch"]
    meta = {"name": "system:coredns"}
    rules = [
        {"apiGroups": [""], "resources": ["services", "pods", "namespaces"], "verbs": verbs},
        {"apiGroups": ["discovery.k8s.io"], "resources": ["endpointslices"], "verbs": verbs},
    ]
    return (
        {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": _meta("coredns")},
        {"apiVersion": f"{group}/v1", "kind": "ClusterRole", "metadata": meta, "rules": rules},
        {
            "apiVersion": f"{group}/v1",
            "kind": "ClusterRoleBinding",
            "metadata": meta,
            "roleRef": {"apiGroup": group, "kind": "ClusterRole", "name": "system:coredns"},
            "subjects": [{"kind": "ServiceAccount", "name": "coredns", "namespace": "kube-system"}],
        },
    )


def _deployment(image: str, replicas: int) -> dict[str, Any]:
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": _meta("coredns"),
        "spec": {
            "replicas": replicas,
            "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 1}},
            "selector": {"matchLabels": _SELECTOR},
            "template": {"metadata": {"labels": _SELECTOR}, "spec": _pod(image)},
        },
    }


def _pod(image: str) -> dict[str, Any]:
    # Required, not preferred: the first replicas start when there is one node only and would stay on it together.
    apart = [{"labelSelector": {"matchLabels": _SELECTOR}, "topologyKey": "kubernetes.io/hostname"}]
    return {
        "priorityClassName": "system-cluster-critical",
        "serviceAccountName": "coredns",
        "nodeSelector": {"kubernetes.io/os": "linux"},
        "affinity": {"podAntiAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": apart}},
        "tolerations": [
            {"key": "CriticalAddonsOnly", "operator": "Exists"},
            {"key": "node-role.kubernetes.io/control-plane", "operator": "Exists", "effect": "NoSchedule"},
            *(
                {
                    "key": f"node.kubernetes.io/{key}",
                    "operator": "Exists",
                    "effect": "NoExecute",
                    "tolerationSeconds": 30,
                }
                for key in ("not-ready", "unreachable")
            ),
        ],
        "containers": [_container(image)],
        "dnsPolicy": "Default",
        "volumes": [
            {
                "name": "config-volume",
                "configMap": {"name": "coredns", "items": [{"key": "Corefile", "path": "Corefile"}]},
            }
        ],
    }


def _container(image: str) -> dict[str, Any]:
    ports = {
        "dns": (53, "UDP"),
        "dns-tcp": (53, "TCP"),
        "metrics": (9153, "TCP"),
        "liveness": (8080, "TCP"),
        "readiness": (8181, "TCP"),
    }
    return {
        "name": "coredns",
        "image": image,
        "imagePullPolicy": "IfNotPresent",
        "args": ["-conf", "/etc/coredns/Corefile"],
        "resources": {"limits": {"memory": "170Mi"}, "requests": {"cpu": "100m", "memory": "70Mi"}},
        "ports": [
            {"name": name, "containerPort": port, "protocol": protocol} for name, (port, protocol) in ports.items()
        ],
        "livenessProbe": {
            "httpGet": {"path": "/health", "port": "liveness"},
            "initialDelaySeconds": 60,
            "timeoutSeconds": 5,
            "failureThreshold": 5,
        },
        "readinessProbe": {"httpGet": {"path": "/ready", "port": "readiness"}, "periodSeconds": 2},
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "capabilities": {"add": ["NET_BIND_SERVICE"], "drop": ["ALL"]},
            "readOnlyRootFilesystem": True,
        },
        "volumeMounts": [{"name": "config-volume", "mountPath": "/etc/coredns", "readOnly": True}],
    }


def _service(address: str) -> dict[str, Any]:
    meta = _meta("kube-dns")
    meta["labels"] |= {"kubernetes.io/cluster-service": "true", "kubernetes.io/name": "CoreDNS"}
    meta["annotations"] = {"prometheus.io/port": "9153", "prometheus.io/scrape": "true"}
    ports = {"dns": (53, "UDP"), "dns-tcp": (53, "TCP"), "metrics": (9153, "TCP")}
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": meta,
        "spec": {
            "clusterIP": address,
            "selector": _SELECTOR,
            "ports": [
                {"name": name, "port": port, "protocol": protocol, "targetPort": port}
                for name, (port, protocol) in ports.items()
            ],
        },
    }
