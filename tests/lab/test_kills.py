"""kubewright is killed in the middle of its work, on nodes with two networks; running it again completes the work.

The nodes' default route is on the first network and their ``ip`` on the second, so that everything here also shows that
the cluster lives on the network that the inventory names.
"""

from __future__ import annotations

import dataclasses
import random
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from tests.lab.support.cluster import Cluster
from tests.lab.support.flows import assert_hosts_files, assert_nothing_left, assert_works
from tests.lab.support.frozen import freeze, run_beside
from tests.lab.support.kills import Victim, kill_at
from tests.lab.support.lab import TestLab, lab_up

pytestmark = [pytest.mark.lab, pytest.mark.flow]

LONGEST_DELAY = 1.0
"""Seconds after the moment's first sight within which the kill is drawn."""


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
    return any(member.get("isLearner") for member in cluster.etcd_members())


def _promoted(cluster: Cluster, nodes: Sequence[str]) -> bool:
    members = cluster.etcd_members()
    return nodes[0] in [member.get("name") for member in members if not member.get("isLearner")]


def _kubelet_without_node(cluster: Cluster, nodes: Sequence[str]) -> bool:
    return _test(cluster, nodes[0], "pgrep -x kubelet >/dev/null") and nodes[0] not in cluster.node_conditions()


def _node_not_ready(cluster: Cluster, nodes: Sequence[str]) -> bool:
    return cluster.node_conditions().get(nodes[0]) is False


INIT = Moment("during init, when the static pods are being started", _init_runs)
KUBELET = Moment("between the kubelet's start and the Node", _kubelet_without_node, held=True)
LEARNER = Moment("when an etcd learner was added and not promoted", _learner, held=True)

FURTHER_WORKERS = (
    (Moment("while packages are being installed", _packages_installed), Victim.COMMAND),
    (Moment("while a file is half written", _half_written, held=True), Victim.TREE),
    (Moment("when the bootstrap token was made", _token_made, held=True), Victim.TREE),
    (Moment("when the bootstrap token was made", _token_made), Victim.COMMAND),
    (KUBELET, Victim.COMMAND),
    (Moment("when the Node is there and not Ready", _node_not_ready), Victim.TREE),
)
FURTHER_CONTROL_PLANES = (
    (Moment("when the certificate key was uploaded", _key_uploaded, held=True), Victim.TREE),
    (LEARNER, Victim.COMMAND),
    (Moment("when the etcd member was promoted", _promoted), Victim.TREE),
)


@pytest.fixture(scope="module")
def lab(kubernetes_version: str, keep_labs: bool) -> Iterator[TestLab]:
    """One control plane and one worker on two networks, nothing deployed yet."""
    shape = {"control_planes": 1, "workers": 1}
    with lab_up("kills", **shape, kubernetes=kubernetes_version, second_network=True, keep=keep_labs) as booted:
        yield booted


@pytest.fixture(scope="module")
def cluster(lab: TestLab) -> Cluster:
    """The cluster on it, asked through its first control plane."""
    return Cluster(lab, "cp1")


def killed_then_completed(
    cluster: Cluster,
    arguments: Sequence[str],
    nodes: Sequence[str],
    moment: Moment,
    victim: Victim,
    chance: random.Random,
) -> bool:
    """Kill a run at a moment, run it again, and see that all is complete and nothing is left.

    Modules of the killed run that still hold a node's lock are kept at work until the second run says that it waits.
    Returns whether there were any.
    """
    lab = cluster.lab
    command = ("kubewright", arguments[0], "-i", str(lab.inventory), *arguments[1:])
    frozen: dict[str, int] = {}
    with tempfile.TemporaryDirectory() as temporary:
        killed = kill_at(
            command,
            lambda: moment.seen(cluster, nodes),
            what=moment.words,
            victim=victim,
            temporary=Path(temporary),
            at_once=lambda: frozen.update(freeze(lab, list(lab.nodes))),
            delay=0.0 if moment.held else chance.uniform(0, LONGEST_DELAY),
        )
        lab.note(killed)
        run_beside(lab, *arguments, frozen=frozen, temporary=Path(temporary)).check()
        assert list(Path(temporary).iterdir()) == [], "temporary files are left"
    everywhere = list(lab.nodes)
    assert_works(cluster, everywhere)
    assert_hosts_files(lab, everywhere)
    assert_nothing_left(cluster, everywhere)
    assert cluster.etcd_voters() == sorted(lab.control_planes)
    return bool(frozen)


class TestKilledDuringInit:
    """The first deploy is killed, the command alone."""

    def test_running_again_completes(self, cluster: Cluster, chance: random.Random) -> None:
        waited = killed_then_completed(cluster, ["deploy"], ["cp1"], INIT, Victim.COMMAND, chance)
        assert waited, "kubeadm init takes longer than the kill, so its module was there to be waited for"


class TestTwoNetworks:
    """The cluster lives on the network that ``ip`` names, not on that of the default route."""

    def test_nodes_have_their_second_address(self, lab: TestLab, cluster: Cluster) -> None:
        for node in lab.nodes.values():
            assert cluster.internal_ip(node.name) == str(node.second_address)

    def test_etcd_talks_on_the_second_network(self, lab: TestLab, cluster: Cluster) -> None:
        second = str(lab.nodes["cp1"].second_address)
        assert [url for member in cluster.etcd_members() for url in member["peerURLs"]] == [f"https://{second}:2380"]
        assert f"{second}:2380" in lab.read("cp1", "ss", "--no-header", "--listening", "--tcp", "--numeric")

    def test_pod_traffic_crosses_the_second_network(self, lab: TestLab, cluster: Cluster) -> None:
        for node in cluster.get("nodes")["items"]:
            own = str(lab.nodes[node["metadata"]["name"]].second_address)
            assert node["metadata"]["annotations"]["flannel.alpha.coreos.com/public-ip"] == own


class TestKilledWhileAWorkerJoins:
    """A scale that adds a worker is killed with all that it started."""

    def test_running_again_completes(self, lab: TestLab, cluster: Cluster, chance: random.Random) -> None:
        added = lab.grow(workers=1)
        killed_then_completed(cluster, ["scale", "--limit", ",".join(added)], added, KUBELET, Victim.TREE, chance)


class TestKilledWhileAControlPlaneJoins:
    """A scale that adds a control plane is killed with all that it started."""

    def test_running_again_completes(self, lab: TestLab, cluster: Cluster, chance: random.Random) -> None:
        added = lab.grow(control_planes=1)
        killed_then_completed(cluster, ["scale", "--limit", ",".join(added)], added, LEARNER, Victim.TREE, chance)


@pytest.mark.full
class TestFurtherMoments:
    """The rest of the dozen."""

    @pytest.mark.parametrize(("moment", "victim"), FURTHER_WORKERS, ids=lambda value: getattr(value, "words", value))
    def test_a_worker_joins(
        self, lab: TestLab, cluster: Cluster, chance: random.Random, moment: Moment, victim: Victim
    ) -> None:
        added = lab.grow(workers=1)
        killed_then_completed(cluster, ["scale", "--limit", ",".join(added)], added, moment, victim, chance)

    @pytest.mark.parametrize(
        ("moment", "victim"), FURTHER_CONTROL_PLANES, ids=lambda value: getattr(value, "words", value)
    )
    def test_a_control_plane_joins(
        self, lab: TestLab, cluster: Cluster, chance: random.Random, moment: Moment, victim: Victim
    ) -> None:
        added = lab.grow(control_planes=1)
        killed_then_completed(cluster, ["scale", "--limit", ",".join(added)], added, moment, victim, chance)
