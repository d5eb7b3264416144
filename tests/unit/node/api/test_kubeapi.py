from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest

from ansible_collections.kubewright.cluster.plugins.module_utils import kubeconfig
from ansible_collections.kubewright.cluster.plugins.module_utils.errors import NodeError
from ansible_collections.kubewright.cluster.plugins.module_utils.kubeapi import (
    ApiError,
    Client,
    admin_client,
    local_server,
    wait_until,
)
from ansible_collections.kubewright.cluster.plugins.module_utils.process import System
from tests.unit.node.api.made import kubeconfig_text, write
from tests.unit.node.api.pki import Pki, Request, Server, serve


@pytest.fixture
def server(pki: Pki) -> Iterator[Server]:
    with serve(pki, lambda request: (200, {"path": request.path, "method": request.method})) as running:
        yield running


@pytest.fixture
def client(system: System, pki: Pki, server: Server) -> Client:
    write(system, kubeconfig.ADMIN_CONF, kubeconfig_text(pki, server.url))
    return admin_client(system, timeout=5)


class TestClient:
    def test_speaks_with_the_client_certificate_over_one_connection(self, client: Client, server: Server) -> None:
        assert client.get("/api/v1/nodes", labelSelector="a=b")["path"] == "/api/v1/nodes?labelSelector=a%3Db"
        client.get("/version")
        assert server.connections == 1

    def test_leaves_no_key_on_disk(self, client: Client, system: System) -> None:
        client.get("/version")
        assert list(system.path("/run/kubewright").iterdir()) == []

    def test_apply_is_forced_and_ours(self, client: Client, server: Server) -> None:
        client.apply("/x", {"a": 1}, dry_run=True)
        request = server.requests[-1]
        assert request.method == "PATCH"
        assert request.headers["Content-Type"] == "application/apply-patch+yaml"
        assert request.path == "/x?fieldManager=kubewright&force=true&dryRun=All"

    def test_a_refusal_is_a_value(self, client: Client, server: Server) -> None:
        server.handler = lambda request: (409, {"reason": "Conflict", "message": "was changed"})
        with pytest.raises(ApiError) as caught:
            client.merge("/x", {})
        assert (caught.value.status, caught.value.reason) == (409, "Conflict")
        assert "PATCH /x: was changed" in str(caught.value)

    def test_a_refusal_that_is_no_json(self, client: Client, server: Server) -> None:
        server.handler = lambda request: (503, b"starting")
        with pytest.raises(ApiError, match="starting"):
            client.get("/x")

    def test_find_and_delete_take_absence_for_an_answer(self, client: Client, server: Server) -> None:
        server.handler = lambda request: (404, {"reason": "NotFound"})
        assert client.find("/x") is None
        assert client.delete("/x") is False

    def test_a_connection_closed_between_requests_is_opened_again(self, client: Client, server: Server) -> None:
        client.get("/a")
        client._transport._local.connection.sock.shutdown(2)
        assert client.get("/b")["path"] == "/b"

    @pytest.mark.parametrize("method", ["GET", "PATCH", "DELETE"])
    def test_a_server_may_close_it_at_any_time(self, client: Client, server: Server, method: str) -> None:
        server.closes = True
        for number in range(5):
            answer = client.request(method, f"/{number}", {} if method != "GET" else None)
            assert (answer["path"], answer["method"]) == (f"/{number}", method)
            time.sleep(0.05)  # for the end of the connection to arrive
        assert server.connections == 5

    def test_no_answer_is_status_0(self, system: System, pki: Pki) -> None:
        write(system, kubeconfig.ADMIN_CONF, kubeconfig_text(pki, "https://127.0.0.1:1"))
        with pytest.raises(ApiError) as caught:
            admin_client(system, timeout=1).get("/version")
        assert caught.value.status == 0

    def test_a_server_of_another_ca_is_not_trusted(
        self, system: System, server: Server, tmp_path_factory: pytest.TempPathFactory
    ) -> None:
        other = Pki.make(tmp_path_factory.mktemp("other"))
        write(system, kubeconfig.ADMIN_CONF, kubeconfig_text(other, server.url))
        with pytest.raises(ApiError, match="CERTIFICATE_VERIFY_FAILED"):
            admin_client(system, timeout=2).get("/version")
        assert server.requests == []


class TestLocalServer:
    MANIFEST = "/etc/kubernetes/manifests/kube-apiserver.yaml"

    def test_is_where_the_manifest_says(self, system: System) -> None:
        write(system, self.MANIFEST, "    - --advertise-address=10.1.2.3\n    - --secure-port=7443\n")
        assert local_server(system) == "https://10.1.2.3:7443"

    def test_is_none_without_one(self, system: System) -> None:
        assert local_server(system) is None


class TestWaitUntil:
    def test_waits_out_what_passes(self) -> None:
        answers: list[Any] = [ApiError(503, "x", "starting"), None, "here"]

        def probe() -> Any:
            answer = answers.pop(0)
            if isinstance(answer, Exception):
                raise answer
            return answer

        assert wait_until("it", probe, 5, interval=0) == "here"

    def test_says_what_it_waited_for(self) -> None:
        with pytest.raises(NodeError, match="Node n1: not within 0 s"):
            wait_until("Node n1", lambda: None, 0)

    def test_does_not_wait_out_a_refusal(self) -> None:
        def refused() -> None:
            raise ApiError(403, "Forbidden", "no")

        with pytest.raises(ApiError):
            wait_until("it", refused, 5)


def test_requests_are_seen(client: Client, server: Server) -> None:
    client.create("/pods", {"kind": "Pod"})
    assert [(request.method, request.body) for request in server.requests] == [("POST", {"kind": "Pod"})]
    assert isinstance(server.requests[0], Request)
