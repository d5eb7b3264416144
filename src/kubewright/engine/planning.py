"""Compute the plan of a run from everything that was found."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from kubewright.engine.configuration import (
    component_configurations,
    configurations,
    load_cluster_document,
)
from kubewright.engine.fan_out import fan_out_digests
from kubewright.engine.finding import Found, find_cluster, load_topology
from kubewright.engine.inputs import Inputs
from kubewright.engine.leaving import make_reset_plan, removal
from kubewright.engine.leaving_out import leave_out
from kubewright.engine.leftout import answered
from kubewright.engine.record import Run
from kubewright.plan import Change, Plan
from kubewright.plan.compute import compute
from kubewright.plan.removal import plan_removal
from kubewright.plan.rollout import Inspection
from kubewright.plan.rules import live
from kubewright.plan.situation import Situation
from kubewright.topology import Topology


def make_plan(run: Run) -> Plan:
    """Compute the plan from everything found, and write it."""
    inputs = Inputs.load(run)
    if inputs.request.verb == "reset":
        return make_reset_plan(run, inputs)
    found = find_cluster(run, inputs)
    scope = run.read("scope")
    topology = load_topology(run, inputs)
    objects = run.read("objects") if run.has("objects") else None
    situation = Situation(
        verb=inputs.request.verb,
        version=inputs.settings.cluster.kube_version.removeprefix("v"),
        topology=topology,
        cluster_name=inputs.settings.cluster.cluster_name,
        scope=tuple(scope["scope"]),
        cluster=found.cluster,
        limit=inputs.request.limit,
        fan_out_allowed=not inputs.request.ansible_limited,
        fan_out_known=bool(fan_out_digests(run)),
        half_made=found.half_made,
        inspections={name: _inspection(raw) for name, raw in run.read_all("inspections").items()},
        unreachable=leave_out(run, inputs, found),
        answered=answered(run),
        fan_out=fan_out_digests(run),
        object_changes=_object_changes(objects, found),
        metadata_changes=_metadata_changes(run, topology, objects),
        kubeconfig_missing=not inputs.kubeconfig.exists(),
        configuration_changes=tuple(
            _text_change(change) for change in (objects or {}).get("configuration_changes", ())
        ),
        proxy_stale=bool((objects or {}).get("proxy_stale")),
        serial=inputs.settings.cluster.serial,
        left=_not_rolled_out(run, inputs, found),
        notices=(
            *inputs.notices,
            *(f"{notice.subject}: {notice.text}" for notice in topology.notices),
            *(run.read("skipped") if run.has("skipped") else ()),
            *_not_compared(run, found, objects),
        ),
    )
    plan = plan_removal(removal(run, inputs, situation)) if inputs.request.verb == "remove" else compute(situation)
    run.write("plan", plan.to_json())
    return plan


def _not_rolled_out(run: Run, inputs: Inputs, found: Found) -> tuple[str, ...]:
    """What a verb that only adds leaves of changed settings; others show them as steps."""
    verb = inputs.request.verb
    if found.cluster is None or verb != "scale":
        return ()
    document = load_cluster_document(run)
    sentences = list(live.not_rolled_out(*configurations(document, found.cluster), verb))
    for kind, (wanted, running) in component_configurations(document, found.cluster).items():
        sentences += live.component_not_rolled_out(kind, wanted, running, verb)
    return tuple(sentences)


def _not_compared(run: Run, found: Found, objects: Mapping[str, Any] | None) -> Iterator[str]:
    """What could not be looked at, and what hosts said of themselves meanwhile."""
    if found.cluster is not None and objects and objects.get("not_compared"):
        yield f"{found.cluster.via}: {objects['not_compared']}"
    for host, inspection in run.read_all("inspections").items():
        yield from (f"{host}: {warning}" for warning in inspection.get("warnings", ()))


def _text_change(raw: Mapping[str, Any]) -> Change:
    """A change of an API object that holds a text."""
    action = "create" if raw["action"] == "create" else "update"
    return Change(f"object:{raw['reference']}", action, "", raw["diff"])


def _inspection(raw: Mapping[str, Any]) -> Inspection:
    changes = tuple(
        Change(change["id"], change["action"], change.get("summary", ""), change.get("diff", ""))
        for change in raw["changes"]
    )
    return Inspection(changes, tuple(raw.get("restarted", ())), credentials=bool(raw.get("credentials", True)))


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


def node_reference(node_name: str) -> str:
    """A Node as the subject of a change of an API object."""
    return f"Node/{node_name}"


def _metadata_changes(run: Run, topology: Topology, objects: Mapping[str, Any] | None) -> dict[str, tuple[Change, ...]]:
    """Label and taint changes by host: as compared on live Nodes, or all that is wanted where there is no Node yet."""
    wanted = load_cluster_document(run).node_metadata
    compared = {change["node"]: change for change in (objects or {}).get("node_changes", ())}
    new = None if objects is None else set(objects["missing_nodes"])
    changes: dict[str, tuple[Change, ...]] = {}
    for host in topology.hosts:
        if host.node_name in compared:
            changes[host.name] = (_field_change(compared[host.node_name], node_reference(host.node_name)),)
        elif (new is None or host.node_name in new) and any(wanted.get(host.node_name, {}).values()):
            changes[host.name] = (
                Change(f"object:{node_reference(host.node_name)}", "update", "labels and taints of the new node"),
            )
    return changes
