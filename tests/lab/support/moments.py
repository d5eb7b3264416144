"""Points of a run that can be seen on the nodes, and at which it is killed."""

from __future__ import annotations

import dataclasses
import shlex
from collections.abc import Callable, Sequence

from tests.lab.support.cluster import CHECK_POD, Cluster
from tests.lab.support.kills import Victim

MANIFEST = "/etc/kubewright/manifest.json"


@dataclasses.dataclass(frozen=True)
class Moment:
    """A point of a run that can be seen on the nodes.

    Attributes:
        words: what is going on.
        seen: asked with the cluster and the nodes that are being added.
        held: whether the kill follows at once, because the point is short.

    """

    words: str
    seen: Callable[[Cluster, Sequence[str]], bool]
    held: bool = False


def _test(cluster: Cluster, node: str, command: str) -> bool:
    return cluster.lab.execute(node, "sh", "-c", command).exit_code == 0


def _soon(cluster: Cluster, node: str, command: str) -> bool:
    """Whether a command succeeds within some seconds, tried there many times a second: for a point that is short."""
    return _test(cluster, node, f"for try in $(seq 100); do {{ {command}; }} && exit 0; sleep 0.03; done; exit 1")


def _init_runs(cluster: Cluster, nodes: Sequence[str]) -> bool:
    return _test(cluster, "cp1", "test -e /etc/kubernetes/manifests/kube-apiserver.yaml")


def _certificates_made(cluster: Cluster, nodes: Sequence[str]) -> bool:
    return _test(cluster, "cp1", "test -e /etc/kubernetes/ssl/apiserver.key")


def _half_written(cluster: Cluster, nodes: Sequence[str]) -> bool:
    names = "-name '.kubewright-*.tmp' -o -name '*.part'"
    find = f"find /var/lib/kubewright /usr/local/bin /opt/cni /etc -type f \\( {names} \\) 2>/dev/null"
    return _test(cluster, nodes[0], f"{find} | grep -q .")


def _packages_installed(cluster: Cluster, nodes: Sequence[str]) -> bool:
    return _test(cluster, nodes[0], "pgrep -x 'apt-get|dpkg' >/dev/null")


def _token_made(cluster: Cluster, nodes: Sequence[str]) -> bool:
    return any(name.startswith("bootstrap-token-") for name in cluster.leftovers())


def _key_uploaded(cluster: Cluster, nodes: Sequence[str]) -> bool:
    return "kubeadm-certs" in cluster.leftovers()


def _learner(cluster: Cluster, nodes: Sequence[str]) -> bool:
    return _soon(cluster, "cp1", f"{shlex.join(cluster.etcdctl_command('member', 'list'))} | grep -q 'true$'")


def _promoted(cluster: Cluster, nodes: Sequence[str]) -> bool:
    members = cluster.etcd_members()
    return nodes[0] in [member.get("name") for member in members if not member.get("isLearner")]


def _kubelet_without_node(cluster: Cluster, nodes: Sequence[str]) -> bool:
    return _soon(cluster, nodes[0], "pgrep -x kubelet >/dev/null") and nodes[0] not in cluster.node_conditions()


def _node_not_ready(cluster: Cluster, nodes: Sequence[str]) -> bool:
    return cluster.node_conditions().get(nodes[0]) is False


def _lock_held(cluster: Cluster, nodes: Sequence[str]) -> bool:
    lease = cluster.get("-n", "kube-system", "lease", "kubewright")
    return bool(lease["spec"].get("holderIdentity"))


def _leaving(cluster: Cluster, nodes: Sequence[str]) -> bool:
    """Cordoned, or gone already: a drain of few pods is over before it can be asked about twice."""
    asked = cluster.kubectl_command("get", "node", nodes[0], "-o", "jsonpath={.spec.unschedulable}")
    return _soon(cluster, "cp1", f"{shlex.join(asked)} 2>&1 | grep -q 'true\\|(NotFound)'")


def _member_removed(cluster: Cluster, nodes: Sequence[str]) -> bool:
    """Etcd's answer is whole where it names the control plane that is asked."""
    listed = shlex.join(cluster.etcdctl_command("member", "list"))
    return _soon(
        cluster, "cp1", f"{listed} >/tmp/members && grep -q cp1 /tmp/members && ! grep -q {nodes[0]} /tmp/members"
    )


def _node_deleted(cluster: Cluster, nodes: Sequence[str]) -> bool:
    asked = cluster.kubectl_command("get", "node", nodes[0])
    return _soon(cluster, "cp1", f"{shlex.join(asked)} 2>&1 | grep -q '(NotFound)'")


def _half_cleaned(cluster: Cluster, nodes: Sequence[str]) -> bool:
    return _soon(cluster, nodes[0], f"test ! -e /var/lib/kubelet/config.yaml && test -e {MANIFEST}")


def _cleaned(cluster: Cluster, nodes: Sequence[str]) -> bool:
    return _soon(cluster, nodes[0], f"test ! -e {MANIFEST}")


def _checked(cluster: Cluster, nodes: Sequence[str]) -> bool:
    return any(name.startswith(CHECK_POD) for name in cluster.leftovers())


INIT = Moment("during init, when the static pods are being started", _init_runs)
KUBELET = Moment("between the kubelet's start and the Node", _kubelet_without_node, held=True)
LEARNER = Moment("when an etcd learner was added and not promoted", _learner, held=True)

CORDONED = Moment("while the node is being drained", _leaving, held=True)
NODE_DELETED = Moment("when the Node is deleted and the host is not cleaned", _node_deleted, held=True)
HALF_CLEANED = Moment("while the host is being cleaned", _half_cleaned, held=True)

FURTHER_WORKERS = (
    (Moment("while packages are being installed", _packages_installed), Victim.COMMAND, CORDONED, Victim.TREE),
    (Moment("while a file is half written", _half_written, held=True), Victim.TREE, NODE_DELETED, Victim.COMMAND),
    (Moment("when the bootstrap token was made", _token_made, held=True), Victim.TREE, HALF_CLEANED, Victim.TREE),
    (
        Moment("some time after the bootstrap token was made", _token_made),
        Victim.COMMAND,
        Moment("when the removal has the cluster's lock", _lock_held, held=True),
        Victim.TREE,
    ),
    (KUBELET, Victim.COMMAND, Moment("some time after the drain began", _leaving), Victim.COMMAND),
    (
        Moment("when the Node is there and not Ready", _node_not_ready),
        Victim.TREE,
        Moment("when the host is clean and the others know it still", _cleaned, held=True),
        Victim.TREE,
    ),
)
"""How the joining of a worker is killed, and then how its removal is."""

FURTHER_CONTROL_PLANES = (
    (
        Moment("when the certificate key was uploaded", _key_uploaded, held=True),
        Victim.TREE,
        Moment("when its etcd member is removed and its Node is there", _member_removed, held=True),
        Victim.TREE,
    ),
    (LEARNER, Victim.COMMAND, NODE_DELETED, Victim.COMMAND),
    (Moment("when the etcd member was promoted", _promoted), Victim.TREE, HALF_CLEANED, Victim.TREE),
)
"""As above, for a control plane."""

FROM_NOTHING = (
    (HALF_CLEANED, Victim.TREE, Moment("when certificates were made", _certificates_made, held=True), Victim.TREE),
    (
        Moment("some time after the cleaning of hosts began", _half_cleaned),
        Victim.COMMAND,
        Moment("while the nodes are being checked", _checked, held=True),
        Victim.COMMAND,
    ),
)
"""How the reset of the cluster is killed, and then how its deployment is."""
