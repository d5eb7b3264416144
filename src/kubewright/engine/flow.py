"""The decisions of a run between its remote calls: which cluster, whom to look at, which documents, which plan.

Files in the run's folder, in the order in which they come to be: ``inputs``, ``observations/HOST`` (control planes
asked), ``cluster``, ``scope``, ``hosts/HOST`` (probes), ``documents/HOST``, ``cluster_document``, ``inspections/HOST``,
``objects``, ``plan``, ``done/STAGE`` and ``result``.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from kubewright import artifacts
from kubewright.catalog.loader import load as load_catalog
from kubewright.catalog.model import ArtifactSet, Release
from kubewright.documents import ClusterDocument, OsFamily, cluster_document, node_document
from kubewright.engine.inputs import ADDRESS_CACHE, Inputs
from kubewright.engine.record import Run, write_json
from kubewright.errors import (
    BadInputError,
    BadInputErrors,
    ForeignError,
    KubewrightError,
    StepFailedError,
    UnreachableError,
)
from kubewright.observe import parse_cluster
from kubewright.observe.model import ObservedCluster
from kubewright.plan import Change, Plan, Situation, compute
from kubewright.plan.compute import Inspection
from kubewright.plan.rules import host as host_rules
from kubewright.plan.rules import live
from kubewright.topology import Host, KnownAddresses, Topology, build, missing

DISK_RESERVE = 512 * 2**20
"""Bytes left free beside the artifacts themselves, for logs and etcd."""


@dataclass(frozen=True)
class Found:
    """What asking the control planes gave: a live cluster, a half-made one on a host, or neither."""

    cluster: ObservedCluster | None
    half_made: str
    unreachable: Mapping[str, str]


def find_cluster(run: Run, inputs: Inputs) -> Found:
    """Judge the answers of the control planes that were asked.

    Raises:
        UnreachableError: no cluster was found and a control plane that may hold it did not answer.
        StepFailedError: a control plane has a cluster whose API does not answer, and no other one answers either.

    """
    answers = run.read_all("observations")
    unreachable = {host: answer["error"] for host, answer in answers.items() if not answer["reachable"]}
    for host, answer in answers.items():
        if answer.get("state", {}).get("answers"):
            cluster = parse_cluster(host, answer["state"])
            begun = "init" in answer["state"]["unfinished"] and not cluster.ours
            return Found(cluster, host if begun else "", unreachable)
    for host in inputs.names.control_plane:
        if "init" in answers.get(host, {}).get("state", {}).get("unfinished", {}):
            return Found(None, host, unreachable)
    if unreachable:
        host, reason = next(iter(unreachable.items()))
        raise UnreachableError(
            reason_subject(host), reason, "A cluster may live there; bring it back, or take it out of the inventory"
        )
    silent = [host for host, answer in answers.items() if answer.get("state", {}).get("present")]
    if silent:
        _refuse_silent(silent, answers)
    return Found(None, "", unreachable)


def reason_subject(host: str) -> str:
    """The subject of an error about a host that does not answer."""
    return f"host {host}"


def _refuse_silent(silent: list[str], answers: Mapping[str, Any]) -> None:
    raise StepFailedError(
        f"control plane {', '.join(silent)}",
        f"there is a cluster but its API does not answer: {answers[silent[0]]['state'].get('reason', '')}",
        "Look at the API server and etcd there (crictl or ctr, journalctl -u kubelet)",
    )


def choose_scope(run: Run) -> dict[str, Any]:
    """Decide whom to look at. The result is the registered value that the playbook loops over."""
    inputs = Inputs.load(run)
    found = find_cluster(run, inputs)
    cluster = found.cluster
    wanted = [name for name in inputs.scope if inputs.request.verb != "scale" or not _complete(name, inputs, cluster)]
    lacking = [
        name for name in missing(inputs.names, inputs.settings, _known(run, inputs, cluster)) if name not in wanted
    ]
    via = cluster.via if cluster else found.half_made or next(iter(inputs.names.control_plane))
    limited = inputs.request.ansible_limited
    scope = {
        "scope": wanted,
        "hosts": (wanted if limited else [*wanted, *lacking]) or [via],
        "delegated": lacking if limited else [],
        "via": via,
        "compare_objects": cluster is not None and cluster.ours and inputs.request.verb != "scale",
        "half_made": found.half_made,
    }
    if limited and not wanted:
        scope["hosts"] = list(inputs.scope)
    run.write("scope", scope)
    return scope


def _complete(name: str, inputs: Inputs, cluster: ObservedCluster | None) -> bool:
    """Whether the record says that a host was brought all the way into the cluster."""
    record = (cluster.record or {}) if cluster else {}
    node_name = inputs.settings.hosts[name].kube_override_hostname or name
    nodes = {node.name for node in cluster.nodes} if cluster else set()
    return node_name in nodes and node_name in record.get("fan_out", {})


def _known(run: Run, inputs: Inputs, cluster: ObservedCluster | None) -> dict[str, KnownAddresses]:
    """All that is known of every host's address apart from the inventory."""
    cached = _cached_addresses(inputs)
    probes = run.read_all("hosts")
    nodes = {node.name: node.internal_ip for node in cluster.nodes} if cluster else {}
    peers = {member.name: member.peer_ip for member in cluster.etcd_members} if cluster else {}
    known = {}
    for name in inputs.names.all:
        host = inputs.settings.hosts[name]
        node_name = host.kube_override_hostname or name
        gathered = (probes.get(name, {}).get("facts") or {}).get("default_ipv4") or {}
        known[name] = KnownAddresses(
            node=nodes.get(node_name),
            etcd=peers.get(host.etcd_member_name or node_name),
            cached=cached.get(name),
            gathered=gathered.get("address"),
        )
    return known


def _cached_addresses(inputs: Inputs) -> dict[str, str]:
    path = Path(inputs.state_directory) / ADDRESS_CACHE
    try:
        raw = json.loads(path.read_text())
    except (FileNotFoundError, json.JSONDecodeError):
        return {}  # a cache that is absent or damaged only costs a question to the host
    oldest = time.time() - inputs.settings.cluster.kubewright_fact_max_age
    return {name: entry["address"] for name, entry in raw.items() if entry["time"] >= oldest}


def _remember_addresses(run: Run, inputs: Inputs) -> None:
    path = Path(inputs.state_directory) / ADDRESS_CACHE
    try:
        entries = json.loads(path.read_text())
    except (FileNotFoundError, json.JSONDecodeError):
        entries = {}
    for name, probe in run.read_all("hosts").items():
        address = (probe.get("facts") or {}).get("default_ipv4") or {}
        if address.get("address"):
            entries[name] = {"address": address["address"], "time": probe["time"]}
    write_json(path, entries)


def load_topology(run: Run, inputs: Inputs) -> Topology:
    """The topology of the whole inventory from what this run found."""
    found = find_cluster(run, inputs)
    return build(
        inputs.names, inputs.settings, _known(run, inputs, found.cluster), existing_etcd=found.cluster is not None
    )


def api_url(host: Host, inputs: Inputs) -> str:
    """The URL of a control plane's own API server, at the address that other hosts use."""
    address = host.main_access_ip.value
    return f"https://{url_host(address)}:{inputs.settings.cluster.kube_apiserver_port}"


def url_host(address: str) -> str:
    """An address as URLs have it: IPv6 in brackets."""
    return f"[{address}]" if ":" in address else address


def make_documents(run: Run) -> dict[str, Any]:
    """Judge the probes, compute the topology and write every document that this run needs.

    Raises:
        KubewrightError: of the kind of the first problem; several bad inputs come as one
        :class:`~kubewright.errors.BadInputErrors`.

    """
    inputs = Inputs.load(run)
    found = find_cluster(run, inputs)
    scope = run.read("scope")
    unreachable = _judge_reachable(run, inputs, found, scope)
    topology = load_topology(run, inputs)
    release = load_catalog().release(inputs.settings.cluster.kube_version)
    _remember_addresses(run, inputs)
    probes = run.read_all("hosts")
    resolved = _artifacts(run, inputs, release, {_architecture(probes.get(name, {})) for name in inputs.names.all})
    _judge_hosts(inputs, found, scope, probes, resolved)
    for host in topology.hosts:
        probe = probes.get(host.name, {})
        document = node_document(
            host,
            topology=topology,
            settings=inputs.settings,
            release=release,
            artifacts=resolved[_architecture(probe)],
            os_family=_os_family(probe),
        )
        fan_out = document.fan_out_only().to_json()
        run.write(
            f"documents/{host.name}",
            {"document": document.to_json(), "fan_out": fan_out, "fan_out_digest": digest(fan_out["resources"])},
        )
    # The names of images are the same on every architecture.
    artifacts = next(iter(resolved.values()))
    cluster = cluster_document(topology=topology, settings=inputs.settings, release=release, artifacts=artifacts)
    run.write("cluster_document", vars(cluster))
    if found.cluster is not None and inputs.request.verb != "check":
        live.refuse(*_configurations(cluster, found.cluster))
    run.write("endpoint", {"url": topology.endpoint.url, "local": topology.endpoint.local})
    return {"left_out": unreachable}


def _configurations(document: ClusterDocument, cluster: ObservedCluster) -> tuple[dict[str, Any], dict[str, Any]]:
    """ClusterConfiguration as the inventory makes it, and as the live cluster has it."""
    parts = yaml.safe_load_all(next(iter(document.kubeadm_init.values())))
    wanted = next(part for part in parts if part["kind"] == "ClusterConfiguration")
    return wanted, yaml.safe_load(cluster.cluster_configuration) or {}


def configuration_for_joins(run: Run) -> str | None:
    """The live ClusterConfiguration with the names of new control planes added, as YAML.

    None where nothing is to be added.
    """
    cluster = find_cluster(run, Inputs.load(run)).cluster
    if cluster is None:
        return None
    wanted, before = _configurations(load_cluster_document(run), cluster)
    after = live.with_certificate_names(before, wanted)
    return None if after is None else str(yaml.safe_dump(after, sort_keys=False))


def digest(value: object) -> str:
    """SHA-256 of a JSON value in canonical form."""
    return hashlib.sha256(json.dumps(value, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def _judge_reachable(run: Run, inputs: Inputs, found: Found, scope: Mapping[str, Any]) -> dict[str, str]:
    """Hosts in scope that did not answer: an error where they were asked for by name or are new, else left out."""
    unreachable = {}
    for name, probe in run.read_all("hosts").items():
        if probe["reachable"] or name not in scope["scope"]:
            continue
        if inputs.request.limit is not None or not _complete(name, inputs, found.cluster):
            raise UnreachableError(reason_subject(name), probe["cause"], probe["remedy"])
        unreachable[name] = probe["cause"]
    run.write("unreachable", unreachable)
    return unreachable


def _judge_hosts(
    inputs: Inputs,
    found: Found,
    scope: Mapping[str, Any],
    probes: Mapping[str, Any],
    resolved: Mapping[str, ArtifactSet],
) -> None:
    errors: list[KubewrightError] = []
    for name in scope["scope"]:
        probe = probes.get(name)
        if not probe or not probe["reachable"]:
            continue
        control_plane = name in inputs.names.control_plane
        new = not _complete(name, inputs, found.cluster)
        needed = sum(item.size for item in resolved[_architecture(probe)].for_role(control_plane=control_plane))
        expected = host_rules.Expectation(
            host=name,
            new=new,
            control_plane=control_plane,
            api_port=inputs.settings.cluster.kube_apiserver_port,
            swap_allowed=not inputs.settings.cluster.kubelet_fail_swap_on,
            disk_bytes=_disk_needed(probe, needed) if new else {},
            controller_time=probe["time"],
        )
        errors += host_rules.check(probe["facts"], expected)
    foreign = next((error for error in errors if isinstance(error, ForeignError)), None)
    if foreign:
        raise foreign
    bad = tuple(error for error in errors if isinstance(error, BadInputError))
    if len(bad) == 1:
        raise bad[0]
    if bad:
        raise BadInputErrors(bad)


def _disk_needed(probe: Mapping[str, Any], size: int) -> dict[str, int]:
    """Bytes by path that a new host needs.

    Images are kept packed and unpacked by the engine, about twice their archive.
    """
    if (probe["facts"].get("kubewright") or {}).get("present"):
        return {}  # an earlier run began here; what is missing is checked at the transfer
    return {"/var/lib/containerd": 2 * size + DISK_RESERVE, "/var/lib/kubewright": DISK_RESERVE}


def _architecture(probe: Mapping[str, Any]) -> str:
    return str((probe.get("facts") or {}).get("architecture") or "amd64")


def _os_family(probe: Mapping[str, Any]) -> OsFamily:
    system = (probe.get("facts") or {}).get("os") or {}
    names = {system.get("id", "debian"), *str(system.get("id_like", "")).split()}
    return "redhat" if names & {"rhel", "fedora", "centos"} else "debian"


def _artifacts(run: Run, inputs: Inputs, release: Release, architectures: set[str]) -> dict[str, ArtifactSet]:
    cluster = inputs.settings.cluster

    def report(component: str, state: str, fraction: float | None, seconds: float) -> None:
        if state != "cached":
            run.event("artifact", component=component, state=state, fraction=fraction, seconds=round(seconds, 1))

    return {
        architecture: artifacts.resolve(
            release,
            architecture=architecture,
            source=cluster.kubewright_artifact_source,
            mirror=cluster.kubewright_artifact_mirror,
            bundle=cluster.kubewright_artifact_bundle,
            report=report,
        )
        for architecture in sorted(architectures & host_rules.ARCHITECTURES)
    }


def make_plan(run: Run) -> Plan:
    """Compute the plan from everything found, and write it."""
    inputs = Inputs.load(run)
    found = find_cluster(run, inputs)
    scope = run.read("scope")
    topology = load_topology(run, inputs)
    documents = run.read_all("documents")
    objects = run.read("objects") if run.has("objects") else None
    plan = compute(
        Situation(
            verb=inputs.request.verb,
            version=inputs.settings.cluster.kube_version.removeprefix("v"),
            topology=topology,
            cluster_name=inputs.settings.cluster.cluster_name,
            scope=tuple(scope["scope"]),
            cluster=found.cluster,
            limit=inputs.request.limit,
            fan_out_allowed=not inputs.request.ansible_limited,
            half_made=found.half_made,
            inspections={name: _inspection(raw) for name, raw in run.read_all("inspections").items()},
            unreachable=run.read("unreachable"),
            fan_out={name: document["fan_out_digest"] for name, document in documents.items()},
            object_changes=_object_changes(objects, found),
            metadata_changes=_metadata_changes(run, topology, objects),
            left=_not_rolled_out(run, found),
            notices=(*inputs.notices, *(f"{notice.subject}: {notice.text}" for notice in topology.notices)),
        )
    )
    run.write("plan", plan.to_json())
    return plan


def _not_rolled_out(run: Run, found: Found) -> tuple[str, ...]:
    if found.cluster is None:
        return ()
    return tuple(live.not_rolled_out(*_configurations(load_cluster_document(run), found.cluster)))


def _inspection(raw: Mapping[str, Any]) -> Inspection:
    changes = tuple(
        Change(change["id"], change["action"], change.get("summary", ""), change.get("diff", ""))
        for change in raw["changes"]
    )
    return Inspection(changes, tuple(raw.get("restarted", ())))


def _object_changes(objects: Mapping[str, Any] | None, found: Found) -> tuple[Change, ...] | None:
    if found.cluster is None or found.half_made:
        return None
    if objects is None:
        return ()
    return tuple(_field_change(change, change["reference"]) for change in objects["changes"])


def _field_change(raw: Mapping[str, Any], subject: str) -> Change:
    """A change of an API object: its fields, one a line."""
    lines = [f"{field['path']}: {field['before']!r} -> {field['after']!r}" for field in raw["fields"]]
    action = {"create": "create", "delete": "delete"}.get(raw.get("action", ""), "update")
    return Change(f"object:{subject}", action, f"{len(lines)} fields", "" if action == "create" else "\n".join(lines))


def _metadata_changes(run: Run, topology: Topology, objects: Mapping[str, Any] | None) -> dict[str, tuple[Change, ...]]:
    """Label and taint changes by host: as compared on live Nodes, or all that is wanted where there is no Node yet."""
    wanted = load_cluster_document(run).node_metadata
    compared = {change["node"]: change for change in (objects or {}).get("node_changes", ())}
    new = None if objects is None else set(objects["missing_nodes"])
    changes: dict[str, tuple[Change, ...]] = {}
    for host in topology.hosts:
        if host.node_name in compared:
            changes[host.name] = (_field_change(compared[host.node_name], f"Node/{host.node_name}"),)
        elif (new is None or host.node_name in new) and any(wanted.get(host.node_name, {}).values()):
            changes[host.name] = (
                Change(f"object:Node/{host.node_name}", "update", "labels and taints of the new node"),
            )
    return changes


def load_cluster_document(run: Run) -> ClusterDocument:
    """The cluster document of this run."""
    raw = run.read("cluster_document")
    lists = {name: tuple(raw[name]) for name in ("objects", "network_objects")}
    return ClusterDocument(**(raw | lists))
