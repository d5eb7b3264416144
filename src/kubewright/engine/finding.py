"""Which cluster there is, what is known of every host's address, and whom a run looks at."""

from __future__ import annotations

import time
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from kubewright.engine.inputs import Inputs, LeavingHost, leaving_hosts
from kubewright.engine.record import Run, error_from_json, write_json
from kubewright.errors import StepFailedError, UnreachableError
from kubewright.inventory.remembered import ADDRESS_FILE, entries, remembered
from kubewright.observe import parse_cluster
from kubewright.observe.model import ObservedCluster
from kubewright.topology import Host, KnownAddresses, Topology, build, missing

TOPOLOGY = "topology"
"""The file of the run's folder with the topology."""


@dataclass(frozen=True)
class Found:
    """What asking the control planes gave: a live cluster, a half-made one on a host, or neither."""

    cluster: ObservedCluster | None
    half_made: str
    unreachable: Mapping[str, str]


def find_cluster(run: Run, inputs: Inputs) -> Found:
    """Judge the answers of the control planes that were asked; the first of the inventory that answers speaks.

    Raises:
        UnreachableError: no cluster was found and a control plane that may hold it did not answer.
        StepFailedError: a control plane has a cluster whose API does not answer, or whose record is damaged, and no
            other one answers either.
        KubewrightError: one that may hold a cluster could not tell; its own error.

    """
    answers = run.read_all("observations")
    unreachable = {host: answer["error"] for host, answer in answers.items() if not answer["reachable"]}
    for host in inputs.names.control_plane:
        state = answers.get(host, {}).get("state", {})
        if state.get("answers"):
            cluster = parse_cluster(host, state)
            begun = "init" in state["unfinished"] and not cluster.ours
            return Found(cluster, host if begun else "", unreachable)
    for host in inputs.names.control_plane:
        if "init" in answers.get(host, {}).get("state", {}).get("unfinished", {}):
            return Found(None, host, unreachable)
    advice = "A cluster may live there, so nothing is begun; bring it back, or take it out of the inventory"
    if unreachable:
        host, reason = next(iter(unreachable.items()))
        raise UnreachableError(host_subject(host), reason, f"{answers[host]['remedy']}. {advice}")
    for answer in answers.values():
        if "failed" in answer:
            error = error_from_json(answer["failed"])
            remedy = ". ".join(part for part in (error.remedy, advice) if part)
            raise type(error)(error.subject, error.cause, remedy)
    silent = [host for host, answer in answers.items() if answer.get("state", {}).get("present")]
    if silent:
        _refuse_silent(silent, answers)
    return Found(None, "", unreachable)


def host_subject(host: str) -> str:
    """The subject of an error about a host."""
    return f"host {host}"


def _refuse_silent(silent: list[str], answers: Mapping[str, Any]) -> None:
    for host in silent:
        if damaged := answers[host]["state"].get("record_error"):
            raise error_from_json(damaged)
    raise StepFailedError(
        f"control plane {', '.join(silent)}",
        f"there is a cluster but its API does not answer: {answers[silent[0]]['state'].get('reason', '')}",
        "Look at the API server and etcd there (crictl or ctr, journalctl -u kubelet)",
    )


def choose_scope(run: Run, others: Collection[str] = ()) -> dict[str, Any]:
    """Decide whom to look at. The result is the registered value that the playbook loops over.

    ``told`` are those of ``hosts`` that need no probe, because the cluster itself tells all that is needed of them.

    Args:
        run: the run.
        others: all hosts of Ansible's inventory, of which some need not be the cluster's.

    """
    inputs = Inputs.load(run)
    found = find_cluster(run, inputs)
    cluster = found.cluster
    wanted = [name for name in inputs.scope if _is_wanted(name, inputs, cluster)]
    unknown = missing(inputs.names, inputs.settings, known_addresses(run, inputs, cluster))
    lacking = [name for name in unknown if name not in wanted]
    via = cluster.via if cluster else found.half_made or next(iter(inputs.names.control_plane))
    limited = inputs.request.ansible_limited
    leaving = [host for host in leaving_hosts(inputs) if host in inputs.leaving or host.name in others]
    looked_at = [*wanted, *(host.name for host in leaving)]
    added = {host: place_of(host, cluster) for host in leaving_hosts(inputs) if host not in leaving}
    hosts = (looked_at or list(inputs.scope)) if limited else [*looked_at, *lacking] or [via]
    scope = {
        "scope": wanted,
        "hosts": hosts,
        "told": [name for name in hosts if _tells_all(name, inputs, cluster)],
        "delegated": lacking if limited else [],
        "added": [{"name": host.name, "address": at.address} for host, at in added.items() if at.address],
        "via": via,
    }
    run.write("scope", scope)
    return scope


def only_leaving_are_probed(inputs: Inputs, scope: Mapping[str, Any]) -> bool:
    """Whether all hosts that are probed leave, so that documents, which are about those that stay, need not wait.

    Of hosts that are said to be dead a rule has to see first whether they are.
    """
    leaving = {host.name for host in leaving_hosts(inputs)}
    return inputs.request.verb == "remove" and not inputs.request.offline and leaving.issuperset(scope["hosts"])


@dataclass(frozen=True)
class Place:
    """Where the host of a Node was: its address and machine-id, empty where nothing tells them."""

    address: str = ""
    machine_id: str = ""


def place_of(host: LeavingHost, cluster: ObservedCluster | None) -> Place:
    """Where the host of a Node that leaves is to be looked for, as its Node or the record tells.

    An address that is another Node's by now has no host of this one.
    """
    if cluster is None:
        return Place()
    node = cluster.node(host.node_name)
    place = Place(**((cluster.record or {}).get("leaving") or {}).get(host.node_name, {}))
    if node is not None:
        place = Place(node.internal_ip, node.machine_id)
    others = {each.internal_ip for each in cluster.nodes if each.name != host.node_name}
    return replace(place, address="") if place.address in others else place


def _is_wanted(name: str, inputs: Inputs, cluster: ObservedCluster | None) -> bool:
    """Whether the verb looks at a host even if its address is known."""
    if inputs.request.verb == "scale":
        return not complete(name, inputs, cluster)
    return inputs.request.verb not in ("topology", "remove")


def complete(name: str, inputs: Inputs, cluster: ObservedCluster | None) -> bool:
    """Whether the record says that a host was brought all the way into the cluster."""
    node_name = inputs.settings.hosts[name].kube_override_hostname or name
    if cluster is None or cluster.node(node_name) is None:
        return False
    return node_name in (cluster.record or {}).get("fan_out", {})


def _tells_all(name: str, inputs: Inputs, cluster: ObservedCluster | None) -> bool:
    """Whether the cluster itself tells all that is needed of a host, so that it need not be probed."""
    return inputs.request.verb == "deploy" and complete(name, inputs, cluster)


def known_addresses(run: Run, inputs: Inputs, cluster: ObservedCluster | None) -> dict[str, KnownAddresses]:
    """All that is known of every host's address apart from the inventory."""
    hosts = ((name, inputs.settings.hosts[name]) for name in inputs.names.all)
    names = {name: (host.kube_override_hostname or name, host.etcd_member_name) for name, host in hosts}
    return _known(run, inputs, cluster, names)


def leaving_addresses(run: Run, inputs: Inputs, cluster: ObservedCluster | None) -> dict[str, KnownAddresses]:
    """The same of every host that leaves."""
    return _known(run, inputs, cluster, {host.name: (host.node_name, "") for host in leaving_hosts(inputs)})


def _known(
    run: Run, inputs: Inputs, cluster: ObservedCluster | None, names: Mapping[str, tuple[str, str]]
) -> dict[str, KnownAddresses]:
    """By host, given the names of its Node and of its etcd member; empty where that has the Node's."""
    max_age = inputs.settings.cluster.kubewright_fact_max_age
    cached = remembered(Path(inputs.state_directory), max_age=max_age).addresses
    probes = run.read_all("hosts")
    nodes = {node.name: node.internal_ip for node in cluster.nodes} if cluster else {}
    peers = {member.name: member.peer_ip for member in cluster.etcd_members} if cluster else {}
    known = {}
    for name, (node_name, member_name) in names.items():
        gathered = (probes.get(name, {}).get("facts") or {}).get("default_ipv4") or {}
        known[name] = KnownAddresses(
            node=nodes.get(node_name),
            etcd=peers.get(member_name or node_name),
            cached=cached.get(name),
            gathered=gathered.get("address"),
        )
    return known


def remember_addresses(run: Run, inputs: Inputs, known: Mapping[str, KnownAddresses]) -> None:
    """Keep the addresses that this run found, with the time, for runs and playbooks in which nobody tells them.

    A Node's address (``known``, see :func:`known_addresses`) counts more than what its host told.
    """
    folder = Path(inputs.state_directory)
    kept = entries(folder)
    for name, probe in run.read_all("hosts").items():
        address = (probe.get("facts") or {}).get("default_ipv4") or {}
        if address.get("address"):
            kept[name] = {"address": address["address"], "time": probe["time"]}
    for name, addresses in known.items():
        if live := addresses.node or addresses.etcd:
            kept[name] = {"address": live, "time": time.time()}
    write_json(folder / ADDRESS_FILE, kept)


def make_topology(inputs: Inputs, found: Found, known: Mapping[str, KnownAddresses]) -> Topology:
    """The topology of the whole inventory from what this run found; ``known`` is of :func:`known_addresses`.

    Raises:
        BadInputErrors: everything that is wrong with it.

    """
    return build(inputs.names, inputs.settings, known, existing_etcd=found.cluster is not None)


def load_topology(run: Run, inputs: Inputs) -> Topology:
    """The topology of this run: as it was written once all hosts had been looked at, before that as far as is known.

    Raises:
        BadInputErrors: it was not written yet, and something is wrong with it.

    """
    if run.has(TOPOLOGY):
        return Topology.from_json(run.read(TOPOLOGY))
    found = find_cluster(run, inputs)
    return make_topology(inputs, found, known_addresses(run, inputs, found.cluster))


def api_url(host: Host, inputs: Inputs) -> str:
    """The URL of a control plane's own API server, at the address that other hosts use."""
    address = host.main_access_ip.value
    return f"https://{url_host(address)}:{inputs.settings.cluster.kube_apiserver_port}"


def url_host(address: str) -> str:
    """An address as URLs have it: IPv6 in brackets."""
    return f"[{address}]" if ":" in address else address
