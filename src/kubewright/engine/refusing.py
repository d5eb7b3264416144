"""Ask the rules that refuse a run by name, from everything that was found."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from kubewright.catalog.loader import load as load_catalog
from kubewright.catalog.model import Release
from kubewright.engine.configuration import live_configuration
from kubewright.engine.finding import Found, complete, place_of
from kubewright.engine.inputs import Inputs, leaving_hosts
from kubewright.engine.leftout import without_steps
from kubewright.engine.record import Run
from kubewright.observe.model import ObservedCluster
from kubewright.plan.rules import capacity, identity, offline, skew
from kubewright.plan.rules.refusals import enforce
from kubewright.topology import Host, Source, Topology


def refuse(run: Run, inputs: Inputs, found: Found, topology: Topology, release: Release) -> tuple[str, ...]:
    """Refuse a run that a rule forbids; sentences about what was skipped by ``--force``.

    Raises:
        RefusedError: a rule refuses, and is mandatory or was not named.

    """
    wanted = set(run.read("scope")["scope"]) - set(without_steps(run))
    new = [host for host in topology.hosts if host.name in wanted and not complete(host.name, inputs, found.cluster)]
    refusals = (
        *_skew(new, found.cluster, release),
        *_capacity(new, inputs, found.cluster),
        *_identity(run, new, topology, found.cluster),
        *identity.refuse_changed(_members(topology, found.cluster)),
        *offline.refuse(_signs_of_life(run, inputs, found.cluster)),
    )
    skipped = enforce(refusals, inputs.request.force)
    run.write("skipped", list(skipped))
    return skipped


def _skew(new: list[Host], cluster: ObservedCluster | None, release: Release) -> Iterator[Any]:
    if cluster is None:
        return
    additions = tuple(skew.Addition(host.node_name, host.is_control_plane) for host in new)
    before = versions(cluster)
    after = skew.added(before, additions, kubernetes=release.kubernetes, etcd=release.versions["etcd"])
    yield from skew.refuse(before, after, load_catalog().skew)


def versions(cluster: ObservedCluster) -> skew.Versions:
    """All versions that a live cluster told."""
    names = {member.member_id: member.name for member in cluster.etcd_members}
    servers = {server.node: server.version for server in cluster.api_servers if server.version}
    proxies = [image for load in cluster.workloads if load.name == "kube-proxy" for image in load.images]
    tag = re.search(r":v?([0-9][^:@/]*)(@|$)", proxies[0]) if proxies else None
    return skew.Versions(
        api_servers=servers or {cluster.via: cluster.version},
        kubelets={node.name: node.kubelet_version for node in cluster.nodes},
        etcd={names.get(told.member_id, told.member_id): told.version for told in cluster.etcd_status},
        kube_proxy=tag.group(1) if tag else "",
    )


def _capacity(new: list[Host], inputs: Inputs, cluster: ObservedCluster | None) -> Iterator[Any]:
    if inputs.request.verb == "remove":
        return  # there is more room afterwards, whatever kubeadm's configuration says, or no longer says
    members = {node.name for node in cluster.nodes} if cluster else set()
    names = members | {host.node_name for host in new}
    yield from capacity.refuse(_network(inputs, cluster), len(names), len(names - members))


def _network(inputs: Inputs, cluster: ObservedCluster | None) -> capacity.Network:
    """The live cluster's pod network where there is one, as wanted where not."""
    wanted = inputs.settings.cluster
    live: Mapping[str, Any] = live_configuration(cluster) if cluster else {}
    arguments = (live.get("controllerManager") or {}).get("extraArgs") or []
    prefixes = [str(each["value"]) for each in arguments if each.get("name") == "node-cidr-mask-size"]
    return capacity.Network(
        pods=(live.get("networking") or {}).get("podSubnet") or wanted.kube_pods_subnet,
        node_prefix=int(prefixes[0]) if prefixes else wanted.kube_network_node_prefix,
        max_pods=wanted.kubelet_max_pods,
    )


def _identity(run: Run, new: list[Host], topology: Topology, cluster: ObservedCluster | None) -> Iterator[Any]:
    probes = run.read_all("hosts")

    def identity_of(host: Host) -> identity.Identity:
        facts = probes.get(host.name, {}).get("facts") or {}
        return identity.Identity(f"host {host.name}", host.node_name, facts.get("machine_id", ""), host.main_ip.value)

    names = {host.name for host in new}
    others = [identity_of(host) for host in topology.hosts if host.name not in names and host.name in probes]
    nodes = [
        identity.Identity(f"node {node.name}", node.name, node.machine_id, node.internal_ip)
        for node in (cluster.nodes if cluster else ())
    ]
    yield from identity.refuse([identity_of(host) for host in new], [*nodes, *others])


def _members(topology: Topology, cluster: ObservedCluster | None) -> list[identity.Member]:
    """Hosts of the inventory that are complete members, with their addresses as either side has them."""
    if cluster is None:
        return []
    peers = {member.name: member.peer_ip for member in cluster.etcd_members if member.name}
    complete_ones = (cluster.record or {}).get("fan_out", {})
    members = []
    for host in topology.hosts:
        node = cluster.node(host.node_name)
        if node is not None and node.name in complete_ones:
            given = tuple(address.value for address in host.main_ips if address.source is Source.IP)
            internal = (address for kind, address in node.addresses if kind == "InternalIP")
            peer = peers.get(host.etcd_member_name or host.node_name, "")
            members.append(
                identity.Member(host.name, node.name, given, tuple(dict.fromkeys((node.internal_ip, *internal))), peer)
            )
    return members


def _signs_of_life(run: Run, inputs: Inputs, cluster: ObservedCluster | None) -> Iterator[offline.Sign]:
    """Hosts that are said to be dead, and that live or may live.

    Another machine at the host's address is none of it, nor is one that has nothing of Kubernetes.
    """
    probes = run.read_all("hosts")
    for host in leaving_hosts(inputs) if inputs.request.offline else ():
        probe = probes.get(host.name)
        if probe is None:
            continue
        if not probe["reachable"]:
            if probe["answered"]:
                yield offline.Sign(host.name, str(probe["cause"]))
            continue
        facts = probe["facts"]
        kubernetes = facts["kubernetes"]
        there = facts["kubewright"]["present"] or kubernetes["kubelet_conf"] or kubernetes["kubelet_active"]
        if there and place_of(host, cluster).machine_id in ("", facts["machine_id"]):
            yield offline.Sign(host.name)
