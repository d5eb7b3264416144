"""What of a static pod's manifest counts, and whether its component answers."""

from __future__ import annotations

import http.server
import os
import shutil
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.kubewright.cluster.plugins.module_utils import staticpods
from ansible_collections.kubewright.cluster.plugins.module_utils.errors import NodeError
from ansible_collections.kubewright.cluster.plugins.module_utils.kubeapi import ApiError, Client
from ansible_collections.kubewright.cluster.plugins.module_utils.process import System

RECORDED = Path(__file__).parent / "recorded"
COMPONENTS = ("etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler")
OWN = "    - --initial-cluster=cp1=https://10.7.0.1:2380\n"
JOINED = (
    "    - --initial-cluster=cp2=https://10.7.0.2:2380,cp1=https://10.7.0.1:2380\n"
    "    - --initial-cluster-state=existing\n"
)


def manifest(name: str) -> str:
    return (RECORDED / f"{name}.yaml").read_text()


class TestMembership:
    """What a member was told of its peers when it joined is none of a setting's matter."""

    def test_of_a_first_member_stays(self) -> None:
        assert staticpods.with_membership(manifest("etcd"), manifest("etcd")) == manifest("etcd")

    def test_of_a_joined_member_stays(self) -> None:
        current = manifest("etcd").replace(OWN, JOINED)
        assert staticpods.with_membership(manifest("etcd"), current) == current

    def test_other_flags_are_kubeadms(self) -> None:
        current = manifest("etcd").replace(OWN, JOINED).replace("--snapshot-count=10000", "--snapshot-count=5")
        assert staticpods.with_membership(manifest("etcd"), current) == manifest("etcd").replace(OWN, JOINED)

    @pytest.mark.parametrize("current", [None, "", "kind: Pod\n"])
    def test_one_without_a_manifest_can_never_begin_a_cluster(self, current: str | None) -> None:
        made = staticpods.with_membership(manifest("etcd"), current)
        assert made == manifest("etcd").replace(OWN, f"{OWN}    - --initial-cluster-state=existing\n")
        assert staticpods.with_membership(manifest("etcd"), made) == made


class TestEssence:
    @pytest.mark.parametrize("name", COMPONENTS)
    def test_of_each_manifest_is_in_its_mirror_pod(self, name: str) -> None:
        wanted = staticpods.parse(name, manifest(name))
        live = staticpods.parse(name, manifest(name))
        live["metadata"] = {"name": f"{name}-cp1", "annotations": {"kubernetes.io/config.hash": "x"}}
        live["spec"]["tolerations"] = [{"operator": "Exists"}]
        live["spec"]["containers"][0]["terminationMessagePath"] = "/dev/termination-log"
        live["spec"]["containers"][0]["livenessProbe"] = {"failureThreshold": 8}
        assert staticpods.essence(wanted) == staticpods.essence(live)
        assert staticpods.essence(wanted)["containers"][0]["command"][0] == name

    @pytest.mark.parametrize(
        ("before", "after"),
        [
            ("--secure-port=6443", "--secure-port=7443"),
            ("kube-apiserver:v1.37.2", "kube-apiserver:v1.36.3"),
            ("      path: /etc/ca-certificates", "      path: /etc/elsewhere"),
            ("mountPath: /etc/ca-certificates", "mountPath: /etc/elsewhere"),
        ],
    )
    def test_a_change_of_what_runs_shows(self, before: str, after: str) -> None:
        text = manifest("kube-apiserver")
        assert before in text
        changed = staticpods.parse("x", text.replace(before, after, 1))
        assert staticpods.essence(changed) != staticpods.essence(staticpods.parse("x", text))

    @pytest.mark.parametrize("text", ["- x\n", "a: |\n  b\n", ""])
    def test_what_is_no_pod_is_an_error(self, text: str) -> None:
        with pytest.raises(NodeError, match=r"/etc/kubernetes/manifests/etcd\.yaml"):
            staticpods.parse("etcd", text)


class TestHealth:
    @pytest.mark.parametrize(
        ("name", "url"),
        [
            ("etcd", "http://127.0.0.1:2381/readyz"),
            ("kube-apiserver", "https://10.7.0.1:6443/readyz"),
            ("kube-controller-manager", "https://127.0.0.1:10257/healthz"),
            ("kube-scheduler", "https://127.0.0.1:10259/readyz"),
        ],
    )
    def test_each_components_own_endpoint(self, name: str, url: str) -> None:
        assert staticpods.health_url(staticpods.parse(name, manifest(name))) == url

    def test_ipv6_has_brackets(self) -> None:
        text = manifest("etcd").replace("host: 127.0.0.1", 'host: "::1"')
        assert staticpods.health_url(staticpods.parse("etcd", text)) == "http://[::1]:2381/readyz"

    def test_a_pod_without_probes_has_none(self) -> None:
        assert staticpods.health_url({"spec": {"containers": [{"name": "x"}]}}) == ""

    @pytest.fixture
    def component(self) -> Iterator[tuple[dict[str, Any], list[int]]]:
        """A pod whose endpoint answers with the status in the list."""
        status = [200]

        class Answering(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.send_response(status[0])
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002
                pass

        with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Answering) as server:
            thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
            thread.start()
            asked = {"host": "127.0.0.1", "port": server.server_address[1], "path": "/healthz", "scheme": "HTTP"}
            yield {"spec": {"containers": [{"livenessProbe": {"httpGet": asked}}]}}, status
            server.shutdown()
            thread.join()

    def test_it_is_asked(self, component: tuple[dict[str, Any], list[int]]) -> None:
        pod, status = component
        assert staticpods.unhealthy(pod) == ""
        status[0] = 500
        assert staticpods.unhealthy(pod).endswith("/healthz answers with status 500")

    def test_silence_is_no_health(self) -> None:
        asked = {"host": "127.0.0.1", "port": 1, "path": "/healthz"}
        pod = {"spec": {"containers": [{"livenessProbe": {"httpGet": asked}}]}}
        assert "http://127.0.0.1:1/healthz does not answer" in staticpods.unhealthy(pod)


Remove = Callable[[str], None]


class TestLogs:
    """The kubelet removes a pod's logs when the pod is gone, also while they are looked at."""

    @pytest.fixture
    def system(self, tmp_path: Path) -> System:
        for age, (pod, logs) in enumerate({"new": {0: "", 1: "Error: new"}, "old": {0: "Error: old"}}.items()):
            directory = tmp_path / f"var/log/pods/kube-system_etcd-cp1_{pod}/etcd"
            directory.mkdir(parents=True)
            for number, text in logs.items():
                path = directory / f"{number}.log"
                path.write_text(f"2026-01-01T00:00:00Z stderr F {text}\n" if text else "")
                os.utime(path, (100 + number, 100 + number))
            os.utime(directory, (50 - age, 50 - age))
        return System(root=tmp_path)

    @pytest.fixture
    def removed(self, system: System, monkeypatch: pytest.MonkeyPatch) -> Remove:
        """Have a pod's logs go right after what matches a pattern was listed."""
        glob = Path.glob

        def prepare(pattern: str) -> None:
            def listed(self: Path, asked: str) -> Iterator[Path]:
                found = list(glob(self, asked))
                if asked.startswith(pattern):
                    shutil.rmtree(system.path("/var/log/pods/kube-system_etcd-cp1_new"), ignore_errors=True)
                return iter(found)

            monkeypatch.setattr(Path, "glob", listed)

        return prepare

    @staticmethod
    def watch(system: System) -> staticpods.Watch:
        def nobody() -> Client:
            raise ApiError(0, "Unreachable", "nobody answers")

        return staticpods.Watch(system, nobody, "etcd", "cp1", manifest("etcd"))

    def test_the_newest_one_that_said_something_is_told(self, system: System) -> None:
        assert "its log says: Error: new" in str(self.watch(system).failure("silent", "not at all"))

    @pytest.mark.parametrize("pattern", ["kube-system_etcd", "*.log"])
    def test_of_a_pod_that_goes_are_not_looked_at(self, system: System, removed: Remove, pattern: str) -> None:
        removed(pattern)
        watch = self.watch(system)
        assert not watch.given_up()
        assert "its log says: Error: old" in str(watch.failure("silent", "not at all"))

    def test_a_directory_that_goes_while_it_is_listed(self, system: System, monkeypatch: pytest.MonkeyPatch) -> None:
        def gone(self: Path, asked: str) -> Iterator[Path]:
            raise FileNotFoundError(2, "No such file or directory", str(self / asked))

        monkeypatch.setattr(Path, "glob", gone)
        assert "its log" not in str(self.watch(system).failure("silent", "not at all"))
