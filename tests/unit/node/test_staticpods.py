"""What of a static pod's manifest counts, and whether its component answers."""

from __future__ import annotations

import http.server
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.kubewright.cluster.plugins.module_utils import staticpods
from ansible_collections.kubewright.cluster.plugins.module_utils.errors import NodeError

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
