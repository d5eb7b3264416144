"""kubeadm's configuration (API version v1beta4) for the first control plane and for every host that joins."""

from __future__ import annotations

from typing import Any

from kubewright.catalog.model import ArtifactSet
from kubewright.documents.inputs import (
    CRI_SOCKET,
    DISCOVERY_FILE,
    PATCHES_DIRECTORY,
    cluster_dns,
    image_reference,
    image_tag,
)
from kubewright.documents.metadata import taints
from kubewright.documents.render import merged, to_yaml
from kubewright.settings.model import ClusterSettings, Settings
from kubewright.topology.model import Host, Topology
from kubewright.topology.names import certificate_names

API_VERSION = "kubeadm.k8s.io/v1beta4"
NO_CERTIFICATES = "/run/kubewright/no-certificates"
"""A directory that is not there."""

CERTIFICATE_KEY = "{{certificate_key}}"
"""Stands for the key of the uploaded certificates, which only the node side knows."""


def init(host: Host, *, topology: Topology, settings: Settings, artifacts: ArtifactSet) -> str:
    """Return the YAML for ``kubeadm init`` on ``host``; the node side adds a bootstrap token of its own."""
    cluster = settings.cluster
    configuration = _init_configuration(host, settings)
    return to_yaml(configuration, _cluster(topology, cluster, artifacts), _kubelet(cluster), _kube_proxy(cluster))


def _init_configuration(host: Host, settings: Settings) -> dict[str, Any]:
    return {
        "apiVersion": API_VERSION,
        "kind": "InitConfiguration",
        "nodeRegistration": _registration(host, settings),
        "localAPIEndpoint": _api_endpoint(host, settings.cluster),
        "patches": {"directory": PATCHES_DIRECTORY},
    }


def member(host: Host, *, topology: Topology, settings: Settings, artifacts: ArtifactSet) -> str:
    """Return the YAML by which kubeadm on ``host`` can tell what its part of the cluster should be configured by.

    For a control plane that is what ``kubeadm init`` there would get. A worker has no keys of authorities, and without
    them kubeadm refuses a directory of certificates: it gets another one, and the path that the kubelet reads by name.
    """
    if host.is_control_plane:
        return init(host, topology=topology, settings=settings, artifacts=artifacts)
    cluster = settings.cluster
    configuration = _init_configuration(host, settings)
    version = {
        "apiVersion": API_VERSION,
        "kind": "ClusterConfiguration",
        "kubernetesVersion": f"v{artifacts.kubernetes}",
        "certificatesDir": NO_CERTIFICATES,
    }
    authority = {"authentication": {"x509": {"clientCAFile": f"{cluster.kube_cert_dir}/ca.crt"}}}
    return to_yaml(configuration, version, merged(authority, _kubelet(cluster)))


def join(host: Host, *, settings: Settings) -> str:
    """Return the YAML for ``kubeadm join`` on ``host``; the server is the discovery file's, a live control plane."""
    cluster = settings.cluster
    configuration: dict[str, Any] = {
        "apiVersion": API_VERSION,
        "kind": "JoinConfiguration",
        "caCertPath": f"{cluster.kube_cert_dir}/ca.crt",
        "discovery": {"file": {"kubeConfigPath": DISCOVERY_FILE}},
        "nodeRegistration": _registration(host, settings),
        "patches": {"directory": PATCHES_DIRECTORY},
    }
    if host.is_control_plane:
        configuration["controlPlane"] = {
            "localAPIEndpoint": _api_endpoint(host, cluster),
            "certificateKey": CERTIFICATE_KEY,
        }
    return to_yaml(configuration)


def _registration(host: Host, settings: Settings) -> dict[str, Any]:
    return {
        "name": host.node_name,
        "criSocket": CRI_SOCKET,
        "taints": taints(host, settings.hosts[host.name]),
        "kubeletExtraArgs": _arguments({"node-ip": host.main_ip.value}),
        "ignorePreflightErrors": list(settings.cluster.kubeadm_ignore_preflight_errors),
        # Images were put on the node and verified before.
        "imagePullPolicy": "Never",
    }


def _api_endpoint(host: Host, cluster: ClusterSettings) -> dict[str, Any]:
    return {"advertiseAddress": host.main_ip.value, "bindPort": cluster.kube_apiserver_port}


def _arguments(values: dict[str, str]) -> list[dict[str, str]]:
    return [{"name": name, "value": value} for name, value in values.items()]


def _cluster(topology: Topology, cluster: ClusterSettings, artifacts: ArtifactSet) -> dict[str, Any]:
    controller_manager = {"node-cidr-mask-size": str(cluster.kube_network_node_prefix)}
    etcd: dict[str, Any] = {
        "dataDir": cluster.etcd_data_dir,
        "imageTag": image_tag(image_reference(artifacts, "etcd")),
    }
    if cluster.etcd_extra_vars:
        etcd["extraArgs"] = _arguments(cluster.etcd_extra_vars)
    return {
        "apiVersion": API_VERSION,
        "kind": "ClusterConfiguration",
        "kubernetesVersion": f"v{artifacts.kubernetes}",
        "clusterName": cluster.cluster_name,
        "controlPlaneEndpoint": str(topology.endpoint),
        "certificatesDir": cluster.kube_cert_dir,
        "networking": {
            "dnsDomain": cluster.dns_domain,
            "podSubnet": cluster.kube_pods_subnet,
            "serviceSubnet": cluster.kube_service_addresses,
        },
        "apiServer": {
            "certSANs": list(certificate_names(topology, cluster)),
            "extraArgs": _arguments(cluster.kube_kubeadm_apiserver_extra_args),
        },
        "controllerManager": {"extraArgs": _arguments(controller_manager | cluster.kube_kubeadm_controller_extra_args)},
        "scheduler": {"extraArgs": _arguments(cluster.kube_kubeadm_scheduler_extra_args)},
        "etcd": {"local": etcd},
        # kubeadm's CoreDNS has a fixed address; see the module coredns.
        "dns": {"disabled": True},
    }


def _kubelet(cluster: ClusterSettings) -> dict[str, Any]:
    configuration = {
        "apiVersion": "kubelet.config.k8s.io/v1beta1",
        "kind": "KubeletConfiguration",
        "cgroupDriver": cluster.kubelet_cgroup_driver,
        "clusterDNS": [cluster_dns(cluster)],
        "clusterDomain": cluster.dns_domain,
        "failSwapOn": cluster.kubelet_fail_swap_on,
        "maxPods": cluster.kubelet_max_pods,
        "serializeImagePulls": False,
    }
    return merged(configuration, cluster.kubelet_config_extra_args)


def _kube_proxy(cluster: ClusterSettings) -> dict[str, Any]:
    configuration = {
        "apiVersion": "kubeproxy.config.k8s.io/v1alpha1",
        "kind": "KubeProxyConfiguration",
        "mode": cluster.kube_proxy_mode,
        "clusterCIDR": cluster.kube_pods_subnet,
    }
    return merged(configuration, cluster.kube_proxy_config_extra_args)
