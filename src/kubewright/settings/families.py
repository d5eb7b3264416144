"""Groups of Kubespray's names that mean something only under one setting: a plugin's, an engine's, an add-on's."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

_CLOUD = "external_cloud_provider"


@dataclass(frozen=True)
class Family:
    """Names with one of these prefixes; they mean something where ``switch`` has one of ``values``."""

    prefixes: tuple[str, ...]
    subject: str
    switch: str
    values: tuple[Any, ...] = (True,)

    def inapplicable(self, given: Mapping[str, Any], default: Any) -> str:
        """Return why the family's names mean nothing here; empty where they do.

        Args:
            given: values by name.
            default: what the switch is where it is not given.

        """
        value = given.get(self.switch, default)
        if spelling(value) in [spelling(wanted) for wanted in self.values]:
            return ""
        wanted = " or ".join(shown(value) for value in self.values)
        state = "is not given" if value is None else f"is {shown(value)}" if _is_plain(value) else "is another"
        return f"it belongs to {self.subject}, and {self.switch} {state}, not {wanted}"


def spelling(value: Any) -> Any:
    """Booleans as Ansible reads them from texts, so that ``yes`` and ``true`` are the same."""
    if isinstance(value, str) and value.lower() in ("true", "yes", "on", "false", "no", "off"):
        return ("boolean", value.lower() in ("true", "yes", "on"))
    return ("boolean", value) if isinstance(value, bool) else value


def shown(value: Any) -> str:
    """Return a plain value as YAML has it."""
    return str(value).lower() if isinstance(value, bool) else str(value) if value != "" else "empty"


def _is_plain(value: Any) -> bool:
    return value is None or isinstance(value, (bool, int)) or (isinstance(value, str) and len(value) < 40)


def _plugin(plugin: str, subject: str, *prefixes: str) -> Family:
    return Family((*prefixes, f"{plugin.replace('-', '_')}_"), subject, "kube_network_plugin", (plugin,))


def _cloud(provider: str, subject: str, *prefixes: str) -> Family:
    return Family(prefixes, subject, _CLOUD, (provider,))


def _addon(switch: str, subject: str, *prefixes: str) -> Family:
    return Family(prefixes or (switch.removesuffix("enabled"),), subject, switch)


_ENGINES = (
    Family(("docker_", "cri_dockerd_"), "Docker", "container_manager", ("docker",)),
    Family(("crio_",), "CRI-O", "container_manager", ("crio",)),
    Family(("skopeo_",), "CRI-O", "container_manager", ("crio",)),
)
_PLUGINS = (
    _plugin(
        *("calico", "Calico", "calicoctl_", "typha_", "peer_with_", "global_as_num", "nat_outgoing", "calico_rr"),
        *("enable_network_policy_", "rr_", "peers", "cluster_id", "local_as"),
    ),
    _plugin("cilium", "Cilium", "ciliumcli_", "hubble", "upgrade_post_cilium_"),
    _plugin("kube-ovn", "Kube-OVN"),
    _plugin("kube-router", "kube-router"),
    _plugin("macvlan", "macvlan", "enable_nat_default_gateway"),
    _plugin("custom_cni", "a CNI plugin of one's own"),
    _plugin("weave", "Weave"),
    _plugin("canal", "Canal"),
    Family(("multus_",), "Multus", "kube_network_plugin_multus"),
)
_ADDONS = (
    _addon("metallb_speaker_enabled", "MetalLB", "metallb_speaker_"),
    _addon("metallb_enabled", "MetalLB"),
    _addon("argocd_enabled", "Argo CD"),
    _addon("cert_manager_enabled", "cert-manager"),
    _addon(
        "registry_enabled", "the registry add-on", "registry_disk_", "registry_namespace", "registry_st", "registry_"
    ),
    _addon("metrics_server_enabled", "metrics-server"),
    _addon("node_feature_discovery_enabled", "Node Feature Discovery"),
    _addon("local_path_provisioner_enabled", "the local path provisioner"),
    _addon("local_volume_provisioner_enabled", "the local volume provisioner"),
    _addon("csi_snapshot_controller_enabled", "the snapshot controller", "snapshot_controller_", "csi_snapshot_"),
    _addon("ingress_alb_enabled", "the AWS load balancer controller", "alb_ingress_"),
    _addon("ingress_nginx_enabled", "ingress-nginx"),
    _addon("gateway_api_enabled", "the Gateway API"),
    _addon("helm_enabled", "Helm"),
    _addon("kube_vip_enabled", "kube-vip"),
    _addon("scheduler_plugins_enabled", "the scheduler plugins"),
    _addon("kubelet_csr_approver_enabled", "the kubelet's CSR approver"),
    _addon("prometheus_operator_crds_enabled", "the Prometheus operator's definitions"),
    _addon("nvidia_accelerator_enabled", "the NVIDIA driver", "nvidia_"),
    _addon("dashboard_enabled", "the dashboard"),
    _addon("deploy_netchecker", "netchecker", "netcheck_", "netchecker_", "agent_report_interval"),
    _addon("krew_enabled", "krew"),
    _addon("ntp_enabled", "time synchronisation"),
    _addon("kata_containers_enabled", "Kata containers"),
    _addon("gvisor_enabled", "gVisor"),
    _addon("crun_enabled", "crun"),
    _addon("youki_enabled", "youki"),
    _addon(
        "enable_nodelocaldns_secondary", "the second node-local DNS cache", "nodelocaldns_second", "skydns_server_sec"
    ),
    _addon("enable_nodelocaldns", "the node-local DNS cache", "nodelocaldns_"),
    _addon("enable_coredns_k8s_external", "CoreDNS's external names", "coredns_k8s_external_"),
    _addon("persistent_volumes_enabled", "the classes of persistent volumes", "storage_classes", "expand_persistent_"),
    _addon("cephfs_provisioner_enabled", "the CephFS provisioner"),
    _addon("rbd_provisioner_enabled", "the RBD provisioner"),
)
_CLOUDS = (
    _addon("aws_ebs_csi_enabled", "the AWS EBS driver"),
    _addon("azure_csi_enabled", "the Azure disk driver"),
    _addon("gcp_pd_csi_enabled", "the GCP disk driver"),
    _addon("cinder_csi_enabled", "the Cinder driver", "cinder_"),
    _addon("upcloud_csi_enabled", "the UpCloud driver", "upcloud_"),
    _addon("vsphere_csi_enabled", "the vSphere driver", "vsphere_"),
    _cloud("openstack", "OpenStack", "external_openstack_", "openstack_"),
    _cloud("vsphere", "vSphere", "external_vsphere_"),
    _cloud("oci", "Oracle's cloud", "external_oracle_", "oci_"),
    _cloud("huaweicloud", "Huawei's cloud", "external_huawei"),
    _cloud("hcloud", "Hetzner's cloud", "external_hcloud_"),
    Family(("azure_",), "Azure", "cloud_provider", ("azure",)),
)
_SECURITY = (
    _addon("kube_oidc_auth", "OpenID Connect", "kube_oidc_"),
    _addon("kube_webhook_token_auth", "webhook authentication", "kube_webhook_token_auth_"),
    _addon("kube_webhook_authorization", "webhook authorization", "kube_webhook_authorization_"),
    _addon("kubernetes_audit", "audit", "audit_log_", "audit_policy_"),
    _addon("kubernetes_audit_webhook", "the audit webhook", "audit_webhook_"),
    _addon(
        "kube_encrypt_secret_data", "encryption at rest", "kube_encrypt_", "kube_encryption_", "secrets_encryption_"
    ),
    _addon("kube_pod_security_use_default", "pod security", "kube_pod_security_"),
    _addon(
        *("kube_apiserver_use_authentication_config_file", "structured authentication"),
        "kube_apiserver_authentication_config_",
    ),
    _addon(
        *("kube_apiserver_use_authorization_config_file", "structured authorization"),
        "kube_apiserver_authorization_config_",
    ),
    _addon("auto_renew_certificates", "renewal of certificates", "auto_renew_certificates_"),
    _addon("kube_apiserver_tracing", "tracing of the API server", "kube_apiserver_tracing_"),
    _addon("kubelet_tracing", "tracing of the kubelet", "kubelet_tracing_"),
    _addon("containerd_tracing_enabled", "tracing of containerd", "containerd_tracing_"),
    _addon(
        "kube_reserved",
        "reserved resources of Kubernetes",
        *(f"kube_{kind}_reserved" for kind in ("cpu", "memory")),
        "kube_ephemeral_storage_reserved",
        "kube_pid_reserved",
        "kube_reserved_",
        "kube_master_",
    ),
    _addon(
        "system_reserved",
        "reserved resources of the system",
        *(f"system_{kind}_reserved" for kind in ("cpu", "memory")),
        "system_ephemeral_storage_reserved",
        "system_pid_reserved",
        "system_reserved_",
        "system_master_",
    ),
)
_NETWORK = (
    Family(
        (
            *("kube_proxy_strict_arp", "kube_proxy_exclude_cidrs", "kube_proxy_scheduler", "kube_proxy_tcp_"),
            *("kube_proxy_udp_", "kube_proxy_min_sync", "kube_proxy_ipvs_"),
        ),
        "kube-proxy's IPVS mode",
        "kube_proxy_mode",
        ("ipvs",),
    ),
    _addon(
        *(
            "ipv6_stack",
            "IPv6",
            "kube_service_addresses_ipv6",
            "kube_pods_subnet_ipv6",
            "kube_network_node_prefix_ipv6",
        ),
    ),
    Family(
        (
            *("etcd_cert_", "etcd_script_dir", "etcd_owner", "etcd_events_", "etcd_config_dir", "etcd_retries"),
            *("kube_etcd_", "force_etcd_cert_refresh", "etcd_docker_", "etcd_cluster_setup", "etcd_node_cert_hosts"),
        ),
        "an etcd of its own",
        "etcd_deployment_type",
        ("host", "docker"),
    ),
)

FAMILIES: tuple[Family, ...] = (*_ENGINES, *_PLUGINS, *_ADDONS, *_CLOUDS, *_SECURITY, *_NETWORK)
"""All families; the first one that a name belongs to counts."""


_SWITCHES = frozenset(family.switch for family in FAMILIES)


def family_of(name: str) -> Family | None:
    """Return the family that a name belongs to; a switch belongs to none."""
    if name in _SWITCHES:
        return None
    return next((family for family in FAMILIES if name.startswith(family.prefixes)), None)
