"""The settings that kubewright honours: Kubespray's names where it has one, ``kubewright_*`` where it has none.

Cluster settings must have one value for all hosts of the cluster; host settings may differ. Both are pure values:
templating and the question of which file a value came from are the loader's.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from kubewright.settings.types import (
    AbsolutePath,
    DnsName,
    EtcdFlags,
    Flags,
    IpOrDnsName,
    Ipv4,
    Ipv6,
    KubeletFields,
    Labels,
    NodeName,
    OptionalDnsName,
    ProxyExceptions,
    ProxyFields,
    ProxyUrl,
    Serial,
    Taints,
    Version,
)


class _Settings(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", coerce_numbers_to_str=True)


class ExternalLoadBalancer(_Settings):
    """An address in front of all API servers that somebody else runs."""

    address: IpOrDnsName = Field(description="Its address or name.")
    port: int = Field(default=6443, ge=1, le=65535, description="Its port; kube_apiserver_port by default.")


class ClusterSettings(_Settings):
    """Settings with one value for the whole cluster."""

    kube_version: Version = Field(default="1.37.2", description="Kubernetes version, with or without a leading v.")
    cluster_name: DnsName = Field(default="cluster.local", description="Name of the cluster.")
    dns_domain: DnsName = Field(
        default="cluster.local", description="DNS domain of services and pods; defaults to cluster_name."
    )
    kube_network_plugin: Literal["flannel"] = Field(description="CNI plugin.")
    flannel_backend_type: Literal["vxlan", "host-gw"] = Field(
        default="vxlan", description="How flannel carries pod traffic."
    )
    kube_pods_subnet: str = Field(default="10.233.64.0/18", description="Pod network.")
    kube_network_node_prefix: int = Field(
        default=24, ge=16, le=30, description="Prefix length of each node's share of the pod network."
    )
    kube_service_addresses: str = Field(default="10.233.0.0/18", description="Service network.")
    skydns_server: str = Field(
        default="", description="Service address of the cluster DNS; the service network's third address by default."
    )
    kube_proxy_mode: Literal["iptables", "nftables"] = Field(description="How kube-proxy programs service addresses.")
    kube_apiserver_port: int = Field(
        default=6443, ge=1, le=65535, description="Port of the API servers and of the local load balancers."
    )
    loadbalancer_apiserver: ExternalLoadBalancer | None = Field(
        default=None, description="External load balancer; none means a local one on every worker."
    )
    apiserver_loadbalancer_domain_name: OptionalDnsName = Field(
        default="", description="Name of the external load balancer, used instead of its address."
    )
    loadbalancer_apiserver_type: Literal["haproxy"] = Field(
        default="haproxy", description="Local load balancer on workers."
    )
    loadbalancer_apiserver_healthcheck_port: int = Field(
        default=8081, ge=1, le=65535, description="Loopback port of the local load balancer's health page."
    )
    container_manager: Literal["containerd"] = Field(default="containerd", description="Container engine.")
    etcd_deployment_type: Literal["kubeadm"] = Field(description="How etcd is run: kubeadm means stacked static pods.")
    etcd_data_dir: AbsolutePath = Field(default="/var/lib/etcd", description="etcd's data directory on control planes.")
    bin_dir: AbsolutePath = Field(default="/usr/local/bin", description="Where binaries are put.")
    kube_config_dir: Literal["/etc/kubernetes"] = Field(
        default="/etc/kubernetes", description="Kubernetes' configuration directory."
    )
    kube_cert_dir: AbsolutePath = Field(
        default="/etc/kubernetes/ssl", description="Directory of the cluster's certificates."
    )
    supplementary_addresses_in_ssl_keys: tuple[str, ...] = Field(
        default=(), description="Further names and addresses for the API servers' certificates."
    )
    populate_inventory_to_hosts_file: bool = Field(
        default=True, description="Keep a block with all cluster hosts in every node's /etc/hosts."
    )
    kubeadm_ignore_preflight_errors: tuple[str, ...] = Field(
        default=(), description="Preflight checks of kubeadm whose errors are only warnings."
    )
    kube_kubeadm_apiserver_extra_args: Flags = Field(
        default_factory=dict, description="Further flags of the API servers."
    )
    kube_kubeadm_controller_extra_args: Flags = Field(
        default_factory=dict, description="Further flags of the controller managers."
    )
    kube_kubeadm_scheduler_extra_args: Flags = Field(
        default_factory=dict, description="Further flags of the schedulers."
    )
    etcd_extra_vars: EtcdFlags = Field(default_factory=dict, description="Further flags of etcd's members.")
    kubelet_config_extra_args: KubeletFields = Field(
        default_factory=dict, description="Fields merged into KubeletConfiguration."
    )
    kube_proxy_config_extra_args: ProxyFields = Field(
        default_factory=dict, description="Fields merged into KubeProxyConfiguration."
    )
    kubelet_max_pods: int = Field(default=110, ge=1, description="Pods per node at most.")
    kubelet_fail_swap_on: bool = Field(default=True, description="Whether the kubelet refuses to run with swap.")
    kubelet_cgroup_driver: Literal["systemd", "cgroupfs"] = Field(
        default="systemd", description="cgroup driver of the kubelet and the engine."
    )
    serial: Serial = Field(
        default="20%",
        description="How many workers restart their kubelet or engine at the same time: a number, or a share of those "
        "that have to.",
    )
    upstream_dns_servers: tuple[str, ...] = Field(
        default=(), description="Where CoreDNS forwards; the node's resolvers by default."
    )
    http_proxy: ProxyUrl = Field(
        default="", description="Proxy for http:// of the engine and of package installs on nodes."
    )
    https_proxy: ProxyUrl = Field(default="", description="Proxy for https:// of the same.")
    no_proxy: ProxyExceptions = Field(
        default=(), description="What is reached without the proxy, in place of the list that is made (see Topology)."
    )
    additional_no_proxy: ProxyExceptions = Field(
        default=(), description="Further names, addresses, networks and .domains that are reached without the proxy."
    )
    no_proxy_exclude_workers: bool = Field(
        default=False, description="Leave the workers' networks out of the list that is made."
    )
    skip_http_proxy_on_os_packages: bool = Field(
        default=False, description="Install packages on nodes without the proxy."
    )
    kubewright_containerd_restrict_oom_score_adj: bool = Field(
        default=False, description="Let containerd run where OOM scores cannot be lowered, as in containers."
    )
    kubewright_artifact_source: Literal["auto", "upstream", "mirror", "gomod", "bundle"] = Field(
        default="auto", description="Where binaries and images come from."
    )
    kubewright_artifact_mirror: str = Field(default="", description="Base URL of the mirror.")
    kubewright_artifact_bundle: str = Field(default="", description="Directory or tar file of the bundle.")
    kubewright_artifact_urls: tuple[str, ...] = Field(
        default=(),
        description="Base URLs that serve each artifact as URL/SHA256, such as a web server with a bundle's blobs; "
        "nodes try them before the controller.",
    )
    kubewright_artifact_delivery: Literal["auto", "controller", "ssh"] = Field(
        default="auto",
        description="How nodes get artifacts: by HTTP from the controller, over SSH, or the first that works.",
    )
    kubewright_fact_max_age: int = Field(
        default=86400, ge=0, description="Age in seconds up to which a cached address counts."
    )
    artifacts_dir: str = Field(
        default="", description="Where the kubeconfig is put; by default the inventory's artifacts directory."
    )


class HostSettings(_Settings):
    """Settings that each host may have its own value of."""

    ip: Ipv4 | None = Field(default=None, description="Address that the host binds.")
    access_ip: Ipv4 | None = Field(default=None, description="Address that other hosts reach it by.")
    ip6: Ipv6 | None = Field(default=None, description="IPv6 address that the host binds, with ipv6_stack.")
    access_ip6: Ipv6 | None = Field(
        default=None, description="IPv6 address that other hosts reach it by, with ipv6_stack."
    )
    ansible_host: str = Field(default="", description="Address or name for SSH.")
    kube_override_hostname: NodeName = Field(default="", description="Node name, if not the inventory's host name.")
    etcd_member_name: str = Field(
        default="", description="Name of the etcd member; kubeadm's default is the node name."
    )
    node_labels: Labels = Field(default_factory=dict, description="Labels of the Node.")
    node_taints: Taints = Field(default=(), description="Taints of the Node, as key=value:Effect.")
    kubelet_node_config_extra_args: KubeletFields = Field(
        default_factory=dict, description="Fields merged into this host's KubeletConfiguration, as a kubeadm patch."
    )

    @classmethod
    def from_valid(cls, raw: Mapping[str, Any]) -> HostSettings:
        """Return settings of values that were judged before, one by one or in a model that was dumped as JSON.

        A host that has nothing but texts, as most have, is not judged a second time: that is most of what it takes to
        read a thousand.
        """
        return _PLAIN.model_copy(update=raw) if raw.keys() <= _TEXTS else cls.model_validate(raw)


_PLAIN = HostSettings()
"""A host for which the inventory sets nothing."""

_TEXTS = frozenset(
    {"ip", "access_ip", "ip6", "access_ip6", "ansible_host", "kube_override_hostname", "etcd_member_name"}
)
"""Settings of hosts whose values are texts in JSON and out of it."""


@dataclass(frozen=True)
class Notice:
    """Something a user should know that stops nothing.

    ``subject`` is a host, ``file:line`` or a setting; ``text`` a sentence.
    """

    subject: str
    text: str

    def __str__(self) -> str:
        return f"{self.subject}: {self.text}"


@dataclass(frozen=True)
class Settings:
    """All settings of a cluster and its hosts.

    ``origins`` has ``file:line`` by host and name, of the names that were given.
    """

    cluster: ClusterSettings
    hosts: Mapping[str, HostSettings] = field(hash=False)
    notices: tuple[Notice, ...] = ()
    origins: Mapping[str, Mapping[str, str]] = field(default_factory=dict, hash=False)

    def origin(self, host: str, name: str) -> str:
        """Where the host's setting was given, as ``file:line``; empty if that is not known or it was not given."""
        return self.origins.get(host, {}).get(name, "")
