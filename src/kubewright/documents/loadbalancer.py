"""The local load balancer of workers: haproxy on loopback, a static pod, in front of all API servers."""

from __future__ import annotations

from typing import Any

from kubewright.catalog.model import ArtifactSet
from kubewright.documents.inputs import host_port, image_reference
from kubewright.documents.model import Resource
from kubewright.documents.render import digest, to_yaml
from kubewright.documents.system import directory, file
from kubewright.settings.model import ClusterSettings
from kubewright.topology.model import Topology

NAME = "haproxy"
_CONFIG_IN_POD = "/usr/local/etc/haproxy"

# An API server's watches last up to an hour and clients ping idle connections every 30 s, so an hour of silence is a
# dead peer; keep-alive finds those sooner. A server that fails its checks loses its connections, so that clients move
# on at once. The server list changes only with the file, whose digest restarts the pod.
_CONFIG = """\
global
  log stdout format raw local0 notice
  maxconn 4000
  hard-stop-after 3s

defaults
  mode tcp
  log global
  option clitcpka
  option srvtcpka
  option redispatch 1
  retries 3
  timeout connect 3s
  timeout client 1h
  timeout server 1h
  timeout check 3s

frontend health
  mode http
  bind 127.0.0.1:{health_port}
  timeout client 10s
  timeout http-request 5s
  monitor-uri /healthz

frontend api
  bind {bind}
  default_backend control_planes

backend control_planes
  balance leastconn
  option httpchk GET /readyz
  http-check expect status 200
  default-server check check-ssl verify none inter 3s fastinter 1s downinter 2s fall 2 rise 1
  default-server on-marked-down shutdown-sessions
{servers}"""


def resources(topology: Topology, cluster: ClusterSettings, artifacts: ArtifactSet) -> tuple[Resource, ...]:
    """Return directory, configuration and static pod of the load balancer."""
    path = f"{cluster.kube_config_dir}/{NAME}"
    content = _configuration(topology, cluster)
    pod = _pod(path, content, topology.endpoint.port, cluster, image_reference(artifacts, NAME))
    return (
        directory(path),
        file(f"{path}/haproxy.cfg", content),
        file(f"{cluster.kube_config_dir}/manifests/haproxy.yaml", to_yaml(pod), mode="0600"),
    )


def fan_out(cluster: ClusterSettings) -> frozenset[str]:
    """Return the ids of the resources that follow the list of control planes."""
    return frozenset(
        {
            f"file:{cluster.kube_config_dir}/{NAME}/haproxy.cfg",
            f"file:{cluster.kube_config_dir}/manifests/haproxy.yaml",
        }
    )


def _configuration(topology: Topology, cluster: ClusterSettings) -> str:
    servers = "".join(
        f"  server {host.name} {host_port(host.main_access_ip.value, cluster.kube_apiserver_port)}\n"
        for host in topology.control_planes
    )
    return _CONFIG.format(
        health_port=cluster.loadbalancer_apiserver_healthcheck_port,
        bind=host_port(topology.endpoint.host, topology.endpoint.port),
        servers=servers,
    )


def _pod(directory_path: str, content: str, port: int, cluster: ClusterSettings, image: str) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": NAME,
            "namespace": "kube-system",
            "labels": {"k8s-app": "kube-haproxy"},
            "annotations": {"kubewright.io/config-digest": digest(content)},
        },
        "spec": {
            "hostNetwork": True,
            "priorityClassName": "system-node-critical",
            "automountServiceAccountToken": False,
            "terminationGracePeriodSeconds": 5,
            "containers": [_container(port, cluster.loadbalancer_apiserver_healthcheck_port, image)],
            "volumes": [{"name": "config", "hostPath": {"path": directory_path, "type": "Directory"}}],
        },
    }


def _container(port: int, health_port: int, image: str) -> dict[str, Any]:
    # The page is on loopback; a probe without a host would ask the node's own address.
    page = {"host": "127.0.0.1", "path": "/healthz", "port": health_port}
    return {
        "name": NAME,
        "image": image,
        "imagePullPolicy": "IfNotPresent",
        "command": ["haproxy", "-db", "-f", f"{_CONFIG_IN_POD}/haproxy.cfg"],
        "resources": {"requests": {"cpu": "25m", "memory": "32Mi"}},
        "livenessProbe": {"httpGet": page, "periodSeconds": 10, "failureThreshold": 3},
        "readinessProbe": {"httpGet": page, "periodSeconds": 10},
        "securityContext": _security_context(min(port, health_port)),
        "volumeMounts": [{"name": "config", "mountPath": _CONFIG_IN_POD, "readOnly": True}],
    }


def _security_context(lowest_port: int) -> dict[str, Any]:
    """Run as nobody without capabilities; only a port below 1024 needs root with the one capability for it."""
    context: dict[str, Any] = {"allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True}
    if lowest_port < 1024:
        return {**context, "runAsUser": 0, "capabilities": {"add": ["NET_BIND_SERVICE"], "drop": ["ALL"]}}
    return {**context, "runAsUser": 65534, "runAsGroup": 65534, "capabilities": {"drop": ["ALL"]}}
