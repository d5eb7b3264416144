"""A static pod is changed: the cluster can spare it, it is waited for, and put back where it does not run."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.kubewright.cluster.plugins.module_utils import controlplane, etcd, markers, staticpods
from ansible_collections.kubewright.cluster.plugins.module_utils.convergence import Outcome, converge
from ansible_collections.kubewright.cluster.plugins.module_utils.errors import NodeError
from ansible_collections.kubewright.cluster.plugins.module_utils.resources import static_pod
from tests.unit.node.api.made import write
from tests.unit.node.api.pki import Pki, serve
from tests.unit.node.api.plane import CERTIFICATES, COMPONENTS, CONFIGURATION, MANIFESTS, Plane
from tests.unit.node.api.simulated import KilledError
from tests.unit.node.fake import context_of

EARLIER = "/etc/kubewright/earlier"


@pytest.fixture
def plane(pki: Pki, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Plane]:
    for module, name, value in (
        (static_pod, "_TIMEOUT", 0.4),
        (staticpods, "_INTERVAL", 0.02),
        (controlplane, "_HEALTH_WAIT", 0.3),
    ):
        monkeypatch.setattr(module, name, value)
    made = Plane(tmp_path, pki=pki)
    with serve(pki, made.answer) as server:
        made.url = server.url
        monkeypatch.setattr(etcd.Etcd.__init__, "__kwdefaults__", {"endpoint": server.url, "timeout": 3.0})
        made.make()
        yield made


def document(plane: Plane, *names: str) -> dict[str, Any]:
    resources = [
        {
            "type": "static_pod",
            "id": f"static_pod:{name}",
            "name": name,
            "node": "cp1",
            "address": "127.0.0.1",
            "certificates": CERTIFICATES,
            "servers": [f"https://{address}" for address in plane.others.values()],
        }
        for name in names or COMPONENTS
    ]
    return {"format": 1, "host": "cp1", "kubeadm": CONFIGURATION, "resources": resources}


def check(plane: Plane, *names: str) -> Outcome:
    return converge(document(plane, *names), context_of(plane), check=True)


def apply(plane: Plane, *names: str) -> Outcome:
    return converge(document(plane, *names), context_of(plane))


def flagged(plane: Plane, name: str, flag: str) -> None:
    """kubeadm wants one more flag."""
    first = f"    - {name}\n"
    assert first in plane.wanted[f"{name}.yaml"]
    plane.wanted[f"{name}.yaml"] = plane.wanted[f"{name}.yaml"].replace(first, f"{first}    - --{flag}\n", 1)


class TestFinding:
    def test_what_runs_as_wanted_is_left_alone(self, plane: Plane) -> None:
        assert not check(plane).changed
        assert not apply(plane).changed

    def test_a_flag_is_shown_as_a_difference_and_nothing_is_touched(self, plane: Plane) -> None:
        flagged(plane, "kube-apiserver", "audit-log-maxage=7")
        before = plane.manifest("kube-apiserver")
        (change,) = check(plane).changes
        assert change.id == "static_pod:kube-apiserver"
        assert "+    - --audit-log-maxage=7\n" in change.diff
        assert change.summary.endswith("restarts kube-apiserver")
        assert plane.manifest("kube-apiserver") == before

    @pytest.mark.parametrize("gone", ["/etc/kubernetes/kubelet.conf", "/etc/kubernetes/admin.conf"])
    def test_a_node_that_is_no_control_plane_yet_has_nothing_to_do(self, plane: Plane, gone: str) -> None:
        flagged(plane, "kube-scheduler", "v=4")
        plane.path(gone).unlink()
        assert not check(plane).changed

    @pytest.mark.parametrize("action", ["init", "join"])
    def test_nor_has_one_that_kubeadm_is_not_done_with(self, plane: Plane, action: str) -> None:
        flagged(plane, "kube-scheduler", "v=4")
        markers.begin(plane, action, markers.Layout(CERTIFICATES, "/var/lib/etcd"))
        assert not check(plane).changed

    def test_without_kubeadm_it_is_said_that_nothing_was_compared(self, plane: Plane) -> None:
        flagged(plane, "kube-scheduler", "v=4")
        plane.path("/usr/local/bin/kubeadm").unlink()
        context = context_of(plane)
        assert not converge(document(plane), context, check=True).changed
        assert "kubeadm is not there" in context.warnings[0]


class TestApplying:
    def test_only_the_component_that_differs_is_changed(self, plane: Plane) -> None:
        flagged(plane, "kube-controller-manager", "terminated-pod-gc-threshold=5")
        before = {name: plane.path(f"{MANIFESTS}/{name}.yaml").stat().st_ino for name in COMPONENTS}
        assert [change.id for change in apply(plane).changes] == ["static_pod:kube-controller-manager"]
        after = {name: plane.path(f"{MANIFESTS}/{name}.yaml").stat().st_ino for name in COMPONENTS}
        assert {name for name in COMPONENTS if before[name] != after[name]} == {"kube-controller-manager"}
        assert "--terminated-pod-gc-threshold=5" in plane.runs["kube-controller-manager"]
        assert plane.path(f"{MANIFESTS}/kube-controller-manager.yaml").stat().st_mode & 0o777 == 0o600
        assert list(plane.path(EARLIER).iterdir()) == []
        assert not check(plane).changed

    def test_a_manifest_that_somebody_edited_or_removed_is_mended(self, plane: Plane) -> None:
        write(plane, f"{MANIFESTS}/kube-scheduler.yaml", plane.manifest("kube-scheduler").replace("=true", "=false"))
        plane.path(f"{MANIFESTS}/etcd.yaml").unlink()
        assert [(change.id, change.action) for change in apply(plane).changes] == [
            ("static_pod:etcd", "create"),
            ("static_pod:kube-scheduler", "update"),
        ]
        assert plane.manifest("kube-scheduler") == plane.wanted["kube-scheduler.yaml"]
        assert "--initial-cluster-state=existing\n" in plane.manifest("etcd"), (
            "it must never begin a cluster of its own"
        )
        assert not check(plane).changed

    @pytest.mark.parametrize("name", COMPONENTS)
    def test_one_that_does_not_run_gets_its_earlier_manifest_back(self, plane: Plane, name: str) -> None:
        before = plane.manifest(name)
        flagged(plane, name, "broken")
        with pytest.raises(NodeError, match=r"its pod is not ready.*It runs with its earlier manifest again") as raised:
            apply(plane)
        assert raised.value.subject == f"{name} on cp1"
        assert plane.manifest(name) == before == plane.runs[name]
        assert check(plane).changed, "the next run tries again, or has other settings"

    @pytest.mark.parametrize("newest", ["", "said"], ids=["has said nothing yet", "has ended too"])
    def test_crashes_end_the_wait_and_the_log_is_told(
        self, plane: Plane, monkeypatch: pytest.MonkeyPatch, newest: str
    ) -> None:
        monkeypatch.setattr(static_pod, "_TIMEOUT", 60.0)
        flagged(plane, "kube-scheduler", "broken")
        log = "2026-01-01T00:00:00Z stderr F Error: unknown flag: --broken\n"
        taken_up = plane.settle

        def crash() -> None:
            taken_up()
            if "--broken" in plane.runs["kube-scheduler"]:
                for number in range(4):
                    path = f"/var/log/pods/kube-system_kube-scheduler-cp1_1/kube-scheduler/{number}.log"
                    write(plane, path, log if number < 3 or newest else "")
                    os.utime(plane.path(path), (number, number))

        monkeypatch.setattr(plane, "settle", crash)
        with pytest.raises(NodeError, match=r"ends again and again.*its log says: Error: unknown flag: --broken"):
            apply(plane, "kube-scheduler")


class TestTogether:
    """Those of one control plane restart together."""

    def test_all_are_written_before_one_is_waited_for(self, plane: Plane, monkeypatch: pytest.MonkeyPatch) -> None:
        for name in COMPONENTS:
            flagged(plane, name, "v=4")
        seen: list[set[str]] = []
        look = staticpods.Watch.look

        def looking(watch: staticpods.Watch) -> str:
            seen.append({name for name in COMPONENTS if "--v=4" in plane.manifest(name)})
            return look(watch)

        monkeypatch.setattr(staticpods.Watch, "look", looking)
        assert len(apply(plane).changes) == len(COMPONENTS)
        assert seen[0] == set(COMPONENTS)
        assert list(plane.path(EARLIER).glob("*")) == []
        assert not check(plane).changed

    def test_what_runs_stays_where_another_one_does_not(self, plane: Plane) -> None:
        before = plane.manifest("kube-scheduler")
        flagged(plane, "kube-apiserver", "v=4")
        flagged(plane, "kube-scheduler", "broken")
        with pytest.raises(NodeError, match=r"kube-scheduler on cp1.*It runs with its earlier manifest again"):
            apply(plane)
        assert plane.manifest("kube-scheduler") == before
        assert "--v=4" in plane.runs["kube-apiserver"]
        assert list(plane.path(EARLIER).glob("*")) == []
        assert [change.id for change in check(plane).changes] == ["static_pod:kube-scheduler"]

    def test_a_crash_is_found_while_another_one_is_waited_for(
        self, plane: Plane, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """As etcd is where no API server can tell of it."""
        monkeypatch.setattr(static_pod, "_TIMEOUT", 60.0)
        before = {name: plane.manifest(name) for name in ("etcd", "kube-apiserver")}
        for name in before:
            flagged(plane, name, "broken")
        given_up = staticpods.Watch.given_up
        monkeypatch.setattr(
            staticpods.Watch, "given_up", lambda watch: "kube-apiserver" in watch.subject or given_up(watch)
        )
        with pytest.raises(NodeError, match="kube-apiserver on cp1"):
            apply(plane)
        assert {name: plane.manifest(name) for name in before} == before

    def test_nothing_is_written_where_one_cannot_be_spared(self, plane: Plane) -> None:
        flagged(plane, "kube-scheduler", "v=4")
        flagged(plane, "kube-apiserver", "v=4")
        plane.others = {"cp2": "127.0.0.1:1"}
        before = {name: plane.manifest(name) for name in COMPONENTS}
        with pytest.raises(NodeError, match="the API server of cp2 does not answer"):
            apply(plane)
        assert {name: plane.manifest(name) for name in COMPONENTS} == before


class TestRoom:
    """I4: nothing is restarted that the cluster cannot spare now."""

    def members(self, plane: Plane, *addresses: str) -> None:
        plane.members = [
            {
                "ID": str(number),
                "name": f"cp{number}",
                "peerURLs": [f"https://{address}:2380"],
                "clientURLs": [plane.url if address != "10.7.0.9" else "https://127.0.0.1:1"],
            }
            for number, address in enumerate(addresses, 1)
        ]

    def test_etcd_waits_for_a_majority_without_it(self, plane: Plane) -> None:
        flagged(plane, "etcd", "quota-backend-bytes=4294967296")
        self.members(plane, "127.0.0.1", "10.7.0.2", "10.7.0.9")
        before = plane.manifest("etcd")
        with pytest.raises(NodeError, match="only 1 of 2 other voting members are healthy, and 2 have to be"):
            apply(plane)
        assert plane.manifest("etcd") == before
        self.members(plane, "127.0.0.1", "10.7.0.2", "10.7.0.3")
        assert apply(plane).changed

    def test_an_api_server_waits_for_those_of_ready_nodes(self, plane: Plane) -> None:
        flagged(plane, "kube-apiserver", "v=4")
        plane.others = {"cp2": plane.url.removeprefix("https://"), "cp3": "127.0.0.1:1"}
        before = plane.manifest("kube-apiserver")
        with pytest.raises(NodeError, match="the API server of cp3 does not answer"):
            apply(plane)
        assert plane.manifest("kube-apiserver") == before
        plane.not_ready = {"cp3"}
        assert apply(plane).changed, "a dead control plane does not count"

    def test_the_last_api_server_that_answers_is_not_restarted(self, plane: Plane) -> None:
        flagged(plane, "kube-apiserver", "v=4")
        plane.others = {"cp2": "127.0.0.1:1"}
        plane.not_ready = {"cp2"}
        with pytest.raises(NodeError, match="no other API server answers than this one"):
            apply(plane)


class TestKills:
    """A kill before any step, then the same again: as if there had been none."""

    @pytest.mark.parametrize("name", ["etcd", "kube-apiserver"])
    def test_at_every_step(self, plane: Plane, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
        plane.die_at_steps(monkeypatch)
        flagged(plane, name, "v=4")
        before = plane.manifest(name)
        apply(plane, name)
        total = plane.steps
        assert total == 4, "ask kubeadm, keep the earlier one, write, forget the earlier one"
        for moment in range(total):
            write(plane, f"{MANIFESTS}/{name}.yaml", before)
            plane.settle()
            plane.steps, plane.kill_at = 0, moment
            with pytest.raises(KilledError):
                apply(plane, name)
            plane.kill_at = -1
            apply(plane, name)
            assert "--v=4" in plane.runs[name]
            assert list(plane.path(EARLIER).glob("*")) == []
            assert not check(plane, name).changed

    def test_one_that_was_killed_while_it_waited_is_waited_for(self, plane: Plane) -> None:
        old = plane.manifest("kube-scheduler")
        flagged(plane, "kube-scheduler", "v=4")
        write(plane, f"{EARLIER}/kube-scheduler.yaml", old)
        write(plane, f"{MANIFESTS}/kube-scheduler.yaml", plane.wanted["kube-scheduler.yaml"])
        (change,) = check(plane).changes
        assert "an earlier run wrote" in change.summary
        assert apply(plane).changed
        assert not check(plane).changed
