"""Judge the probes, compute the topology and write every document that a run needs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, TypedDict

from kubewright import artifacts
from kubewright.catalog.loader import load as load_catalog
from kubewright.catalog.model import ArtifactSet, Release
from kubewright.documents import ClusterDocument, NodeDocument, OsFamily, cluster_document, node_document
from kubewright.engine.configuration import configurations
from kubewright.engine.fan_out import write_fan_out
from kubewright.engine.finding import (
    TOPOLOGY,
    Found,
    api_url,
    complete,
    find_cluster,
    known_addresses,
    leaving_addresses,
    make_topology,
    remember_addresses,
)
from kubewright.engine.former import former_names
from kubewright.engine.inputs import Inputs
from kubewright.engine.leaving_out import leave_out
from kubewright.engine.record import Run
from kubewright.engine.refusing import refuse
from kubewright.errors import BadInputError, BadInputErrors, ForeignError, KubewrightError
from kubewright.plan.rules import host as host_rules
from kubewright.plan.rules import live
from kubewright.plan.situation import node_of
from kubewright.topology import Host, Topology, endpoint

DOCUMENTED = "documented"
"""The file of the run's folder with what :func:`make_documents` returned, where that was done beside remote calls."""

DISK_RESERVE = 512 * 2**20
"""Bytes left free beside the artifacts themselves, for logs and etcd."""


class _Source(TypedDict):
    source: str
    mirror: str
    bundle: str


@dataclass(frozen=True)
class Platform:
    """What of a host decides which bytes and packages it gets."""

    architecture: str
    os_family: OsFamily


def make_documents(run: Run) -> dict[str, Any]:
    """Judge the probes, compute the topology and write the documents of the hosts in scope.

    Raises:
        KubewrightError: of the kind of the first problem; several bad inputs come as one
            :class:`~kubewright.errors.BadInputErrors`.

    """
    inputs = Inputs.load(run)
    found = find_cluster(run, inputs)
    left_out = leave_out(run, inputs, found)
    known = known_addresses(run, inputs, found.cluster)
    topology = make_topology(inputs, found, known)
    run.write(TOPOLOGY, topology.to_json())
    remember_addresses(run, inputs, {**known, **leaving_addresses(run, inputs, found.cluster)})
    candidates = _candidates(run, inputs, found)
    _judge(host_rules.check(facts, expected) for facts, expected in candidates)
    servers = {host.name: api_url(host, inputs) for host in topology.control_planes}
    run.write("endpoint", {"url": topology.endpoint.url, "local": topology.endpoint.local, "servers": servers})
    run.write("former_names", list(former_names(inputs, found.cluster, topology)))
    probes = run.read_all("hosts")
    platforms = {host.name: platform(probes.get(host.name), host, found) for host in topology.hosts}
    if inputs.request.verb == "remove":
        _remember_only(run, inputs, topology, platforms)
        refuse(run, inputs, found, topology, _release(inputs))
        return {"left_out": left_out}
    resolved = _artifacts(run, inputs, {known.architecture for known in platforms.values() if known})
    _judge(
        host_rules.check_disk(facts, expected.host, _disk_needed(facts, expected, resolved))
        for facts, expected in candidates
        if expected.new
    )
    _write_node_documents(run, inputs, topology, {name: known for name, known in platforms.items() if known}, resolved)
    whole = _write_cluster_document(run, inputs, topology, resolved)
    if found.cluster is not None and inputs.request.verb != "check":
        wanted, running = configurations(whole, found.cluster)
        if found.cluster.ours:
            live.refuse_lost(wanted, running)
        live.refuse(wanted, running)
    if inputs.request.verb != "check":
        refuse(run, inputs, found, topology, _release(inputs))
    return {"left_out": left_out}


def _remember_only(run: Run, inputs: Inputs, topology: Topology, platforms: Mapping[str, Platform | None]) -> None:
    """Write the documents of a removal: only what those that stay must know of each other.

    Nothing is sent to them, so nothing is fetched either: a removal may be an emergency, and what the cache lacks is
    no reason to wait. Then nobody is told, and the plan says so.
    """
    known = {name: found for name, found in platforms.items() if found}
    resolved = {
        architecture: artifacts.recalled(_release(inputs), architecture=architecture, **_source(inputs))
        for architecture in sorted({found.architecture for found in known.values()})
    }
    cached = {architecture: found for architecture, found in resolved.items() if found is not None}
    if len(cached) < len(resolved) or not cached:
        write_fan_out(run, {}, {})
        run.write("cluster_document", vars(ClusterDocument()))
        return
    _write_node_documents(run, inputs, topology, known, cached)
    _write_cluster_document(run, inputs, topology, cached)


def _write_cluster_document(
    run: Run, inputs: Inputs, topology: Topology, resolved: Mapping[str, ArtifactSet]
) -> ClusterDocument:
    whole = cluster_document(
        topology=topology,
        settings=inputs.settings,
        release=_release(inputs),
        # The names of images are the same on every architecture.
        artifacts=next(iter(resolved.values())),
        joining=frozenset(run.read("scope")["scope"]),
    )
    run.write("cluster_document", vars(whole))
    return whole


def _source(inputs: Inputs) -> _Source:
    """Where the settings say that artifacts come from."""
    cluster = inputs.settings.cluster
    return {
        "source": cluster.kubewright_artifact_source,
        "mirror": cluster.kubewright_artifact_mirror,
        "bundle": cluster.kubewright_artifact_bundle,
    }


def _release(inputs: Inputs) -> Release:
    return load_catalog().release(inputs.settings.cluster.kube_version)


def _write_node_documents(
    run: Run,
    inputs: Inputs,
    topology: Topology,
    platforms: Mapping[str, Platform],
    resolved: Mapping[str, ArtifactSet],
) -> None:
    """Write the documents of the hosts in scope, and for all hosts what they must know of each other."""
    in_scope = set(run.read("scope")["scope"])
    kinds: dict[str, NodeDocument] = {}
    kind_of: dict[str, str] = {}
    former = tuple(run.read("former_names"))
    for host in topology.hosts:
        known = platforms.get(host.name)
        if known is None:
            continue
        kind = f"{'control plane' if host.is_control_plane else 'worker'}, {known.os_family}, {known.architecture}"
        kind_of[host.name] = kind
        if kind in kinds and host.name not in in_scope:
            continue
        document = node_document(
            host,
            topology=topology,
            settings=inputs.settings,
            release=_release(inputs),
            artifacts=resolved[known.architecture],
            os_family=known.os_family,
            former_names=former,
        )
        kinds.setdefault(kind, document)
        if host.name in in_scope:
            run.write(f"documents/{host.name}", document.to_json())
    write_fan_out(run, kinds, kind_of)


def platform(probe: Mapping[str, Any] | None, host: Host, found: Found) -> Platform | None:
    """A host's platform from its probe, else from its Node; None for a host that is neither looked at nor a member."""
    facts = (probe or {}).get("facts") or {}
    if facts:
        names = {facts["os"]["id"], *str(facts["os"]["id_like"]).split()}
        return Platform(facts["architecture"], "redhat" if names & {"rhel", "fedora", "centos"} else "debian")
    node = node_of(host, found.cluster)
    if node is None:
        return None
    # A Node tells its distribution's name, not its family; so far only one family passes the rules for hosts.
    return Platform(node.labels["kubernetes.io/arch"], "debian")


def _candidates(run: Run, inputs: Inputs, found: Found) -> list[tuple[dict[str, Any], host_rules.Expectation]]:
    """Facts and expectations of the hosts in scope that were probed."""
    candidates = []
    probes = run.read_all("hosts")
    for name in run.read("scope")["scope"]:
        probe = probes.get(name)
        if not probe or not probe.get("facts"):
            continue
        expected = host_rules.Expectation(
            host=name,
            new=not complete(name, inputs, found.cluster),
            control_plane=name in inputs.names.control_plane,
            api_port=inputs.settings.cluster.kube_apiserver_port,
            swap_allowed=not inputs.settings.cluster.kubelet_fail_swap_on,
            controller_time=probe["time"],
            local_balancer=endpoint(inputs.settings).local,
        )
        candidates.append((probe["facts"], expected))
    return candidates


def _judge(verdicts: Iterable[tuple[KubewrightError, ...]]) -> None:
    """Raise what is wrong: a foreign host before all else, else everything together."""
    errors = [error for verdict in verdicts for error in verdict]
    foreign = next((error for error in errors if isinstance(error, ForeignError)), None)
    if foreign:
        raise foreign
    bad = tuple(error for error in errors if isinstance(error, BadInputError))
    if len(bad) > 1:
        raise BadInputErrors(bad)
    if bad:
        raise bad[0]


def _disk_needed(
    facts: Mapping[str, Any], expected: host_rules.Expectation, resolved: Mapping[str, ArtifactSet]
) -> dict[str, int]:
    """Bytes by path that a new host needs.

    Images are kept packed and unpacked by the engine, about twice their archive.
    """
    if facts["kubewright"]["present"]:
        return {}  # an earlier run began here; what is missing is checked at the transfer
    wanted = resolved[facts["architecture"]].for_role(control_plane=expected.control_plane)
    size = sum(item.size for item in wanted)
    return {"/var/lib/containerd": 2 * size + DISK_RESERVE, "/var/lib/kubewright": DISK_RESERVE}


def _artifacts(run: Run, inputs: Inputs, architectures: set[str]) -> dict[str, ArtifactSet]:
    def report(component: str, state: str, fraction: float | None, seconds: float) -> None:
        if state != "cached":
            run.event("artifact", component=component, state=state, fraction=fraction, seconds=round(seconds, 1))

    return {
        architecture: artifacts.resolve(_release(inputs), architecture=architecture, report=report, **_source(inputs))
        for architecture in sorted(architectures)
    }
