"""Two people at once, one who is killed, one who presses Ctrl-C: seen on the nodes and in the cluster's Lease."""

from __future__ import annotations

import json
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

import pytest

from tests.lab.support.cluster import Cluster
from tests.lab.support.flows import assert_nothing_left, assert_works
from tests.lab.support.kills import Victim, kill_at
from tests.lab.support.lab import TestLab, lab_up
from tests.lab.support.locking import has_file, held_elsewhere, holder, started
from tests.lab.support.removal import assert_clean
from tests.lab.support.snapshot import flat_node
from tests.lab.support.waiting import wait_until

pytestmark = [pytest.mark.lab, pytest.mark.flow, pytest.mark.full]

REFUSED_SECONDS = 90.0
"""Most of it is the start of Ansible and the look at the cluster, on a machine that is busy with another run."""


@pytest.fixture(scope="module")
def lab(kubernetes_version: str, keep_labs: bool) -> Iterator[TestLab]:
    """One control plane and one worker, nothing deployed yet."""
    with lab_up("lock", control_planes=1, workers=1, kubernetes=kubernetes_version, keep=keep_labs) as booted:
        yield booted


@pytest.fixture(scope="module")
def cluster(lab: TestLab) -> Cluster:
    """The cluster on it, asked through its one control plane."""
    return Cluster(lab, "cp1")


class TestTwoAtOnce:
    """A second run, with its records elsewhere as another machine's are, is told who is at work."""

    def test_while_there_is_no_api_yet(self, lab: TestLab, cluster: Cluster, tmp_path: Path) -> None:
        with started(lab, "deploy") as first:
            wait_until(lambda: has_file(lab), deadline=120, what="the first run has the lock", every=0.2)
            second = lab.kubewright("deploy", "--state-dir", str(tmp_path))
            assert second.exit_code == 6, second
            assert "root" in second.output, second
            assert "with: deploy" in second.output, second
            assert first.poll() is None, "the first run ended too early to show anything"
            wait_until(lambda: holder(cluster), deadline=300, what="the lock is in the cluster")
        assert first.returncode == 0, lab.history[-1]
        assert not has_file(lab)
        assert holder(cluster) == ""
        assert_works(cluster, ["cp1", "w1"])
        assert_nothing_left(cluster, ["cp1", "w1"])

    def test_while_the_cluster_is_there(self, lab: TestLab, cluster: Cluster, tmp_path: Path) -> None:
        lab.grow(workers=1)
        with started(lab, "scale") as first:
            wait_until(lambda: holder(cluster), deadline=120, what="the first run has the lock", every=0.2)
            began = time.monotonic()
            second = lab.kubewright("check", "--state-dir", str(tmp_path))
            assert second.exit_code == 6, second
            assert "with: scale" in second.output, second
            assert time.monotonic() - began < REFUSED_SECONDS
        assert first.returncode == 0, lab.history[-1]
        assert holder(cluster) == ""
        assert_works(cluster, ["cp1", "w1", "w2"])


class TestDeadHolder:
    """The same user on the same machine need not wait for the lock of a run that was killed."""

    @pytest.mark.parametrize("victim", list(Victim))
    def test_again_at_once(self, lab: TestLab, cluster: Cluster, victim: Victim, tmp_path: Path) -> None:
        command = ("kubewright", "check", "-i", str(lab.inventory))
        killed = kill_at(
            command,
            lambda: bool(holder(cluster)),
            what="the lock is held",
            victim=victim,
            temporary=tmp_path,
            at_once=lambda: None,
        )
        lab.note(killed)
        again = lab.kubewright("check")
        assert again.exit_code == 0, again
        assert again.seconds < REFUSED_SECONDS, again
        assert holder(cluster) == ""


class TestHeldElsewhere:
    """A run that is refused has changed nothing anywhere."""

    def test_nothing_is_changed(self, lab: TestLab, cluster: Cluster) -> None:
        (new,) = lab.grow(workers=1)
        before = {node: flat_node(lab, node) for node in lab.nodes}
        with held_elsewhere(cluster):
            refused = lab.kubewright("scale")
        assert refused.exit_code == 6, refused
        assert "somebody-else on elsewhere" in refused.output, refused
        assert refused.seconds < REFUSED_SECONDS, refused
        assert {node: flat_node(lab, node) for node in lab.nodes} == before
        assert new not in cluster.node_conditions()


class TestInterrupted:
    """Ctrl-C finishes the steps under way, and a second run goes on."""

    def test_in_the_middle_of_scale(self, lab: TestLab, cluster: Cluster) -> None:
        with started(lab, "scale") as run:
            wait_until(lambda: holder(cluster), deadline=120, what="the run has the lock", every=0.1)
            run.send_signal(signal.SIGINT)
        said = lab.history[-1]
        assert said.exit_code == 130, said
        assert "stopping" in said.output, said
        assert "Run the same command again" in said.output, said
        assert holder(cluster) == ""
        assert cluster.leftovers() == []
        assert "w3" not in cluster.node_conditions(), "a step began after Ctrl-C"
        lab.kubewright("scale").check()
        assert_works(cluster, ["cp1", "w1", "w2", "w3"])


class TestUnlock:
    """A lock whose holder is on another machine."""

    def test_is_broken_only_when_that_is_confirmed(self, lab: TestLab, cluster: Cluster) -> None:
        patch = '{"metadata":{"annotations":{"kubewright.io/lock-host":"elsewhere"}},"spec":{"holderIdentity":"gone"}}'
        cluster.kubectl("-n", "kube-system", "patch", "lease", "kubewright", "--type=merge", "-p", patch)
        refused = lab.kubewright("unlock")
        assert refused.exit_code == 3, refused
        assert "elsewhere" in refused.output, refused
        assert holder(cluster) == "gone"
        lab.kubewright("unlock", "--yes").check()
        assert holder(cluster) == ""

    def test_stops_the_run_that_held_it(self, lab: TestLab, cluster: Cluster) -> None:
        lab.grow(workers=1)
        with started(lab, "scale") as run:
            wait_until(lambda: holder(cluster), deadline=120, what="the run has the lock", every=0.1)
            lab.kubewright("unlock", "--yes").check()
        assert run.returncode == 6, lab.history[-1]
        # What was under way has ended; nothing was noted or taken away, for somebody else may be at work by now.
        record = json.loads(cluster.get("-n", "kube-system", "configmap", "kubewright")["data"]["record"])
        assert "w4" not in record["fan_out"]
        lab.kubewright("scale").check()
        assert_works(cluster, ["cp1", "w1", "w2", "w3", "w4"])
        assert_nothing_left(cluster, ["cp1", "w1", "w2", "w3", "w4"])


class TestInterruptedRemoval:
    """Ctrl-C in the drain of the first of two workers: it is drained, and nothing else begins."""

    ATTACHMENT: ClassVar[dict[str, Any]] = {
        "apiVersion": "storage.k8s.io/v1",
        "kind": "VolumeAttachment",
        "metadata": {"name": "held"},
        "spec": {"attacher": "nobody.example", "nodeName": "w2", "source": {"persistentVolumeName": "none"}},
    }
    """A drain waits until it is gone, which nobody but the test brings about."""

    def test_no_further_part_begins(self, lab: TestLab, cluster: Cluster) -> None:
        cluster.kubectl("apply", "-f", "-", stdin=json.dumps(self.ATTACHMENT))
        with started(lab, "remove", "--limit", "w2,w3", "--yes") as run:
            wait_until(
                lambda: cluster.get("node", "w2")["spec"].get("unschedulable"), deadline=120, what="w2 is drained"
            )
            run.send_signal(signal.SIGINT)
            time.sleep(5)
            assert run.poll() is None, "the drain under way has to be finished"
            cluster.kubectl("delete", "volumeattachment", "held")
        said = lab.history[-1]
        assert said.exit_code == 130, said
        assert "Run the same command again" in said.output, said
        assert sorted(cluster.node_conditions()) == ["cp1", "w1", "w2", "w3", "w4"]
        assert not cluster.get("node", "w3")["spec"].get("unschedulable"), "a drain began after Ctrl-C"
        assert holder(cluster) == ""

    def test_the_same_command_goes_on(self, lab: TestLab, cluster: Cluster) -> None:
        lab.kubewright("remove", "--limit", "w2,w3", "--yes").check()
        assert_works(cluster, ["cp1", "w1", "w4"])
        assert_nothing_left(cluster, ["cp1", "w1", "w4"])
        for node in ("w2", "w3"):
            assert_clean(lab, node)
