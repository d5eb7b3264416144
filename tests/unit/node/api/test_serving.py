"""Which certificates servers show, and what etcd's members and API servers tell of themselves."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.kubewright.cluster.plugins.module_utils import certificates, etcd, membership, serving
from ansible_collections.kubewright.cluster.plugins.module_utils.process import System
from ansible_collections.kubewright.cluster.plugins.module_utils.serving import Server
from tests.unit.node.api.made import write
from tests.unit.node.api.pki import Pki, Request, serve
from tests.unit.node.api.simulated import CERTIFICATES
from tests.unit.node.api.test_certificates import openssl_not_after


@pytest.fixture
def port(pki: Pki) -> Iterator[int]:
    with serve(pki, lambda _request: (200, {})) as running:
        yield int(running.url.rpartition(":")[2])


def free_port() -> int:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        return int(unused.getsockname()[1])


class TestLook:
    def test_tells_end_and_names(self, pki: Pki, port: int) -> None:
        (found,) = serving.look([Server("kubelet", "n1", "127.0.0.1", port)], deadline=5)
        end = openssl_not_after(pki.directory / "server.crt")
        assert found == {
            "component": "kubelet",
            "name": "n1",
            "address": f"127.0.0.1:{port}",
            "not_after": end.strftime("%Y-%m-%dT%H:%M:%SZ"),
            "names": ["127.0.0.1", "localhost"],
        }

    def test_no_server_is_an_answer_and_order_is_kept(self, port: int) -> None:
        servers = [Server("kubelet", "dead", "127.0.0.1", free_port()), Server("kubelet", "n1", "127.0.0.1", port)]
        found = serving.look(servers, deadline=5)
        assert [entry["name"] for entry in found] == ["dead", "n1"]
        assert "refused" in found[0]["error"]
        assert "error" not in found[1]

    def test_a_server_that_says_nothing_costs_no_more_than_the_time_for_all(self) -> None:
        with socket.create_server(("127.0.0.1", 0), backlog=200) as silent:
            many = [Server("kubelet", str(number), "127.0.0.1", silent.getsockname()[1]) for number in range(150)]
            begun = time.monotonic()
            found = serving.look(many, deadline=0.3)
        assert time.monotonic() - begun < 2
        assert all(entry["error"] for entry in found)
        assert "not asked" in found[-1]["error"]

    @pytest.mark.parametrize(
        ("url", "host", "port"),
        [
            ("https://10.0.0.1:2379", "10.0.0.1", 2379),
            ("10.0.0.1:6443", "10.0.0.1", 6443),
            ("[fd00::1]:6443", "fd00::1", 6443),
            ("10.0.0.1", "10.0.0.1", 9),
            ("fd00::1", "fd00::1", 9),
        ],
    )
    def test_servers_by_url_or_address(self, url: str, host: str, port: int) -> None:
        assert serving.of_url("etcd", "m", url, 9) == Server("etcd", "m", host, port)

    def test_no_url_no_server(self) -> None:
        assert serving.of_url("etcd", "m", "", 9) is None


@given(st.binary(max_size=400))
def test_whatever_a_server_shows_is_read_or_refused(der: bytes) -> None:
    try:
        certificates.of_der(der)
    except ValueError:
        return


@given(st.integers(min_value=0, max_value=1000))
def test_a_certificate_cut_anywhere_is_refused_or_read(pki: Pki, cut: int) -> None:
    import ssl  # noqa: PLC0415

    der = ssl.PEM_cert_to_DER_cert(pki.pem("server.crt").decode())
    try:
        certificates.of_der(der[:cut])
    except ValueError:
        return


STATUS: dict[str, Any] = {"version": "3.6.5", "dbSize": "4096", "dbSizeInUse": "2048", "leader": "1", "raftIndex": "7"}


class TestMembership:
    @pytest.fixture
    def answers(self) -> dict[str, Any]:
        """Answers by path; the members listen where the fixture ``node`` is served."""
        return {"/v3/maintenance/status": STATUS, "/health": {"health": "true"}}

    @pytest.fixture
    def node(self, system: System, pki: Pki) -> System:
        write(system, membership.MANIFEST, f"- --trusted-ca-file={CERTIFICATES}/etcd/ca.crt\n")
        write(system, f"{CERTIFICATES}/etcd/ca.crt", pki.pem("ca.crt"))
        for kind in ("crt", "key"):
            write(system, f"{CERTIFICATES}/etcd/healthcheck-client.{kind}", pki.pem(f"client.{kind}"))
        return system

    @pytest.fixture
    def ask(
        self, node: System, pki: Pki, answers: dict[str, Any], monkeypatch: pytest.MonkeyPatch
    ) -> Iterator[Callable[[], dict[str, Any]]]:
        def answer(request: Request) -> tuple[int, Any]:
            found = answers.get(request.path)
            return (200, found) if found is not None else (404, {"message": "no such path"})

        with serve(pki, answer) as running:
            members = [{"ID": "1", "name": "cp1", "peerURLs": ["https://10.0.0.1:2380"], "clientURLs": [running.url]}]
            answers["/v3/cluster/member/list"] = {"members": members}
            defaults = {**(etcd.Etcd.__init__.__kwdefaults__ or {}), "endpoint": running.url}
            monkeypatch.setattr(etcd.Etcd.__init__, "__kwdefaults__", defaults)
            yield lambda: membership.survey(node, CERTIFICATES, 2).to_json()

    def test_leader_size_and_index(self, ask: Callable[[], dict[str, Any]]) -> None:
        told = ask()
        assert told["etcd_error"] == ""
        assert told["etcd_members"][0]["healthy"]
        assert told["etcd_status"] == [
            {
                "member_id": "1",
                "version": "3.6.5",
                "leader": True,
                "has_leader": True,
                "db_size": 4096,
                "db_size_in_use": 2048,
                "raft_index": 7,
                "raft_term": 0,
            }
        ]

    def test_alarms_are_asked_for_where_a_member_complains(
        self, ask: Callable[[], dict[str, Any]], answers: dict[str, Any]
    ) -> None:
        assert ask()["etcd_alarms"] == []
        answers["/v3/maintenance/status"] = {**STATUS, "errors": ["memberID:10 alarm:NOSPACE "]}
        answers["/v3/maintenance/alarm"] = {"alarms": [{"memberID": "10", "alarm": "NOSPACE"}]}
        assert ask()["etcd_alarms"] == [{"member_id": "a", "alarm": "NOSPACE"}]

    def test_alarms_that_cannot_be_had_are_not_no_alarms(
        self, ask: Callable[[], dict[str, Any]], answers: dict[str, Any]
    ) -> None:
        answers["/v3/maintenance/status"] = {**STATUS, "errors": ["memberID:10 alarm:NOSPACE "]}
        assert ask()["etcd_alarms"] == [{"member_id": "", "alarm": "not known"}]

    def test_without_a_majority_it_still_tells_and_asks_nothing_that_hangs(
        self, ask: Callable[[], dict[str, Any]], answers: dict[str, Any]
    ) -> None:
        answers["/health"] = None
        answers["/v3/maintenance/status"] = {**STATUS, "leader": "0", "errors": ["etcdserver: no leader"]}
        told = ask()
        assert not told["etcd_members"][0]["healthy"]
        assert not told["etcd_status"][0]["has_leader"]
        assert told["etcd_alarms"] == []

    def test_where_certificates_lie_is_told_without_the_api(self, node: System) -> None:
        assert membership.certificates_directory(node) == CERTIFICATES
        write(node, "/etc/kubernetes/manifests/kube-apiserver.yaml", "- --client-ca-file=/etc/k/ca.crt\n")
        assert membership.certificates_directory(node) == "/etc/k"

    def test_no_member_here(self, system: System) -> None:
        assert "runs no etcd" in membership.survey(system, CERTIFICATES, 1).to_json()["etcd_error"]
