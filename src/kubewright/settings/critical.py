"""Settings of Kubespray's that decide a cluster's shape, data or security and that kubewright does not honour.

Such a setting must not be ignored, nor another value put in its place: the values that come to the same as what
kubewright does are accepted, any other is an error. An empty value is the same as none.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Critical:
    """One such setting: the values that are accepted, and what is not built (a noun phrase)."""

    accepted: tuple[Any, ...]
    subject: str


def _entries(subject: str, *names: str, accepted: tuple[Any, ...] = ()) -> dict[str, Critical]:
    return {name: Critical(accepted, subject) for name in names}


_NETWORK = {
    **_entries("IPv6", "ipv6_stack", "enable_dual_stack_networks", accepted=(False,)),
    **_entries("a cluster without IPv4", "ipv4_stack", accepted=(True,)),
    **_entries("a second CNI plugin", "kube_network_plugin_multus", "cilium_deploy_additionally", accepted=(False,)),
    **_entries("a cluster without kube-proxy", "kube_proxy_remove", accepted=(False,)),
    **_entries("another port range of NodePort services", "kube_apiserver_node_port_range", accepted=("30000-32767",)),
    **_entries("flannel's options apart from its back end", "flannel_interface", "flannel_interface_regexp"),
    **_entries("flannel's options apart from its back end", "flannel_vxlan_vni", accepted=(1,)),
    **_entries("flannel's options apart from its back end", "flannel_vxlan_port", accepted=(8472,)),
    **_entries("flannel's options apart from its back end", "flannel_vxlan_direct_routing", accepted=(False,)),
    **_entries("another cluster DNS than CoreDNS", "dns_mode", accepted=("coredns",)),
    **_entries("another cluster DNS than CoreDNS", "manual_dns_server"),
    **_entries(
        "further DNS configuration", "coredns_external_zones", "coredns_rewrite_block", "coredns_additional_configs"
    ),
    **_entries(
        "kube-proxy's addresses of NodePort services",
        "kube_proxy_nodeport_addresses",
        "kube_proxy_nodeport_addresses_cidr",
    ),
    **_entries("a cloud provider", "cloud_provider", "external_cloud_provider"),
}

_API = {
    **_entries("an API server bound to one address", "kube_apiserver_bind_address", accepted=("::", "0.0.0.0")),
    **_entries("kube-vip", "kube_vip_enabled", accepted=(False,)),
    **_entries(
        "authorization other than by Node and RBAC",
        "authorization_modes",
        accepted=(["Node", "RBAC"], ["RBAC", "Node"]),
    ),
    **_entries(
        "authentication and authorization beyond kubeadm's",
        "kube_oidc_auth",
        "kube_token_auth",
        "kube_webhook_token_auth",
        "kube_webhook_authorization",
        "kube_apiserver_use_authentication_config_file",
        "kube_apiserver_use_authorization_config_file",
        "remove_anonymous_access",
        "kubeadm_use_file_discovery",
        accepted=(False,),
    ),
    **_entries("an API server that refuses anonymous requests", "kube_api_anonymous_auth", accepted=(True,)),
    **_entries("audit", "kubernetes_audit", "kubernetes_audit_webhook", accepted=(False,)),
    **_entries("encryption of secrets at rest", "kube_encrypt_secret_data", accepted=(False,)),
    **_entries(
        "admission control beyond kubeadm's",
        "kube_apiserver_admission_control_config_file",
        "kube_pod_security_use_default",
        accepted=(False,),
    ),
    **_entries(
        "admission control beyond kubeadm's",
        "kube_apiserver_enable_admission_plugins",
        "kube_apiserver_disable_admission_plugins",
        "kube_apiserver_admission_event_rate_limits",
        "kube_resource_quota_limited_resources",
    ),
    **_entries("TLS versions and ciphers", "tls_min_version", "tls_cipher_suites"),
    **_entries("further API groups and versions", "kube_api_runtime_config"),
    **_entries("another storage back end", "kube_apiserver_storage_backend", accepted=("etcd3",)),
    **_entries(
        "feature gates apart from those in kubelet_config_extra_args and kube_kubeadm_*_extra_args",
        "kube_feature_gates",
        "kube_apiserver_feature_gates",
        "kube_controller_feature_gates",
        "kube_scheduler_feature_gates",
        "kube_proxy_feature_gates",
        "kubelet_feature_gates",
        "kubeadm_feature_gates",
    ),
    **_entries(
        "volumes of the control plane's pods",
        "apiserver_extra_volumes",
        "controller_manager_extra_volumes",
        "scheduler_extra_volumes",
    ),
    **_entries("kubeadm patches", "kubeadm_patches"),
    **_entries(
        "scheduler profiles", "kube_scheduler_profiles", "kube_scheduler_extenders", "kube_scheduler_config_extra_opts"
    ),
}

_CERTIFICATES = {
    **_entries("another path of certificates", "kube_cert_compat_dir", accepted=("/etc/kubernetes/pki",)),
    **_entries("another folder of static pods", "kube_manifest_dir", accepted=("/etc/kubernetes/manifests",)),
    **_entries("certificates from elsewhere", "kube_external_ca_mode", accepted=(False,)),
    **_entries("certificates from elsewhere", "cert_management", accepted=("script",)),
    **_entries("other lifetimes of certificates", "kube_cert_validity_period", accepted=("8760h",)),
    **_entries("other lifetimes of certificates", "kube_ca_cert_validity_period", accepted=("87600h",)),
    **_entries("other keys of certificates", "kube_asymmetric_encryption_algorithm", accepted=("RSA-2048",)),
}

_ADDRESSES = {
    **_entries(
        "control plane components that listen on other addresses than 127.0.0.1",
        "kube_controller_manager_bind_address",
        "kube_scheduler_bind_address",
        accepted=("127.0.0.1",),
    ),
    **_entries(
        "a kubelet that listens on one address", "kubelet_bind_address", "kubelet_address", accepted=("0.0.0.0", "::")
    ),
    **_entries("the network policies of a CNI plugin", "enable_network_policy", accepted=(False,)),
    **_entries("environment variables of a proxy", "proxy_env"),
    **_entries("steps of kubeadm that are left out", "kubeadm_init_phases_skip", "kubeadm_join_phases_skip"),
}

_HARDENING = {
    **_entries(
        "profiling that is off (kube_kubeadm_*_extra_args: {profiling: false} does it)",
        "kube_profiling",
        accepted=(True,),
    ),
    **_entries(
        "a default seccomp profile (kubelet_config_extra_args: {seccompDefault: true} does it)",
        "kubelet_seccomp_default",
        accepted=(False,),
    ),
    **_entries(
        "kernel settings that the kubelet insists on (kubelet_config_extra_args: {protectKernelDefaults: true} does)",
        "kubelet_protect_kernel_defaults",
        accepted=(False,),
    ),
    **_entries(
        "tokens of deleted service accounts that stay valid", "kube_apiserver_service_account_lookup", accepted=(True,)
    ),
    **_entries("a kubelet that leaves iptables alone", "kubelet_make_iptables_util_chains", accepted=(True,)),
    **_entries("pod security policies", "podsecuritypolicy_enabled", accepted=(False,)),
    **_entries("SELinux in another mode than the host's", "preinstall_selinux_state"),
    **_entries("SELinux in containers", "containerd_enable_selinux", accepted=(False,)),
    **_entries("containers without AppArmor", "containerd_disable_apparmor", accepted=(False,)),
    **_entries("an API port without TLS", "kube_apiserver_insecure_port", accepted=(0,)),
}

_ETCD = {
    **_entries(
        "a second etcd cluster for events",
        "etcd_events_cluster_enabled",
        "etcd_events_cluster_setup",
        accepted=(False,),
    ),
    **_entries("etcd without client certificates", "etcd_secure_client", "etcd_peer_client_auth", accepted=(True,)),
    **_entries("further names in etcd's certificates", "etcd_cert_alt_ips"),
    **_entries("another quota of etcd", "etcd_quota_backend_bytes", accepted=("2147483648", 2147483648)),
}

_NODE = {
    **_entries(
        "kubelet security settings beyond kubeadm's",
        "kubelet_systemd_hardening",
        "kubelet_rotate_server_certificates",
        accepted=(False,),
    ),
    **_entries(
        "kubelet security settings beyond kubeadm's",
        "kubelet_rotate_certificates",
        "kubelet_authentication_token_webhook",
        "kubelet_authorization_mode_webhook",
        accepted=(True,),
    ),
    **_entries("the kubelet's flags, other than fields in kubelet_config_extra_args,", "kubelet_custom_flags"),
    **_entries("another read-only port of the kubelet", "kube_read_only_port", accepted=(0, "0")),
    **_entries("another runtime than runc", "containerd_default_runtime", accepted=("runc",)),
    **_entries(
        "another runtime than runc",
        "kata_containers_enabled",
        "gvisor_enabled",
        "crun_enabled",
        "youki_enabled",
        accepted=(False,),
    ),
    **_entries("another runtime than runc", "containerd_additional_runtimes"),
    **_entries("another storage folder of containerd", "containerd_storage_dir", accepted=("/var/lib/containerd",)),
    **_entries("another snapshotter of containerd", "containerd_snapshotter", accepted=("overlayfs",)),
    **_entries("another state folder of containerd", "containerd_state_dir", accepted=("/run/containerd",)),
    **_entries(
        "another socket of the container engine",
        "cri_socket",
        accepted=("unix:///run/containerd/containerd.sock", "unix:///var/run/containerd/containerd.sock"),
    ),
}

_REGISTRIES = {
    **_entries(
        "mirrors of registries and their passwords",
        *("containerd_registries_mirrors", "containerd_registry_auth"),
        *("containerd_registries", "containerd_insecure_registries"),
    ),
    **_entries(
        "an image or file from elsewhere than kubewright_artifact_source and kubewright_artifact_mirror say",
        *("etcd_image_repo", "coredns_image_repo", "pod_infra_image_repo", "kube_proxy_image_repo"),
        *("flannel_image_repo", "flannel_init_image_repo", "haproxy_image_repo"),
        *("kubeadm_download_url", "kubelet_download_url", "kubectl_download_url", "etcd_download_url"),
        *("cni_download_url", "containerd_download_url", "runc_download_url", "crictl_download_url"),
    ),
    **_entries(
        "other registries and sites than kubewright_artifact_source and kubewright_artifact_mirror say",
        "registry_host",
        "files_repo",
        "kube_image_repo",
        "gcr_image_repo",
        "github_image_repo",
        "docker_image_repo",
        "quay_image_repo",
        "github_url",
        "dl_k8s_io_url",
        "storage_googleapis_url",
        "get_helm_url",
    ),
    **_entries("a proxy with a certificate authority of its own", "https_proxy_cert_file"),
}

_VERSIONS = _entries(
    "a version of a component (the catalogue gives it with kube_version)",
    "etcd_version",
    "containerd_version",
    "runc_version",
    "coredns_version",
    "flannel_version",
    "cni_version",
    "pod_infra_version",
    "haproxy_image_tag",
    "flannel_image_tag",
    "coredns_image_tag",
    "pod_infra_image_tag",
    "etcd_image_tag",
    "crictl_version",
)

CRITICAL: Mapping[str, Critical] = {
    **_NETWORK,
    **_API,
    **_ADDRESSES,
    **_HARDENING,
    **_CERTIFICATES,
    **_ETCD,
    **_NODE,
    **_REGISTRIES,
    **_VERSIONS,
}
"""All of them by name."""

KUBESPRAY_DEFAULTS: Mapping[str, str] = {
    "kube_network_plugin": "calico",
    "etcd_deployment_type": "host",
    "kube_proxy_mode": "ipvs",
}
"""Kubespray's defaults that are not built: without a value for one of these nothing can be deployed."""
