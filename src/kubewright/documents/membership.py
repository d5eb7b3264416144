"""What a member of the cluster is configured by: its kubelet, and on a control plane certificates and static pods.

Their content is not here: kubeadm on the node makes it of the document's ``kubeadm``. Before a host is a member there
is nothing of them to do, for ``kubeadm init`` and ``join`` make it.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Collection, Iterator

from kubewright.documents import kubelet
from kubewright.documents.inputs import host_port
from kubewright.documents.model import Resource
from kubewright.settings.model import ClusterSettings
from kubewright.topology.model import Host, Topology
from kubewright.topology.names import certificate_names, required_certificate_names

CONFIGURATION = "/var/lib/kubelet/config.yaml"
FLAGS = "/var/lib/kubelet/kubeadm-flags.env"
INSTANCE = "/var/lib/kubelet/instance-config.yaml"
STATIC_PODS = ("etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler")
"""In the order in which they are changed: the API server needs etcd, the others need the API server."""

_ETCD_CLIENTS, _ETCD_PEERS = 2379, 2380
_KUBELET = "kubelet_configuration"
_FILES = (CONFIGURATION, INSTANCE, FLAGS)
_KUBECONFIGS = ("admin", "super-admin", "controller-manager", "scheduler")
_KEYS = (
    *("ca", "apiserver-kubelet-client", "apiserver-etcd-client", "front-proxy-ca", "front-proxy-client", "sa"),
    *("etcd/ca", "etcd/healthcheck-client"),
)
"""Without those of the certificates that are resources of their own, which have their modes."""


def resources(
    host: Host, topology: Topology, cluster: ClusterSettings, former_names: Collection[str] = ()
) -> tuple[Resource, ...]:
    """Return the kubelet's configuration and what is private, then a control plane's certificates and static pods.

    ``former_names`` are those of control planes that left: certificates may have them.
    """
    of_kubelet = (
        *({"type": _KUBELET, "id": f"{_KUBELET}:{path}", "path": path, "restarts": [kubelet.UNIT]} for path in _FILES),
        {"type": "private_files", "id": "private_files:kubeadm", "files": list(_private(host, cluster))},
    )
    if not host.is_control_plane:
        return of_kubelet
    return (
        *of_kubelet,
        *_certificates(host, topology, cluster, former_names),
        *_static_pods(host, topology, cluster),
    )


def _private(host: Host, cluster: ClusterSettings) -> Iterator[str]:
    """Files that kubeadm makes for nobody but root: kubeconfigs, keys, manifests of static pods."""
    yield f"{cluster.kube_config_dir}/kubelet.conf"
    if not host.is_control_plane:
        return
    yield from (f"{cluster.kube_config_dir}/{name}.conf" for name in _KUBECONFIGS)
    yield from (f"{cluster.kube_cert_dir}/{name}.key" for name in _KEYS)
    yield from (f"{cluster.kube_config_dir}/manifests/{name}.yaml" for name in STATIC_PODS)


def _certificates(
    host: Host, topology: Topology, cluster: ClusterSettings, former_names: Collection[str]
) -> Iterator[Resource]:
    required = {*_kubeadms_own(host, cluster), *required_certificate_names(host, topology, cluster)}
    address = host.main_ip.value
    yield {
        **_certificate("apiserver", cluster),
        "phase": "apiserver",
        "authority": "ca",
        "address": host_port(address, cluster.kube_apiserver_port),
        "required": sorted(required),
        "allowed": sorted({*certificate_names(topology, cluster), *former_names} - required),
    }
    for kind, port in (("server", _ETCD_CLIENTS), ("peer", _ETCD_PEERS)):
        yield {
            **_certificate(f"etcd/{kind}", cluster),
            "phase": f"etcd-{kind}",
            "authority": "etcd/ca",
            "address": host_port(address, port),
            # kubeadm: pkiutil.GetEtcdAltNames and GetEtcdPeerAltNames.
            "required": sorted({host.node_name, "localhost", address, "127.0.0.1", "::1"}),
            "allowed": [],
        }


def _certificate(name: str, cluster: ClusterSettings) -> Resource:
    return {"type": "certificate", "id": f"certificate:{name}", "name": name, "directory": cluster.kube_cert_dir}


def _kubeadms_own(host: Host, cluster: ClusterSettings) -> set[str]:
    """Names that kubeadm gives to each API server (pkiutil.GetAPIServerAltNames)."""
    service = "kubernetes.default.svc"
    first = ipaddress.ip_network(cluster.kube_service_addresses).network_address + 1
    names = {host.node_name, "kubernetes", "kubernetes.default", service, f"{service}.{cluster.dns_domain}"}
    return names | {str(first), host.main_ip.value}


def _static_pods(host: Host, topology: Topology, cluster: ClusterSettings) -> Iterator[Resource]:
    others = [
        f"https://{host_port(other.main_access_ip.value, cluster.kube_apiserver_port)}"
        for other in topology.control_planes
        if other.name != host.name
    ]
    for name in STATIC_PODS:
        yield {
            "type": "static_pod",
            "id": f"static_pod:{name}",
            "name": name,
            "node": host.node_name,
            "address": host.main_ip.value,
            "certificates": cluster.kube_cert_dir,
            "servers": others,
        }
