"""Make the first control plane, also after an earlier attempt that was killed at any moment."""

from __future__ import annotations

import enum
from typing import Any, Optional

from ansible_collections.kubewright.cluster.plugins.module_utils import (
    clusterstate,
    kubeadm,
    kubeconfig,
    lease,
    markers,
    record,
    takeback,
    tokens,
)
from ansible_collections.kubewright.cluster.plugins.module_utils.errors import FOREIGN, NodeError
from ansible_collections.kubewright.cluster.plugins.module_utils.frozen import frozen
from ansible_collections.kubewright.cluster.plugins.module_utils.kubeapi import ApiError, admin_client, wait_until
from ansible_collections.kubewright.cluster.plugins.module_utils.process import System

# Once the API answers, everything up to it is there; the rest of kubeadm's phases create or update, so they can run
# again.
_DONE_BEFORE_API = ("preflight", "certs", "kubeconfig", "etcd", "control-plane", "kubelet-start")
_NEVER = ("show-join-command",)
_TOKEN_MINUTES = 15
_API_WAIT = 60.0


class Action(enum.Enum):
    """What is to be done on this node."""

    NOTHING = "nothing"
    INIT = "init"
    FINISH = "finish"
    RESTART = "restart"
    REFUSE = "refuse"


@frozen
class Facts:
    """What is there.

    ``marker`` is the phase of our unfinished init; ``leftovers``: files of a control plane exist; ``answers``: its API
    does.
    """

    marker: Optional[str]
    leftovers: bool
    answers: bool
    recorded: bool


def classify(facts: Facts) -> Action:
    """What to do with a node in this state; pure.

    A half-made control plane without our marker is somebody else's. One with it is taken back only while no record was
    written: nodes are joined after that, so before it nothing can be lost.
    """
    if facts.marker is None:
        if facts.recorded:
            return Action.NOTHING
        return Action.REFUSE if facts.leftovers or facts.answers else Action.INIT
    if facts.answers or facts.marker == markers.FINISH:
        return Action.FINISH
    return Action.RESTART


def initialise(system: System, params: dict[str, Any]) -> dict[str, Any]:
    """Do what ``kubeadm_init`` does.

    Args:
        system: the node.
        params: config (YAML), record (dict), ignore_preflight_errors (list), timeout (seconds),
            lock (the holder of the cluster's lock, empty outside of a run).

    Raises:
        NodeError: refused, or kubeadm failed.
        ApiError: the new API refused something.

    """
    layout = markers.Layout(
        clusterstate.certificates_directory(params["config"]), clusterstate.etcd_data_directory(params["config"])
    )
    marker = markers.read(system, "init")
    action = classify(_facts(system, marker))
    if action is Action.REFUSE:
        raise NodeError(
            "kubeadm init",
            "this node holds a control plane that kubewright did not begin",
            "Reset the node first if it may be lost",
            FOREIGN,
        )
    if action is Action.NOTHING:
        return {"changed": False, "action": action.value, "record": record.read(admin_client(system))}
    removed = takeback.take_back(system, marker, layout) if action is Action.RESTART and marker else []
    if marker is None or action is Action.RESTART:
        marker = markers.begin(system, "init", layout)
    _kubeadm(system, params, resume=action is Action.FINISH)
    markers.advance(system, marker, markers.FINISH)
    written = _close(system, params)
    return {"changed": True, "action": action.value, "removed": removed, "record": written}


def _kubeadm(system: System, params: dict[str, Any], *, resume: bool) -> None:
    if resume:
        wait_until(
            "the API server of the unfinished init",
            lambda: _answers(system) or None,
            _API_WAIT,
            "Look at: journalctl -u kubelet",
        )
    token = "%s.%s" % tokens.new_token()
    configuration = kubeadm.with_bootstrap_token(
        params["config"], token, description=tokens.INIT, minutes=_TOKEN_MINUTES
    )
    kubeadm.run(
        system,
        ("init", "--skip-token-print"),
        configuration,
        timeout=params["timeout"],
        skip=(_DONE_BEFORE_API if resume else ()) + _NEVER,
        ignore=params["ignore_preflight_errors"],
    )


def _close(system: System, params: dict[str, Any]) -> dict[str, Any]:
    client = admin_client(system)
    tokens.remove(client)
    if params.get("lock"):
        # Before the record: who finds a cluster of ours finds it locked.
        lease.put(lease.LeasePlace(client), params["lock"])
    before = record.read(client) or {}
    written = record.merged(before, params["record"], before.get(record.OBJECTS) or [])
    record.write(client, written)
    markers.done(system, "init")
    kubeadm.remove_secrets(system)
    return written


def _facts(system: System, marker: Optional[markers.Marker]) -> Facts:
    paths = [kubeconfig.ADMIN_CONF, kubeconfig.KUBELET_CONF] + [
        "/etc/kubernetes/manifests/%s.yaml" % name for name in markers.CONTROL_PLANE_MANIFESTS
    ]
    there = [path for path in paths if system.path(path).exists()]
    complete = len(there) == len(paths)
    answers = _answers_soon(system) if marker and complete else bool(there) and _answers(system)
    return Facts(marker.phase if marker else None, bool(there), answers, answers and _recorded(system))


def _answers_soon(system: System) -> bool:
    """Whether the API of a control plane whose files are all there comes up; it may just be starting."""
    if not system.run("systemctl", "is-active", "--quiet", "kubelet").ok:
        return _answers(system)
    try:
        return wait_until("API", lambda: _answers(system) or None, _API_WAIT)
    except NodeError:
        return False


def _answers(system: System) -> bool:
    try:
        return admin_client(system, timeout=5.0).text("/readyz") == "ok"
    except (NodeError, ApiError):
        return False


def _recorded(system: System) -> bool:
    try:
        return record.read(admin_client(system)) is not None
    except ApiError as error:
        if error.status == 403:
            # kubeadm has not bound the administrator's role yet: its init was cut short before that.
            return False
        raise
