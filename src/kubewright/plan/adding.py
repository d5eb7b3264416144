"""Steps that make a cluster and add hosts to it, and those that finish what a killed run began; pure."""

from __future__ import annotations

from collections.abc import Iterator

from kubewright.plan.model import Stage, Step
from kubewright.plan.situation import CORRECTS, Situation, in_scope, joined, node_of
from kubewright.topology.model import Host


def init(situation: Situation, via: str) -> Iterator[Step]:
    """The first control plane of a new cluster, and its pod network."""
    if situation.cluster is not None and not situation.half_made:
        return
    reason = "an earlier run began it and did not finish" if situation.half_made else "there is no cluster yet"
    yield Step(Stage.INIT, via, "kubeadm init", reason)
    yield Step(Stage.NETWORK, via, "apply the pod network", "new cluster")


def joins(situation: Situation, via: str) -> Iterator[Step]:
    """Joins with what has to be before and after them; where none is needed, what an earlier run left."""
    joining = [host for host in in_scope(situation) if host.name != via and not joined(host, situation)]
    control_planes = [host for host in joining if host.is_control_plane]
    if not joining:
        reasons = tuple(_unfinished(situation, via))
        if reasons:
            yield Step(Stage.CLEANUP, via, "finish what an earlier run began", "; ".join(reasons))
        return
    what = "token and uploaded certificates" if control_planes else "token"
    yield Step(Stage.PREPARE_JOIN, via, f"create a short-lived {what}", f"{len(joining)} to join")
    for host in control_planes:
        yield Step(Stage.JOIN_CONTROL_PLANE, host.name, "kubeadm join as control plane", _why_join(host, situation))
    for host in joining:
        if host.is_worker_only:
            yield Step(Stage.JOIN_WORKER, host.name, "kubeadm join", _why_join(host, situation))
    yield Step(Stage.CLEANUP, via, f"remove {what}", "no longer needed")


_OUR_TOKENS = frozenset({"kubewright join", "kubewright init", "Proxy for managing TTL for the kubeadm-certs secret"})
"""Descriptions of the tokens that a run makes, the last one by kubeadm on its behalf."""


def _unfinished(situation: Situation, via: str) -> Iterator[str]:
    """What a killed run left in a live cluster, or what was lost on the controller since."""
    cluster = situation.cluster
    if cluster is None or situation.half_made:
        return
    if (
        any(token.get("description") in _OUR_TOKENS for token in cluster.bootstrap_tokens)
        or cluster.kubeadm_certs_secret
    ):
        yield "a token or certificate key is left"
    if cluster.check_pods:
        yield "check pods are left"
    speaker = next((host for host in situation.topology.hosts if host.name == via), None)
    if speaker is not None and via in situation.scope and not joined(speaker, situation):
        yield f"{via} is not recorded as complete"
    if situation.kubeconfig_missing and situation.verb in CORRECTS:
        yield "the administrator's kubeconfig is not in the artifacts directory"


def _why_join(host: Host, situation: Situation) -> str:
    if node_of(host, situation.cluster) is None:
        return "not in the cluster"
    return "an earlier run began it and did not finish"
