"""kubewright is killed in the middle of its work, on nodes with two networks; running it again completes the work.

The nodes' default route is on the first network and their ``ip`` on the second, so that everything here also shows that
the cluster lives on the network that the inventory names.
"""

from __future__ import annotations

import random
import tempfile
from collections.abc import Callable, Collection, Iterator, Sequence
from pathlib import Path

import pytest

from kubewright.lab import Role
from tests.lab.support.cluster import Cluster
from tests.lab.support.flows import assert_hosts_files, assert_nothing_left, assert_works, hosts_file
from tests.lab.support.frozen import freeze, run_beside
from tests.lab.support.kills import Victim, kill_at
from tests.lab.support.lab import TestLab, lab_up
from tests.lab.support.moments import (
    FROM_NOTHING,
    FURTHER_CONTROL_PLANES,
    FURTHER_WORKERS,
    INIT,
    KUBELET,
    LEARNER,
    Moment,
)
from tests.lab.support.removal import assert_clean
from tests.lab.support.states import status
from tests.lab.support.writer import writer

pytestmark = [pytest.mark.lab, pytest.mark.flow]

LONGEST_DELAY = 1.0
"""Seconds after the moment's first sight within which the kill is drawn."""


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


def killed_then_again(
    cluster: Cluster,
    arguments: Sequence[str],
    nodes: Sequence[str],
    moment: Moment,
    victim: Victim,
    chance: random.Random,
    between: Callable[[], None] | None = None,
) -> bool:
    """Kill a run at a moment and run it again, which has to succeed.

    Modules of the killed run that still hold a node's lock are kept at work until the second run says that it waits.
    What is to be seen ``between`` the runs is looked at while they are. Returns whether there were any.
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
        if between is not None:
            between()
        run_beside(lab, *arguments, frozen=frozen, temporary=Path(temporary)).check()
        assert list(Path(temporary).iterdir()) == [], "temporary files are left"
    return bool(frozen)


def killed_then_completed(
    cluster: Cluster,
    arguments: Sequence[str],
    nodes: Sequence[str],
    moment: Moment,
    victim: Victim,
    chance: random.Random,
    away: Collection[str] = (),
    between: Callable[[], None] | None = None,
) -> bool:
    """Kill a run at a moment, run it again, and see that all is complete and nothing is left.

    Nodes that are ``away`` are in the inventory and not in the cluster. Returns whether modules of the killed run were
    still at work.
    """
    lab = cluster.lab
    waited = killed_then_again(cluster, arguments, nodes, moment, victim, chance, between)
    everywhere = [name for name in lab.nodes if name not in away]
    assert_works(cluster, everywhere)
    assert_hosts_files(lab, everywhere)
    assert_nothing_left(cluster, everywhere)
    assert cluster.etcd_voters() == sorted(set(lab.control_planes) - set(away))
    return waited


def killed_then_removed(
    cluster: Cluster, node: str, moment: Moment, victim: Victim, chance: random.Random, away: Collection[str]
) -> None:
    """Kill the removal of a node at a moment, run it again, and see that the node is gone and the others work."""
    lab = cluster.lab
    killed_then_again(cluster, ["remove", "--limit", node, "--yes"], [node], moment, victim, chance)
    staying = [name for name in lab.nodes if name not in {node, *away}]
    assert_clean(lab, node)
    assert_works(cluster, staying)
    assert_nothing_left(cluster, staying)
    assert cluster.etcd_voters() == sorted(set(lab.control_planes) - {node, *away})
    for name in staying:
        assert node not in hosts_file(lab, name)


class TestKilledDuringInit:
    """The first deploy is killed, the command alone."""

    def test_running_again_completes(self, cluster: Cluster, chance: random.Random) -> None:
        def half_made() -> None:
            state = status(cluster.lab)["state"]
            assert state["kind"] == "half made", state
            assert state["next"].startswith("Run kubewright deploy again: it goes on at cp1"), state

        waited = killed_then_completed(cluster, ["deploy"], ["cp1"], INIT, Victim.COMMAND, chance, between=half_made)
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


@pytest.fixture(scope="module")
def spares() -> dict[Role, str]:
    """The nodes that come and go, once they are booted."""
    return {}


def spare(lab: TestLab, spares: dict[Role, str], role: Role) -> tuple[str, set[str]]:
    """The node of this role that comes and goes, booted at first use, and those that are away meanwhile."""
    if role not in spares:
        (spares[role],) = lab.grow(workers=1) if role is Role.WORKER else lab.grow(control_planes=1)
    return spares[role], set(spares.values()) - {spares[role]}


@pytest.mark.full
class TestFurtherMoments:
    """The rest of them, on one more worker and one more control plane that come and go, while something writes."""

    @pytest.mark.parametrize(
        ("role", "joins", "joining", "leaves", "leaving"),
        [
            *((Role.WORKER, *moments) for moments in FURTHER_WORKERS),
            *((Role.CONTROL_PLANE, *moments) for moments in FURTHER_CONTROL_PLANES),
        ],
        ids=lambda value: getattr(value, "words", getattr(value, "name", value)),
    )
    def test_a_node_joins_and_leaves(
        self,
        lab: TestLab,
        cluster: Cluster,
        spares: dict[Role, str],
        chance: random.Random,
        role: Role,
        joins: Moment,
        joining: Victim,
        leaves: Moment,
        leaving: Victim,
    ) -> None:
        node, away = spare(lab, spares, role)
        with writer(cluster):
            killed_then_completed(cluster, ["scale", "--limit", node], [node], joins, joining, chance, away)
            killed_then_removed(cluster, node, leaves, leaving, chance, away)

    @pytest.mark.parametrize(
        ("goes", "going", "comes", "coming"), FROM_NOTHING, ids=lambda value: getattr(value, "words", value)
    )
    def test_the_cluster_is_reset_and_deployed(
        self,
        lab: TestLab,
        cluster: Cluster,
        chance: random.Random,
        goes: Moment,
        going: Victim,
        comes: Moment,
        coming: Victim,
    ) -> None:
        name = ("--yes", "--confirm", "cluster.local")
        killed_then_again(cluster, ["reset", *name], ["w1"], goes, going, chance)
        for node in lab.nodes:
            assert_clean(lab, node)
        killed_then_completed(cluster, ["deploy"], ["cp1"], comes, coming, chance)
