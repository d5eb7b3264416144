"""What to use in the place of names that Kubespray removed."""

from __future__ import annotations

from collections.abc import Mapping

REPLACEMENTS: Mapping[str, str] = {
    "calico_backend": "calico_network_backend",
    "canal_iface": "kube_network_plugin with a plugin that is still there",
    "containerd_insecure_registries": "containerd_registries_mirrors",
    "containerd_registries": "containerd_registries_mirrors",
    "containerd_use_config_path": "containerd_registries_mirrors",
    "disable_swap": "kubelet_fail_swap_on",
    "dynamic_kubelet_configuration": "kubelet_config_extra_args",
    "enable_dual_stack_networks": "ipv4_stack and ipv6_stack",
    "etcd_kubeadm_enabled": "etcd_deployment_type: kubeadm",
    "etcd_tls_cipher_suites": "tls_cipher_suites",
    "eviction_hard_control_plane": "eviction_hard in the group_vars of kube_control_plane",
    "ingress_publish_status_address": "an ingress controller of your own",
    "kube_apiserver_insecure_port": "kube_apiserver_port; the API has no port without TLS any more",
    "kube_asymetric_encryption_algorithm": "kube_asymmetric_encryption_algorithm",
    "kube_master_cpu_reserved": "kube_cpu_reserved in the group_vars of kube_control_plane",
    "kube_master_ephemeral_storage_reserved": "kube_ephemeral_storage_reserved in the group_vars of kube_control_plane",
    "kube_master_memory_reserved": "kube_memory_reserved in the group_vars of kube_control_plane",
    "kube_master_pid_reserved": "kube_pid_reserved in the group_vars of kube_control_plane",
    "kubeadm_version": "kube_version",
    "kubelet_node_custom_flags": "kubelet_custom_flags in the group_vars of kube_node",
    "metallb_additional_address_pools": "metallb_config",
    "metallb_auto_assign": "metallb_config",
    "metallb_avoid_buggy_ips": "metallb_config",
    "metallb_ip_range": "metallb_config",
    "metallb_peers": "metallb_config",
    "metallb_pool_name": "metallb_config",
    "podsecuritypolicy_enabled": "pod security by namespace labels; Kubernetes has no PodSecurityPolicy since 1.25",
    "system_master_cpu_reserved": "system_cpu_reserved in the group_vars of kube_control_plane",
    "system_master_ephemeral_storage_reserved": "system_ephemeral_storage_reserved in the group_vars of"
    " kube_control_plane",
    "system_master_memory_reserved": "system_memory_reserved in the group_vars of kube_control_plane",
    "use_localhost_as_kubeapi_loadbalancer": "loadbalancer_apiserver_localhost",
}

_PREFIXES: Mapping[str, str] = {
    "canal_": "another kube_network_plugin",
    "cephfs_provisioner_": "a CSI driver for Ceph",
    "dashboard_": "the dashboard's own chart",
    "ingress_nginx_": "an ingress controller of your own",
    "krew_": "krew's own installer",
    "netcheck": "kubewright check",
    "openstack_": "external_cloud_provider: openstack",
    "podsecuritypolicy_": "pod security by namespace labels; Kubernetes has no PodSecurityPolicy since 1.25",
    "rbd_provisioner_": "a CSI driver for Ceph",
    "vsphere_": "external_cloud_provider: vsphere",
    "weave_": "another kube_network_plugin",
}
_SUFFIXES: Mapping[str, str] = {"_checksums": "nothing: the catalogue has the digests"}


def replacement(name: str) -> str:
    """Return what to use in the place of a removed name; empty if it can only be left out."""
    if exact := REPLACEMENTS.get(name):
        return exact
    for prefix, use in _PREFIXES.items():
        if name.startswith(prefix):
            return use
    return next((use for suffix, use in _SUFFIXES.items() if name.endswith(suffix)), "")
