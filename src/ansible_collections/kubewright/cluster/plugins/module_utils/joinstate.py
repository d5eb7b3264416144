"""What to do with a node that is to join, from what is there; pure."""

from __future__ import annotations

import enum
from typing import Optional

from ansible_collections.kubewright.cluster.plugins.module_utils import markers
from ansible_collections.kubewright.cluster.plugins.module_utils.frozen import frozen


class Action(enum.Enum):
    """What is to be done on this node."""

    NOTHING = "nothing"
    JOIN = "join"
    RESUME = "resume"
    RESTART = "restart"
    REFUSE = "refuse"


class Membership(enum.Enum):
    """What etcd's living members say about this host."""

    NONE = "none"
    NOT_STARTED = "not started"
    STARTED = "started"


@frozen
class Facts:
    """What is there.

    ``marker`` is the phase of our unfinished join, ``leftovers`` whether files of kubeadm are there, ``registered``
    whether the cluster knows this node by the node's own credentials, ``runs_control_plane`` whether all static pods of
    a control plane are there; ``etcd_data`` and ``membership`` matter for control planes.
    """

    control_plane: bool
    marker: Optional[str]
    leftovers: bool
    registered: bool
    runs_control_plane: bool = False
    etcd_data: bool = False
    membership: Membership = Membership.NONE


@frozen
class Decision:
    """What to do, and for a refusal why, and what the user can do."""

    action: Action
    cause: str = ""
    remedy: str = ""


def classify(facts: Facts) -> Decision:
    """Decide what to do with the node.

    Without our marker nothing is ever taken back. With it, a worker's half-done join is done again unless the node has
    registered already. A control plane's is taken back only while it was no etcd member; from then on it is completed,
    because kubeadm's etcd phase goes on with a member that it announced earlier (cmd/kubeadm/app/util/etcd: addMember
    returns the member list when the peer URL is known).
    """
    if facts.marker is None:
        return _unmarked(facts)
    if facts.marker == markers.FINISH:
        # kubeadm was through; the kubelet registers its Node a moment after that.
        return Decision(Action.RESUME)
    if not facts.control_plane:
        return Decision(Action.RESUME if facts.registered else Action.RESTART)
    if facts.marker == markers.PREPARE:
        return Decision(Action.RESTART)
    return _member(facts)


def _unmarked(facts: Facts) -> Decision:
    if facts.registered and facts.control_plane and not facts.runs_control_plane:
        return Decision(
            Action.REFUSE,
            "it is a worker of this cluster already",
            "Remove it from the cluster before it joins as a control plane",
        )
    if facts.registered:
        return Decision(Action.NOTHING)
    if facts.leftovers:
        return Decision(
            Action.REFUSE,
            "it has files of a cluster that does not know it, and kubewright did not put them there in a join",
            "Reset the node first if what it holds may be lost",
        )
    return Decision(Action.JOIN)


def _member(facts: Facts) -> Decision:
    if facts.etcd_data and facts.membership is Membership.NONE:
        # Its member was removed meanwhile: etcd never takes that data directory again.
        return Decision(Action.RESTART)
    if not facts.etcd_data and facts.membership is Membership.STARTED:
        return Decision(
            Action.REFUSE,
            "etcd lists it as a member that has started, but its data is gone",
            "Remove that member first (join_prepare with replace_members), then run again",
        )
    return Decision(Action.RESUME)
