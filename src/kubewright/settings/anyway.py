"""Values and names that need no work: what they say happens anyway, or has no counterpart in how kubewright works."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

SAME: Mapping[str, tuple[Any, ...]] = {
    "allow_ungraceful_removal": (False,),
    "auto_renew_certificates": (False,),
    "containerd_oom_score": (0,),
    "coredns_ordinal_suffix": ("",),
    "deploy_container_engine": (True,),
    "deploy_coredns": (True,),
    "disable_host_nameservers": (False,),
    "download_container": (True,),
    "download_validate_certs": (True,),
    "enable_nodelocaldns": (False,),
    "event_ttl_duration": ("1h0m0s", "1h"),
    "ignore_assert_errors": (False,),
    "k8s_image_pull_policy": ("IfNotPresent",),
    "kube_log_level": (2,),
    "kube_apiserver_etcd_compaction_interval": ("5m0s", "5m"),
    "kube_apiserver_pod_eviction_not_ready_timeout_seconds": ("300", 300),
    "kube_apiserver_pod_eviction_unreachable_timeout_seconds": ("300", 300),
    "kube_apiserver_request_timeout": ("1m0s", "60s", "1m"),
    "kube_controller_node_monitor_grace_period": ("40s",),
    "kube_controller_node_monitor_period": ("5s",),
    "kubeconfig_localhost": (True,),
    "kubelet_status_update_frequency": ("10s",),
    "ndots": (5,),
    "override_system_hostname": (False,),
    "rbac_enabled": (True,),
    "resolvconf_mode": ("none",),
    "skip_downloads": (False,),
    "skip_kubeadm_images": (False,),
    "unsafe_show_logs": (False,),
}
"""By name, the values that come to what kubewright does."""

NO_COUNTERPART: Mapping[str, str] = {
    "allow_unsupported_distribution_setup": "hosts are judged by what they can do, not by their distribution's name",
    "cloud_image": "it belongs to Kubespray's own tests",
    "cluster_layout": "it belongs to Kubespray's own tests",
    "credentials_dir": "no credentials are kept in files beside the inventory",
    "default_kubelet_config_dir": "Kubernetes has no dynamic configuration of the kubelet any more",
    "deploy_netchecker": "the verb check does it without pods of its own",
    "download_cache_dir": "artifacts are kept in kubewright's own store",
    "download_force_cache": "artifacts are kept in kubewright's own store",
    "download_localhost": "artifacts are always fetched on the controller",
    "download_run_once": "artifacts are always fetched once, on the controller",
    "download_keep_remote_cache": "artifacts are kept in kubewright's own store",
    "etcd_member_name": "kubeadm names an etcd member after its Node",
    "kube_apiserver_ip": "Kubernetes takes the first address of kube_service_addresses",
    "kube_cert_group": "certificates belong to root",
    "kube_owner": "what is put on a node belongs to root",
    "kube_script_dir": "no scripts are put on nodes",
    "kube_token_dir": "tokens are made for a run and removed after it",
    "kube_version_min_required": "the catalogue says which versions are supported",
    "kubeadm_patches_dir": "the patches of a run have a folder of their own",
    "kubeadm_certificate_key": "joins of control planes use a new key each time",
    "kubectl_localhost": "the verb kubectl needs none on the controller",
    "kube_pods_subnets": "it is made of kube_pods_subnet",
    "kube_service_subnets": "it is made of kube_service_addresses",
    "main_access_ip": "it is computed, from access_ip and others",
    "main_access_ips": "it is computed, from access_ip and others",
    "main_ip": "it is computed, from ip and others",
    "main_ips": "it is computed, from ip and others",
    "local_release_dir": "artifacts are kept in kubewright's own store",
    "minimal_master_memory_mb": "kubeadm judges a host's memory",
    "minimal_node_memory_mb": "kubeadm judges a host's memory",
    "mode": "it belongs to Kubespray's own tests",
    "ping_access_ip": "addresses are checked by connecting to them",
    "proxy_disable_env": "Ansible's tasks on nodes use no network",
    "retry_stagger": "what is waited for has a deadline, not a number of tries",
    "unsafe_show_logs": "secrets are never shown",
}
"""By name, why it means nothing here."""

_NO_COUNTERPART_PREFIXES: Mapping[str, str] = {
    "download_": "artifacts are fetched by kubewright's own store, with their digests",
    "image_": "images are imported from kubewright's own store",
    "nerdctl_": "nerdctl is not installed",
    "upgrade_": "there is no upgrade yet",
    "drain_": "there is no upgrade or removal yet",
    "testcases_": "it belongs to Kubespray's own tests",
    "reset_": "there is no reset yet",
}
_NO_COUNTERPART_SUFFIXES: Mapping[str, str] = {
    "_image_info_command": "images are imported from kubewright's own store",
    "_image_pull_command": "images are imported from kubewright's own store",
    "_supported_versions": "the catalogue says which versions are supported",
}


def no_counterpart(name: str) -> str:
    """Return why a name means nothing here, whatever the cluster; empty if it does."""
    if reason := NO_COUNTERPART.get(name):
        return reason
    for prefix, reason in _NO_COUNTERPART_PREFIXES.items():
        if name.startswith(prefix):
            return reason
    return next((reason for suffix, reason in _NO_COUNTERPART_SUFFIXES.items() if name.endswith(suffix)), "")
