"""A plan that is kept: what is recorded with it, and whether what it was made from is still so.

Documents can hold secrets, so that only keyed digests of them are kept; the key stays on the controller. What a live
cluster changes by itself (heartbeats, whether a node is ready, which certificate is how old) is not recorded.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from kubewright.errors import BadInputError
from kubewright.observe.model import EtcdMember, ObservedCluster
from kubewright.plan.model import Plan, Stage, Step
from kubewright.plan.removal import Leaving
from kubewright.topology.model import Topology

FORMAT = 1
CLUSTER = "the cluster"
Fields = dict[str, dict[str, str]]
"""Observed fields by subject (a host, an etcd member, the cluster) and name."""


@dataclass(frozen=True)
class Basis:
    """What a plan was made from.

    Attributes:
        kubewright: the version that made it.
        catalogue: digest of what the catalogue says of the Kubernetes version.
        documents: keyed digest by host name, and of the cluster document by :data:`CLUSTER`.
        observed: the fields of the live cluster that the plan's steps depend on.

    """

    kubewright: str
    catalogue: str
    documents: Mapping[str, str]
    observed: Fields


@dataclass(frozen=True)
class SavedPlan:
    """A plan with what is needed to carry it out later, or to refuse that.

    ``extra_names`` are the names of the variables that were given with ``-e``; their values are given again.
    ``offline``: it is of a removal of hosts that are dead. ``force`` are the names of the rules that it skips.
    """

    plan: Plan
    basis: Basis
    extra_names: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()
    offline: bool = False
    force: tuple[str, ...] = ()

    def to_json(self, key: bytes) -> dict[str, Any]:
        """The content of a plan file, sealed with the key."""
        body = {
            "format": FORMAT,
            "key": key_name(key),
            "verb": self.plan.verb,
            "limit": None if self.plan.limit is None else list(self.plan.limit),
            "offline": self.offline,
            "force": list(self.force),
            "extra_vars": list(self.extra_names),
            "inventory": list(self.sources),
            "kubewright": self.basis.kubewright,
            "catalogue": self.basis.catalogue,
            "plan": json.loads(json.dumps(self.plan.to_json())),
            "documents": dict(self.basis.documents),
            "observed": self.basis.observed,
        }
        return {**body, "seal": keyed_digest(key, body)}

    @classmethod
    def from_json(cls, raw: object, subject: str) -> SavedPlan:
        """The inverse of :meth:`to_json`; whether it is genuine is judged by :func:`verify`.

        Raises:
            BadInputError: about ``subject``: it is no plan file, or one of another format.

        """
        if not isinstance(raw, dict) or "seal" not in raw or "format" not in raw:
            raise BadInputError(subject, "it is not a plan file", "Make one with kubewright plan --out FILE")
        if raw["format"] != FORMAT:
            raise BadInputError(
                subject,
                f"it has format {raw['format']!r}, and this kubewright reads format {FORMAT}",
                "Make the plan anew with this kubewright",
            )
        try:
            return cls(
                plan=Plan.from_json(raw["plan"]),
                basis=Basis(raw["kubewright"], raw["catalogue"], raw["documents"], raw["observed"]),
                extra_names=tuple(raw["extra_vars"]),
                sources=tuple(raw["inventory"]),
                offline=raw["offline"] is True,
                force=tuple(raw["force"]),
            )
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise damaged(subject) from error


def damaged(subject: str) -> BadInputError:
    """The error about a plan file that is not as it was written."""
    return BadInputError(subject, "the plan file is damaged", "Make the plan anew with kubewright plan --out FILE")


def verify(raw: Mapping[str, Any], key: bytes, subject: str) -> None:
    """Check that a plan file is as it was written with this key.

    Raises:
        BadInputError: about ``subject``: another key made it, or it was changed since.

    """
    if raw.get("key") != key_name(key):
        raise BadInputError(
            subject,
            "it was made with another state directory, whose key its digests need",
            "Name that one with --state-dir, or make the plan anew",
        )
    body = {name: value for name, value in raw.items() if name != "seal"}
    if not hmac.compare_digest(str(raw.get("seal")), keyed_digest(key, body)):
        raise damaged(subject)


def keyed_digest(key: bytes, value: object) -> str:
    """HMAC-SHA256 of a JSON value in canonical form."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"))
    return hmac.new(key, text.encode(), hashlib.sha256).hexdigest()


def key_name(key: bytes) -> str:
    """What tells one key from another without telling the key."""
    return keyed_digest(key, "kubewright plan key")[:16]


def observed_fields(
    plan: Plan, topology: Topology, cluster: ObservedCluster | None, key: bytes, leaving: Sequence[Leaving] = ()
) -> Fields:
    """The fields of the live cluster that the plan's steps depend on.

    Of nodes only those that have a step count: what happens to others is no matter of this plan. Nodes that are to be
    removed are ``leaving`` and not in the topology.
    """
    if cluster is None:
        return {CLUSTER: {"exists": "no"}}
    fields: Fields = {
        CLUSTER: {
            "exists": "yes",
            "version": cluster.version,
            "kubeadm configuration": keyed_digest(key, cluster.cluster_configuration),
            "kubelet configuration": keyed_digest(key, cluster.kubelet_configuration),
            "kube-proxy configuration": keyed_digest(key, cluster.kube_proxy_configuration),
        }
    }
    touched = {step.host for step in plan.steps}
    for host in topology.hosts:
        if host.name in touched:
            fields[f"host {host.name}"] = _node_fields(host.node_name, cluster, key)
    for each in leaving:
        fields[f"host {each.name}"] = {**_node_fields(each.node_name, cluster, key), **_leaving_fields(each)}
        for budget in each.budgets:
            fields[f"disruption budget {budget.name} on {each.name}"] = {"limit": budget.limit}
    for member in cluster.etcd_members:
        fields[f"etcd member {member.name or member.peer_ip}"] = {"member": _member(member)}
    return fields


def _node_fields(node_name: str, cluster: ObservedCluster, key: bytes) -> dict[str, str]:
    node = cluster.node(node_name)
    record = (cluster.record or {}).get("fan_out", {})
    return {
        "Node": node.uid if node else "absent",
        "kubelet": node.kubelet_version if node else "",
        "cordoned": str(node.unschedulable) if node else "",
        "record": keyed_digest(key, record[node_name]) if node_name in record else "absent",
    }


def _leaving_fields(leaving: Leaving) -> dict[str, str]:
    """Which pods are lost counts, for that was agreed to; pods that come up elsewhere come and go by themselves."""
    return {
        "etcd member": ", ".join(sorted(map(_member, leaving.members))) or "none",
        "pods that are lost": ", ".join(sorted(leaving.lost_pods)) or "none",
    }


def _member(member: EtcdMember) -> str:
    return f"{member.member_id} {'learner' if member.learner else 'voter'}"


def differences(saved: SavedPlan, plan: Plan, basis: Basis) -> tuple[str, ...]:
    """What is no longer as it was when the plan was saved, one sentence each; nothing where the plan still holds."""
    return (
        *_versions(saved.basis, basis),
        *_documents(saved.basis.documents, basis.documents),
        *_observed(saved.basis.observed, basis.observed),
        *_steps(saved.plan, plan),
    )


def _versions(before: Basis, now: Basis) -> Iterator[str]:
    if before.kubewright != now.kubewright:
        yield f"kubewright was {before.kubewright} and is {now.kubewright}"
    if before.catalogue != now.catalogue:
        yield "the catalogue of versions is another one"


def _documents(before: Mapping[str, str], now: Mapping[str, str]) -> Iterator[str]:
    for name in sorted({*before, *now}):
        whose = name if name == CLUSTER else f"host {name}"
        if name not in now:
            yield f"{whose}: it had a document and has none now"
        elif name not in before:
            yield f"{whose}: it has a document and had none"
        elif before[name] != now[name]:
            yield f"{whose}: its document is another one"


def _observed(before: Fields, now: Fields) -> Iterator[str]:
    for subject in sorted({*before, *now}):
        then, today = before.get(subject), now.get(subject)
        if then is None or today is None:
            yield f"{subject}: it {'is new' if then is None else 'is gone'}"
            continue
        for name in sorted({*then, *today}):
            if then.get(name) != today.get(name):
                yield f"{subject}: {name} {_told(then.get(name, ''), today.get(name, ''))}"


def _told(before: str, now: str) -> str:
    """Name values that a person can read, not digests."""
    if max(len(before), len(now)) == hashlib.sha256().digest_size * 2:
        return "changed"
    return f"was {before or 'unknown'} and is {now or 'unknown'}"


def _steps(before: Plan, now: Plan) -> Iterator[str]:
    if before.via != now.via:
        yield f"{CLUSTER}: {before.via} spoke for it and now {now.via} does"
    then, today = _by_place(before), _by_place(now)
    for place in (*then, *(place for place in today if place not in then)):
        stage, host = place
        if place not in today:
            yield f"host {host}: nothing is to be done any more ({stage})"
        elif place not in then:
            yield f"host {host}: there is more to be done ({stage})"
        elif then[place] != today[place]:
            yield f"host {host}: what is to be done is something else ({stage})"


def _by_place(plan: Plan) -> dict[tuple[str, str], Step]:
    return {(step.stage.heading, step.host): _comparable(step) for step in plan.steps}


def _comparable(step: Step) -> Step:
    """A drain's reason counts pods, which come and go; what it depends on is among the observed fields."""
    return replace(step, reason="") if step.stage is Stage.DRAIN else step
