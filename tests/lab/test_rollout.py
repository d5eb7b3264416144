"""Changed settings reach a running cluster: in the plan first, then one control plane at a time, then the workers."""

from __future__ import annotations

import json
import random
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml

from kubewright.errors import ExitCode
from tests.lab.support.cluster import CA, Cluster, api_through_endpoint, fetch
from tests.lab.support.flows import assert_nothing_left, assert_works
from tests.lab.support.frozen import freeze, run_beside
from tests.lab.support.kills import Victim, kill_at
from tests.lab.support.lab import TestLab, lab_up
from tests.lab.support.plans import steps
from tests.lab.support.snapshot import assert_unchanged, differences, snapshot
from tests.lab.support.waiting import wait_until

pytestmark = [pytest.mark.lab, pytest.mark.flow, pytest.mark.full]

PLANES = ("cp1", "cp2", "cp3")
WORKERS = ("w1", "w2")
EVERYWHERE = [*PLANES, *WORKERS]
NAME = "api.example.org"
MANIFESTS = "/etc/kubernetes/manifests"
KUBELET = "/var/lib/kubelet/config.yaml"
LONGEST_GAP = 20.0
"""Seconds that a worker's way to the API may be interrupted: a balancer finds out that a server is away."""

LED = ("kube-controller-manager", "kube-scheduler")
LONGEST_BACKOFF = 300.0
"""Seconds that a kubelet waits at most before it starts a container again."""

SETTINGS: dict[str, Any] = {
    "kube_kubeadm_apiserver_extra_args": {"audit-log-maxage": "7"},
    "kube_kubeadm_controller_extra_args": {"terminated-pod-gc-threshold": "500"},
    "kube_kubeadm_scheduler_extra_args": {"v": "3"},
    "etcd_extra_vars": {"quota-backend-bytes": "4294967296"},
    "kubelet_max_pods": 99,
    "kube_proxy_config_extra_args": {"conntrack": {"maxPerCore": 0, "tcpCloseWaitTimeout": "30m0s"}},
    "supplementary_addresses_in_ssl_keys": [NAME],
}
FLAGS = {
    "kube-apiserver": "--audit-log-maxage=7",
    "kube-controller-manager": "--terminated-pod-gc-threshold=500",
    "kube-scheduler": "--v=3",
    "etcd": "--quota-backend-bytes=4294967296",
}

# Prints the command lines of all processes, by program.
_PROCESSES = """
import json, pathlib
found = {}
for path in pathlib.Path("/proc").glob("[0-9]*/cmdline"):
    try:
        words = path.read_bytes().decode("utf-8", "replace").split("\\0")
    except OSError:
        continue
    found.setdefault(words[0].rpartition("/")[2], []).append(words)
print(json.dumps(found))
"""

# Prints whether the API server at an address shows a certificate for a name, as a client that checks it finds.
_CERTIFIED = """
import json, socket, ssl, sys
address, name, ca = sys.argv[1:]
context = ssl.create_default_context(cafile=ca)
try:
    with socket.create_connection((address, 6443), timeout=5) as plain:
        with context.wrap_socket(plain, server_hostname=name):
            print(json.dumps(True))
except ssl.SSLCertVerificationError:
    print(json.dumps(False))
"""


@pytest.fixture(scope="module")
def lab(kubernetes_version: str, keep_labs: bool) -> Iterator[TestLab]:
    """Three control planes and two workers with a cluster on them."""
    with lab_up("rollout", control_planes=3, workers=2, kubernetes=kubernetes_version, keep=keep_labs) as booted:
        booted.kubewright("deploy").check()
        yield booted


@pytest.fixture(scope="module")
def cluster(lab: TestLab) -> Cluster:
    """The cluster on it."""
    return Cluster(lab, "cp1")


@contextmanager
def settings(lab: TestLab, **values: Any) -> Iterator[None]:
    """Settings beside the lab's own while the block runs; they stay where it ends well."""
    path = lab.inventory / "group_vars" / "k8s_cluster.yml"
    before = path.read_text() if path.exists() else ""
    known = yaml.safe_load(before) or {}
    path.write_text(yaml.safe_dump({**known, **values}))
    try:
        yield
    except BaseException:
        path.write_text(before)
        raise


def restored(lab: TestLab, *names: str) -> None:
    """Take settings out of the inventory."""
    path = lab.inventory / "group_vars" / "k8s_cluster.yml"
    known = yaml.safe_load(path.read_text())
    path.write_text(yaml.safe_dump({name: value for name, value in known.items() if name not in names}))


def flags(lab: TestLab, node: str) -> dict[str, str]:
    """The command line of each component that runs on a control plane; two of one fail the test.

    What leads by a lease ends when its API server was away for long, and the more often that was so of late, the later
    the kubelet starts it again.
    """

    def led_again() -> Any:
        found = lab.python(node, _PROCESSES)
        assert all(name in found for name in LED), f"of {LED}, there is {[name for name in LED if name in found]}"
        return found

    processes = wait_until(led_again, deadline=LONGEST_BACKOFF, what=f"{' and '.join(LED)} run on {node}")
    for name in FLAGS:
        assert len(processes.get(name, [])) == 1, f"{name} on {node}: {processes.get(name)}"
    return {name: " ".join(processes[name][0]) for name in FLAGS}


def certified(lab: TestLab, node: str, name: str) -> bool:
    """Whether the API server of a control plane shows a certificate for the name."""
    return bool(lab.python(node, _CERTIFIED, str(lab.nodes[node].address), name, CA))


def max_pods(cluster: Cluster, node: str) -> int:
    """What a running kubelet goes by."""
    answer = json.loads(cluster.kubectl("get", "--raw", f"/api/v1/nodes/{node}/proxy/configz"))
    return int(answer["kubeletconfig"]["maxPods"])


class Watching(threading.Thread):
    """Asks every API server for itself, and the API through a worker's load balancer, until told to stop."""

    def __init__(self, lab: TestLab) -> None:
        super().__init__(daemon=True)
        self._lab = lab
        self._over = threading.Event()
        self.away: list[set[str]] = []
        self.gap = 0.0

    def run(self) -> None:
        """Ask in turn; a server that answers /readyz with 200 counts."""
        answered = time.monotonic()
        while not self._over.wait(0.2):
            addresses = {name: str(self._lab.nodes[name].address) for name in PLANES}
            asked = {name: fetch(self._lab, "w1", f"https://{at}:6443/readyz", ca=CA) for name, at in addresses.items()}
            self.away.append({name for name, (status, _) in asked.items() if status != 200})
            if api_through_endpoint(self._lab, "w2"):
                self.gap = max(self.gap, time.monotonic() - answered)
                answered = time.monotonic()

    def stop(self) -> None:
        """End it."""
        self._over.set()
        self.join(timeout=60)


@contextmanager
def watching(lab: TestLab) -> Iterator[Watching]:
    """Watch the API servers while the block runs."""
    watch = Watching(lab)
    watch.start()
    try:
        yield watch
    finally:
        watch.stop()


class TestAsDeployed:
    """What kubeadm would make now is what kubeadm made."""

    def test_a_new_clusters_plan_is_empty_and_looking_changes_nothing(self, lab: TestLab, cluster: Cluster) -> None:
        assert_works(cluster, EVERYWHERE)
        before = snapshot(cluster, *EVERYWHERE)
        assert lab.kubewright("plan", "--detailed-exitcode").exit_code == ExitCode.DONE
        lab.kubewright("deploy").check()
        assert_unchanged(before, snapshot(cluster, *EVERYWHERE))


class TestPlan:
    """All of it is shown, and nothing is touched."""

    def test_every_place_is_shown_with_its_difference(self, lab: TestLab, cluster: Cluster) -> None:
        before = snapshot(cluster, *EVERYWHERE)
        with settings(lab, **SETTINGS):
            found = steps(lab)
        order = [step["stage"] for step in found if step["stage"] != "check"]
        assert order == [
            "snapshot",
            "cluster-config",
            *["control-plane-config"] * 3,
            *["kubelet-config"] * 2,
            "kube-proxy",
        ]
        ids = {change["id"]: change["diff"] for step in found for change in step["changes"]}
        for component, flag in FLAGS.items():
            assert f"+    - {flag}\n" in ids[f"static_pod:{component}"]
        assert f"+{NAME}\n" in ids["certificate:apiserver"]
        assert "-maxPods: 110\n+maxPods: 99\n" in ids[f"kubelet_configuration:{KUBELET}"]
        for name in ("kubeadm-config", "kubelet-config", "kube-proxy"):
            assert ids[f"object:v1/ConfigMap/kube-system/{name}"]
        assert "certificate:etcd/server" not in ids
        assert_unchanged(before, snapshot(cluster, *EVERYWHERE))

    def test_scale_leaves_it_and_says_so(self, lab: TestLab, cluster: Cluster) -> None:
        before = snapshot(cluster, *EVERYWHERE)
        done = lab.kubewright("scale").check()
        for what in ("apiServer.extraArgs", "etcd.local.extraArgs", "KubeletConfiguration", "KubeProxyConfiguration"):
            assert f"Left: {what}" in done.output
        assert_unchanged(before, snapshot(cluster, *EVERYWHERE))

    def test_networks_cannot_be_changed(self, lab: TestLab) -> None:
        with settings(lab, kube_service_addresses="10.99.0.0/18"):
            assert lab.kubewright("deploy").exit_code == ExitCode.REFUSED
        restored(lab, "kube_service_addresses")


class TestRollout:
    """The settings of :class:`TestPlan` are carried out."""

    def test_at_most_one_api_server_is_away_at_a_time(self, lab: TestLab) -> None:
        with watching(lab) as watch:
            done = lab.kubewright("deploy").check()
        assert "etcd snapshot kept on" in done.output
        assert "inventory kept: " in done.output
        assert max(len(away) for away in watch.away) == 1, [away for away in watch.away if len(away) > 1]
        assert {name for away in watch.away for name in away} == set(PLANES)
        assert watch.gap < LONGEST_GAP

    def test_everything_runs_with_it(self, lab: TestLab, cluster: Cluster) -> None:
        for node in PLANES:
            running = flags(lab, node)
            assert {name: flag in running[name] for name, flag in FLAGS.items()} == dict.fromkeys(FLAGS, True), node
            assert certified(lab, node, NAME)
        for node in EVERYWHERE:
            assert max_pods(cluster, node) == 99
        assert cluster.etcd_voters() == list(PLANES)
        assert_works(cluster, EVERYWHERE)
        assert_nothing_left(cluster, EVERYWHERE)

    def test_kube_proxys_pods_are_new(self, cluster: Cluster) -> None:
        pods = cluster.get("-n", "kube-system", "pods", "-l", "k8s-app=kube-proxy")["items"]
        assert len(pods) == len(EVERYWHERE)
        assert all("kubewright.io/configuration" in pod["metadata"]["annotations"] for pod in pods)

    def test_plain_kubeadm_tells_the_same(self, lab: TestLab, cluster: Cluster) -> None:
        """What its own phase would write from its own object is what lies on the disk."""
        data = cluster.get("-n", "kube-system", "configmap", "kubeadm-config")["data"]
        local = {
            "apiVersion": "kubeadm.k8s.io/v1beta4",
            "kind": "InitConfiguration",
            "localAPIEndpoint": {"advertiseAddress": str(lab.nodes["cp2"].address)},
            "nodeRegistration": {"name": "cp2"},
        }
        text = f"{yaml.safe_dump(local)}---\n{data['ClusterConfiguration']}"
        phase = "kubeadm init phase control-plane all --dry-run --config /run/plain.yaml"
        script = f"mkdir /run/plain && cat > /run/plain.yaml && KUBEADM_INIT_DRYRUN_DIR=/run/plain {phase}"
        lab.execute("cp2", "sh", "-c", script, stdin=text).check()
        for name in ("kube-apiserver", "kube-controller-manager", "kube-scheduler"):
            lab.read("cp2", "diff", f"/run/plain/{name}.yaml", f"{MANIFESTS}/{name}.yaml")
        lab.read("cp2", "rm", "-r", "/run/plain", "/run/plain.yaml")

    def test_the_next_plan_is_empty_and_the_next_run_changes_nothing(self, lab: TestLab, cluster: Cluster) -> None:
        before = snapshot(cluster, *EVERYWHERE)
        assert lab.kubewright("plan", "--detailed-exitcode").exit_code == ExitCode.DONE
        lab.kubewright("deploy").check()
        assert_unchanged(before, snapshot(cluster, *EVERYWHERE))

    def test_a_name_alone_restarts_nothing(self, lab: TestLab, cluster: Cluster) -> None:
        before = {node: flags(lab, node) for node in PLANES}
        containers = {key for key in snapshot(cluster, *PLANES) if " container " in key}
        with settings(lab, supplementary_addresses_in_ssl_keys=["api.example.com"]):
            lab.kubewright("deploy").check()
        for node in PLANES:
            assert certified(lab, node, "api.example.com")
            assert not certified(lab, node, NAME), "a name that nobody wants any more goes"
        assert containers <= {key for key in snapshot(cluster, *PLANES) if " container " in key}
        assert {node: flags(lab, node) for node in PLANES} == before


class TestDrift:
    """Somebody changed the same things by hand."""

    def test_is_mended_where_it_is_and_nowhere_else(self, lab: TestLab, cluster: Cluster) -> None:
        before = snapshot(cluster, *EVERYWHERE)
        lab.read("cp2", "sed", "-i", "s/--v=3/--v=5/", f"{MANIFESTS}/kube-scheduler.yaml")
        lab.read("w1", "sed", "-i", "s/^maxPods: 99/maxPods: 50/", KUBELET)
        lab.read("w1", "systemctl", "restart", "kubelet")
        cluster.wait_ready(*EVERYWHERE)
        shown = {(step["host"], change["id"]) for step in steps(lab) for change in step["changes"]}
        assert shown == {("cp2", "static_pod:kube-scheduler"), ("w1", f"kubelet_configuration:{KUBELET}")}
        lab.kubewright("deploy").check()
        assert "--v=3" in flags(lab, "cp2")["kube-scheduler"]
        assert max_pods(cluster, "w1") == 99
        touched = {line.split(": ")[0] for line in differences(before, snapshot(cluster, *EVERYWHERE))}
        allowed = ("cp2 container ", "w1 unit kubelet", "object ConfigMap/kube-system/kubewright")
        files = {f"cp2 {MANIFESTS}/kube-scheduler.yaml", f"w1 {KUBELET}", "cp2 /etc/kubewright/manifest.json"}
        files |= {"w1 /etc/kubewright/manifest.json"}
        kept = "cp1 /var/lib/kubewright/snapshots/"
        assert not [each for each in touched if each not in files and not each.startswith((*allowed, kept))], touched

    def test_a_deleted_manifest_of_etcd_comes_back_as_the_same_member(self, lab: TestLab, cluster: Cluster) -> None:
        before = {member["name"]: member["ID"] for member in cluster.etcd_members()}
        lab.read("cp3", "rm", f"{MANIFESTS}/etcd.yaml")
        wait_until(
            lambda: "etcd" not in lab.python("cp3", _PROCESSES),
            deadline=120,
            what="etcd of cp3 is stopped by its kubelet",
        )
        lab.kubewright("deploy").check()
        assert {member["name"]: member["ID"] for member in cluster.etcd_members()} == before
        assert "--initial-cluster-state=existing" in flags(lab, "cp3")["etcd"]


class TestBadSettings:
    """A setting that a component cannot run with ruins one host at most."""

    def test_of_the_api_servers_is_taken_back_on_the_first_control_plane(self, lab: TestLab, cluster: Cluster) -> None:
        before = {node: flags(lab, node) for node in PLANES}
        extra = {**SETTINGS["kube_kubeadm_apiserver_extra_args"], "no-such-flag": "1"}
        with settings(lab, kube_kubeadm_apiserver_extra_args=extra):
            done = lab.kubewright("deploy")
            assert done.exit_code == ExitCode.STEP_FAILED, str(done)
            assert "unknown flag: --no-such-flag" in done.output
            assert "It runs with its earlier manifest again" in done.output
            for node in ("cp2", "cp3"):
                assert f"{node} is left for the next run" in done.output
            cluster.wait_ready(*EVERYWHERE)
            assert {node: flags(lab, node) for node in PLANES} == before
        with settings(lab, kube_kubeadm_apiserver_extra_args=SETTINGS["kube_kubeadm_apiserver_extra_args"]):
            lab.kubewright("deploy").check()
        assert lab.kubewright("plan", "--detailed-exitcode").exit_code == ExitCode.DONE
        assert_works(cluster, EVERYWHERE)

    def test_of_the_kubelets_stops_at_the_first_control_plane(self, lab: TestLab, cluster: Cluster) -> None:
        own = yaml.safe_load((lab.inventory / "group_vars" / "all.yml").read_text())["kubelet_config_extra_args"]
        with settings(lab, kubelet_config_extra_args={**own, "evictionHard": {"no.such.signal": "1"}}):
            done = lab.kubewright("deploy")
            assert done.exit_code == ExitCode.STEP_FAILED, str(done)
            assert "Node cp1" in done.output
            assert "kubelet has not reported since" in done.output
            for node in ("cp2", "cp3", *WORKERS):
                assert "no.such.signal" not in lab.read(node, "cat", KUBELET), node
        restored(lab, "kubelet_config_extra_args")
        lab.kubewright("deploy").check()
        assert_works(cluster, EVERYWHERE)
        assert lab.kubewright("plan", "--detailed-exitcode").exit_code == ExitCode.DONE


class TestCutShort:
    """The run is killed in the middle of each kind of step, and the same command completes it."""

    @pytest.mark.parametrize("victim", list(Victim), ids=lambda victim: victim.name.lower())
    @pytest.mark.parametrize(
        ("host", "flag"), [("cp1", "kube-apiserver"), ("cp2", "etcd")], ids=["an API server", "an etcd member"]
    )
    def test_while_a_control_plane_is_changed(
        self, lab: TestLab, cluster: Cluster, chance: random.Random, victim: Victim, host: str, flag: str
    ) -> None:
        number = str(chance.randrange(10, 99))
        wanted = {"audit-log-maxage": number}, {"quota-backend-bytes": f"42949672{number}"}
        speaker = Cluster(lab, "cp3")
        with settings(lab, kube_kubeadm_apiserver_extra_args=wanted[0], etcd_extra_vars=wanted[1]):
            sign = number if flag == "kube-apiserver" else f"42949672{number}"
            self._kill(lab, lambda: sign in lab.read(host, "cat", f"{MANIFESTS}/{flag}.yaml"), victim, chance)
            for node in PLANES:
                running = flags(lab, node)
                assert f"--audit-log-maxage={number}" in running["kube-apiserver"]
                assert f"--quota-backend-bytes=42949672{number}" in running["etcd"]
                assert lab.execute(node, "sh", "-c", "ls /etc/kubewright/earlier/*").exit_code != 0
        assert speaker.etcd_voters() == list(PLANES)
        assert_works(cluster, EVERYWHERE)
        assert_nothing_left(cluster, EVERYWHERE)

    def test_while_workers_are_changed(self, lab: TestLab, cluster: Cluster, chance: random.Random) -> None:
        with settings(lab, kubelet_max_pods=88):
            self._kill(lab, lambda: "maxPods: 88" in lab.read("w1", "cat", KUBELET), Victim.TREE, chance)
            for node in EVERYWHERE:
                assert max_pods(cluster, node) == 88
        assert_works(cluster, EVERYWHERE)

    @staticmethod
    def _kill(lab: TestLab, moment: Any, victim: Victim, chance: random.Random) -> None:
        command = ("kubewright", "deploy", "-i", str(lab.inventory))
        frozen: dict[str, int] = {}
        with tempfile.TemporaryDirectory() as temporary:
            killed = kill_at(
                command,
                moment,
                what="a host has what is wanted on its disk",
                victim=victim,
                temporary=Path(temporary),
                at_once=lambda: frozen.update(freeze(lab, list(lab.nodes))),
                delay=chance.uniform(0, 3),
            )
            lab.note(killed)
            run_beside(lab, "deploy", frozen=frozen, temporary=Path(temporary)).check()
        assert lab.kubewright("plan", "--detailed-exitcode").exit_code == ExitCode.DONE
