"""The clusters whose documents are compared with golden files, and their documents as files."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any

import yaml

from kubewright.catalog.model import ArtifactSet, Kind, Release, ResolvedArtifact
from kubewright.documents import NodeDocument, OsFamily, cluster_document, node_document
from kubewright.settings.model import ClusterSettings, HostSettings, Settings
from kubewright.topology.model import Address, Endpoint, Host, Role, Source, Topology

NEEDED = {"kube_network_plugin": "flannel", "kube_proxy_mode": "iptables", "etcd_deployment_type": "kubeadm"}

_LOCAL = Endpoint("127.0.0.1", 6443, local=True)


@dataclass(frozen=True)
class Case:
    """A cluster: ``shown`` are the hosts whose node documents have a golden file."""

    name: str
    settings: Settings
    topology: Topology
    shown: tuple[str, ...]
    os_family: OsFamily = "debian"


def host(name: str, address: str, *roles: Role, access: str = "", node_name: str = "") -> Host:
    main = Address(address, Source.IP)
    other = Address(access, Source.ACCESS_IP) if access else Address(address, Source.MAIN_IP)
    return Host(name, node_name or name, main, other, f"{name}.example.net", frozenset(roles))


def control_plane(number: int, *, access: str = "", worker: bool = False) -> Host:
    roles = (Role.CONTROL_PLANE, Role.ETCD, *((Role.WORKER,) if worker else ()))
    return host(f"cp{number}", f"10.7.0.{number}", *roles, access=access)


def worker(number: int, *, access: str = "", node_name: str = "") -> Host:
    return host(f"worker{number}", f"10.7.0.{10 + number}", Role.WORKER, access=access, node_name=node_name)


def lab() -> Case:
    cluster = ClusterSettings.model_validate(
        NEEDED
        | {
            "kube_version": "1.37.2",
            "kubelet_config_extra_args": {"failCgroupV1": False, "featureGates": {"KubeletInUserNamespace": True}},
            "kubelet_fail_swap_on": False,
            "kubelet_cgroup_driver": "cgroupfs",
            "kubewright_containerd_restrict_oom_score_adj": True,
            "kube_proxy_config_extra_args": {"conntrack": {"maxPerCore": 0}},
            "kubeadm_ignore_preflight_errors": ["SystemVerification", "NumCPU", "Mem"],
        }
    )
    topology = Topology((control_plane(1), worker(1)), Endpoint("127.0.0.1", 6443, local=True))
    return _case("lab", cluster, topology, shown=("cp1", "worker1"))


def external_load_balancer() -> Case:
    cluster = ClusterSettings.model_validate(
        NEEDED
        | {
            "flannel_backend_type": "host-gw",
            "loadbalancer_apiserver": {"address": "10.7.0.100", "port": 8383},
            "apiserver_loadbalancer_domain_name": "api.example.net",
        }
    )
    hosts = (*(control_plane(number) for number in (1, 2, 3)), worker(1), worker(2))
    topology = Topology(hosts, Endpoint("api.example.net", 8383, local=False))
    return _case("external-load-balancer", cluster, topology, shown=("cp2", "worker2"))


def local_load_balancer() -> Case:
    """Three control planes, the last one in ``kube_node`` too, seen by others under other addresses."""
    cluster = ClusterSettings.model_validate(
        NEEDED
        | {
            "kube_apiserver_port": 8443,
            "loadbalancer_apiserver_healthcheck_port": 9081,
            "supplementary_addresses_in_ssl_keys": ["192.0.2.7", "kubernetes.example.org"],
        }
    )
    planes = (control_plane(1, access="192.0.2.1"), control_plane(2), control_plane(3, worker=True))
    topology = Topology((*planes, worker(1, access="192.0.2.11"), worker(2)), Endpoint("127.0.0.1", 8443, local=True))
    return _case("local-load-balancer", cluster, topology, shown=("cp3", "worker1"))


def custom() -> Case:
    """Everything that can be chosen is not the default, on Red Hat's packages."""
    cluster = ClusterSettings.model_validate(
        NEEDED
        | {
            "cluster_name": "factory",
            "dns_domain": "factory.internal",
            "kube_proxy_mode": "nftables",
            "kube_pods_subnet": "172.20.0.0/16",
            "kube_network_node_prefix": 25,
            "kube_service_addresses": "172.21.0.0/20",
            "skydns_server": "172.21.0.53",
            "upstream_dns_servers": ["192.0.2.53", "192.0.2.54"],
            "etcd_data_dir": "/srv/etcd",
            "bin_dir": "/opt/kubernetes/bin",
            "kube_cert_dir": "/etc/kubernetes/pki",
            "populate_inventory_to_hosts_file": False,
            "kube_kubeadm_apiserver_extra_args": {"audit-log-maxage": "7"},
            "kube_kubeadm_controller_extra_args": {"terminated-pod-gc-threshold": "500"},
            "kube_kubeadm_scheduler_extra_args": {"v": "3"},
            "etcd_extra_vars": {"quota-backend-bytes": "4294967296"},
            "kubelet_config_extra_args": {"evictionHard": {"memory.available": "200Mi"}},
            "kube_proxy_config_extra_args": {"nftables": {"syncPeriod": "45s"}},
            "kubelet_max_pods": 200,
        }
    )
    hosts = {
        "worker1": HostSettings.model_validate(
            {
                "kube_override_hostname": "press-1",
                "node_labels": {"example.net/hall": "north"},
                "node_taints": ["example.net/press=heavy:NoSchedule", "example.net/drain:NoExecute"],
                "kubelet_node_config_extra_args": {"maxPods": 50},
            }
        )
    }
    topology = Topology((control_plane(1), worker(1, node_name="press-1")), Endpoint("127.0.0.1", 6443, local=True))
    return _case("custom", cluster, topology, shown=("cp1", "worker1"), hosts=hosts, os_family="redhat")


def proxies() -> Case:
    """Behind a proxy, the hosts' network named by the inventory; a worker's other one is left out."""
    cluster = ClusterSettings.model_validate(
        NEEDED
        | {
            "http_proxy": "http://user:secret%40word@proxy.example.net:3128",
            "https_proxy": "http://proxy.example.net:3129",
            "additional_no_proxy": "10.7.0.0/16,.example.org",
            "no_proxy_exclude_workers": True,
        }
    )
    hosts = (control_plane(1), worker(1, access="192.0.2.11"))
    return _case("proxies", cluster, Topology(hosts, _LOCAL), shown=("cp1", "worker1"))


def given_no_proxy() -> Case:
    cluster = ClusterSettings.model_validate(
        NEEDED
        | {
            "http_proxy": "http://proxy.example.net:3128",
            "no_proxy": "localhost,.example.net",
            "skip_http_proxy_on_os_packages": True,
        }
    )
    return _case("given-no-proxy", cluster, Topology((control_plane(1), worker(1)), _LOCAL), shown=("worker1",))


def cases() -> tuple[Case, ...]:
    return lab(), external_load_balancer(), local_load_balancer(), custom(), proxies(), given_no_proxy()


def _case(
    name: str,
    cluster: ClusterSettings,
    topology: Topology,
    *,
    shown: tuple[str, ...],
    hosts: dict[str, HostSettings] | None = None,
    os_family: OsFamily = "debian",
) -> Case:
    every = {known.name: HostSettings() for known in topology.hosts} | (hosts or {})
    return Case(name, Settings(cluster, every), topology, shown, os_family)


def release() -> Release:
    return Release("1.37.2", {}, ())


def artifacts(*, runc: bool = False) -> ArtifactSet:
    """Artifacts as builds from Go modules give them; with ``runc`` as a binary, as upstream has it."""
    both, planes, workers = {"control-plane", "worker"}, {"control-plane"}, {"worker"}
    binary = ResolvedArtifact(
        "runc", Kind.BINARY, frozenset(both), destination="{bin_dir}/runc", sha256=_sha256("runc")
    )
    package = ResolvedArtifact("runc", Kind.BINARY, frozenset(both), packages=("runc",))
    engine = ("bin/containerd", "bin/containerd-shim-runc-v2", "bin/ctr")
    found = (
        _binary("kubelet", both),
        _binary("kubeadm", both),
        _binary("kubectl", planes),
        _archive("containerd", "{bin_dir}", engine),
        binary if runc else package,
        _archive("cni-plugins", "/opt/cni/bin", ("bridge", "host-local", "loopback", "portmap")),
        _image("kube-apiserver", "registry.k8s.io/kube-apiserver:v1.37.2", planes),
        _image("etcd", "registry.k8s.io/etcd:3.7.0-0", planes),
        _image("kube-proxy", "registry.k8s.io/kube-proxy:v1.37.2", both),
        _image("coredns", "registry.k8s.io/coredns/coredns:v1.14.6", both),
        _image("pause", "registry.k8s.io/pause:3.10.2", both),
        _image("flannel", "localhost/kubewright/flannel:v0.28.10", both),
        _image("haproxy", "localhost/kubewright/haproxy:bookworm", workers),
    )
    return ArtifactSet("1.37.2", "amd64", "gomod", found)


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _binary(name: str, roles: set[str]) -> ResolvedArtifact:
    destination = f"{{bin_dir}}/{name}"
    return ResolvedArtifact(name, Kind.BINARY, frozenset(roles), destination, sha256=_sha256(name), size=1000)


def _archive(name: str, destination: str, members: tuple[str, ...]) -> ResolvedArtifact:
    digests = {member: _sha256(member) for member in members}
    roles = frozenset({"control-plane", "worker"})
    return ResolvedArtifact(name, Kind.ARCHIVE, roles, destination, sha256=_sha256(name), size=2000, members=digests)


def _image(name: str, reference: str, roles: set[str]) -> ResolvedArtifact:
    return ResolvedArtifact(name, Kind.IMAGE, frozenset(roles), reference=reference, sha256=_sha256(name), size=3000)


def rendered(case: Case) -> dict[str, str]:
    """Every document of the cluster as text, by the name of its golden file."""
    topology, settings = case.topology, case.settings
    cluster = cluster_document(topology=topology, settings=settings, release=release(), artifacts=artifacts())
    nodes = {name: node(case, name) for name in case.shown}
    first = case.topology.control_planes[0].name
    return {
        f"kubeadm-init-{first}.yaml": cluster.kubeadm_init[first],
        **{f"kubeadm-join-{name}.yaml": cluster.kubeadm_join[name] for name in case.shown},
        "objects.yaml": _yaml(*cluster.objects),
        "node-metadata.yaml": _yaml(cluster.node_metadata),
        **{f"node-{name}.yaml": _node(document) for name, document in nodes.items()},
    }


def node(case: Case, name: str) -> NodeDocument:
    return node_document(
        case.topology[name],
        topology=case.topology,
        settings=case.settings,
        release=release(),
        artifacts=artifacts(),
        os_family=case.os_family,
    )


def _node(document: NodeDocument) -> str:
    return _yaml({**document.to_json(), "fan_out": sorted(document.fan_out)})


def _yaml(*documents: dict[str, Any]) -> str:
    return yaml.dump_all(documents, Dumper=_ReadableDumper, sort_keys=False, width=160)


class _ReadableDumper(yaml.SafeDumper):
    """Texts of several lines as such, so that a difference in a file is a difference of its lines."""

    def ignore_aliases(self, data: Any) -> bool:
        return True

    def represent_text(self, text: str) -> yaml.ScalarNode:
        return self.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else None)


_ReadableDumper.add_representer(str, _ReadableDumper.represent_text)
