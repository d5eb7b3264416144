"""Gather what a removal or a reset is planned from, and refuse one that nobody confirmed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible.module_utils.parsing.convert_bool import boolean

from kubewright.engine.finding import leaving_addresses, place_of
from kubewright.engine.inputs import Inputs, LeavingHost, leaving_hosts, split_names
from kubewright.engine.record import Run
from kubewright.engine.request import Request
from kubewright.errors import BadInputError
from kubewright.observe.model import EtcdMember, ObservedCluster
from kubewright.plan.model import Plan
from kubewright.plan.removal import Leaving, Removal, plan_reset
from kubewright.plan.rules.disruption import Budget
from kubewright.plan.situation import Situation
from kubewright.topology import KnownAddresses


def asked_to_remove(node: Any, limit: tuple[str, ...] | None, played: tuple[str, ...] | None = None) -> tuple[str, ...]:
    """The names that are to be removed: Kubespray's ``-e node=a,b``, else the limit.

    Args:
        node: the variable, if it was given.
        limit: the limit, kubewright's own or Ansible's.
        played: the hosts of the plays where Ansible's own limit leaves some out.

    Raises:
        BadInputError: none was named, or Ansible's limit leaves one of them out.

    """
    names = split_names(node) or limit
    if not names:
        raise BadInputError(
            "remove", "no host was named", "Name them: --limit worker7,worker8, or -e node=worker7,worker8"
        )
    outside = [name for name in names if played is not None and name not in played]
    if outside:
        raise BadInputError(
            "--limit", f"{', '.join(outside)} is to be removed and is not in it", "Run the playbook without --limit"
        )
    return names


def refuse_unconfirmed(request: Request, inputs: Inputs, variables: Mapping[str, Any]) -> None:
    """Refuse a removal or reset that was not confirmed: a playbook cannot ask where there is no terminal.

    Raises:
        BadInputError: with what to give.

    """
    if request.dry_run or request.verb not in ("remove", "reset"):
        return
    names = ("skip_confirmation", "reset_confirmation") if request.verb == "reset" else ("skip_confirmation",)
    if any(boolean(variables.get(name, False), strict=False) for name in names):
        return
    what = ", ".join(request.removing) if request.verb == "remove" else inputs.settings.cluster.cluster_name
    raise BadInputError(
        f"{request.verb} {what}", "it was not confirmed", f"Give {' or '.join(f'-e {name}=yes' for name in names)}"
    )


def removal(run: Run, inputs: Inputs, base: Situation) -> Removal:
    """What the plan of a removal is computed from."""
    return Removal(base, what_leaves(run, inputs, base.cluster), offline=inputs.request.offline)


def what_leaves(run: Run, inputs: Inputs, cluster: ObservedCluster | None) -> tuple[Leaving, ...]:
    """Everything that is to leave, with what was seen of it."""
    return tuple(_leaving(run, inputs, host, cluster) for host in leaving_hosts(inputs))


def _leaving(run: Run, inputs: Inputs, host: LeavingHost, cluster: ObservedCluster | None) -> Leaving:
    node = cluster.node(host.node_name) if cluster else None
    record = (cluster.record or {}) if cluster else {}
    seen = run.read(f"removals/{host.node_name}") if run.has(f"removals/{host.node_name}") else {}
    known = host in inputs.leaving
    reason = "" if known else _why_not_cleaned(run, inputs, host, cluster)
    carries, foreign, unreachable = False, False, ""
    if not inputs.request.offline and not reason:
        carries, foreign, unreachable = host_state(run, inputs, host.name)
    return Leaving(
        name=host.name,
        node_name=host.node_name,
        known=known,
        carries=carries,
        foreign=foreign,
        unreachable=unreachable,
        not_cleaned=reason,
        node=node,
        members=members_of(host, leaving_addresses(run, inputs, cluster)[host.name], cluster),
        recorded=host.node_name in record.get("fan_out", {}) or host.node_name in record.get("leaving", ()),
        pods=tuple(seen.get("pods", ())),
        lost_pods=tuple(seen.get("lost_pods", ())),
        budgets=tuple(Budget(**{**raw, "pods": tuple(raw["pods"])}) for raw in seen.get("budgets", ())),
    )


def _why_not_cleaned(run: Run, inputs: Inputs, host: LeavingHost, cluster: ObservedCluster | None) -> str:
    """Why a host that the inventory lacks is left as it is; empty where it can be cleaned.

    Only the machine that the Node ran on is: its address may be another's by now.
    """
    place = place_of(host, cluster)
    if inputs.request.offline:
        return "it is dead"
    if not run.has(f"hosts/{host.name}"):
        return "nothing tells where it is"
    probe = run.read(f"hosts/{host.name}")
    if not probe["reachable"]:
        return f"it could not be looked at ({probe['cause']})"
    if place.machine_id != probe["facts"]["machine_id"]:
        return f"another machine answers at its address {place.address}"
    _carries, foreign, _unreachable = host_state(run, inputs, host.name)
    return "what is on it is not kubewright's of this cluster" if foreign else ""


def members_of(host: LeavingHost, known: KnownAddresses, cluster: ObservedCluster | None) -> tuple[EtcdMember, ...]:
    """The etcd members of a host that leaves: by name, or by address where a member has not told its name yet.

    What the host told once, or its user by naming an address, finds members without a name only: a control plane that
    never finished joining has no Node, and its inventory need not have an address. An address that is another Node's is
    never its own.
    """
    if cluster is None:
        return ()
    others = {node.internal_ip for node in cluster.nodes if node.name != host.node_name}
    own = {host.ip, known.node} - others
    told = {known.cached, known.gathered, host.node_name} - others
    return tuple(
        member
        for member in cluster.etcd_members
        if member.name == host.node_name
        or (member.peer_ip and (member.peer_ip in own or (not member.name and member.peer_ip in told)))
    )


def host_state(run: Run, inputs: Inputs, name: str) -> tuple[bool, bool, str]:
    """Whether a host carries kubewright's manifest, whether it is another's, and why it did not answer."""
    if not run.has(f"hosts/{name}"):
        return False, False, ""
    probe = run.read(f"hosts/{name}")
    if not probe["reachable"]:
        return False, False, str(probe["cause"])
    facts = probe.get("facts") or {}
    own, kubernetes = facts["kubewright"], facts["kubernetes"]
    if own["present"]:
        cluster = own["record"].get("cluster")
        foreign = cluster not in (None, inputs.settings.cluster.cluster_name)
        return not foreign, foreign, ""
    return False, bool(kubernetes["kubelet_conf"] or kubernetes["manifests"] or kubernetes["etcd_data"]), ""


def make_reset_plan(run: Run, inputs: Inputs) -> Plan:
    """Compute the plan of a reset from the probes of all hosts, and write it."""
    hosts = []
    for name in inputs.names.all:
        node_name = inputs.settings.hosts[name].kube_override_hostname or name
        carries, foreign, unreachable = host_state(run, inputs, name)
        hosts.append(Leaving(name, node_name, known=True, carries=carries, foreign=foreign, unreachable=unreachable))
    cluster = inputs.settings.cluster
    plan = plan_reset(
        cluster.cluster_name, cluster.kube_version.removeprefix("v"), tuple(hosts), inputs.names.control_plane
    )
    run.write("unreachable", {host.name: host.unreachable for host in hosts if host.unreachable})
    run.write("plan", plan.to_json())
    return plan
