"""An init killed before any one of its steps is completed by the next one; what it did not begin stays untouched."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.kubewright.cluster.plugins.module_utils import initialise, kubeconfig, markers
from ansible_collections.kubewright.cluster.plugins.module_utils.errors import FOREIGN, NodeError
from ansible_collections.kubewright.cluster.plugins.module_utils.frozen import field, mutable
from ansible_collections.kubewright.cluster.plugins.module_utils.process import Completed, System
from tests.unit.node.api.api import Api
from tests.unit.node.api.made import kubeconfig_text, write
from tests.unit.node.api.pki import Pki, serve
from tests.unit.node.api.simulated import KilledError

CONFIG = "kind: InitConfiguration\n---\nkind: ClusterConfiguration\ncertificatesDir: /etc/kubernetes/ssl\n"
RECORD = {"format": 1}
MANIFESTS = [f"/etc/kubernetes/manifests/{name}.yaml" for name in markers.CONTROL_PLANE_MANIFESTS]


@mutable
class Node(System):
    """A simulated kubeadm whose API answers once all manifests are there."""

    api: Api = field(default_factory=Api)
    pki: Pki = field(default_factory=lambda: Pki(Path()))
    url: str = ""
    kill_at: int = -1
    steps: int = 0
    token: str = ""

    def step(self) -> None:
        if self.steps == self.kill_at:
            raise KilledError
        self.steps += 1

    def run(
        self, *argv: str, stdin: str | None = None, timeout: float = 600, env: dict[str, str] | None = None
    ) -> Completed:
        self.step()
        if argv[0] != "kubeadm":
            return Completed(argv, 0, "", "")
        skipped = argv[argv.index("--skip-phases") + 1].split(",")
        self.token = re.findall(r'token: "(.*?)"', Path(argv[argv.index("--config") + 1]).read_text())[0]
        assert self.token not in " ".join(argv)
        if "preflight" not in skipped:
            if any(self.path(path).exists() for path in MANIFESTS):
                return Completed(argv, 1, "", "error: [ERROR FileAvailable]")
            self.start()
        self.step()
        self.upload()
        return Completed(argv, 0, "", "")

    def start(self) -> None:
        write(self, "/etc/kubernetes/ssl/ca.crt", self.pki.pem("ca.crt"))
        self.step()
        for name in (kubeconfig.ADMIN_CONF, kubeconfig.KUBELET_CONF):
            write(self, name, kubeconfig_text(self.pki, self.url))
        self.step()
        for path in MANIFESTS[:2]:
            write(self, path, "static pod")
        self.step()
        for path in MANIFESTS[2:]:
            write(self, path, "static pod")
        write(self, "/var/lib/etcd/member/wal", "x")
        self.step()
        self.api.up = True

    def upload(self) -> None:
        self.api.tokens[self.token.split(".")[0]] = "kubewright init"
        self.step()


@pytest.fixture
def api() -> Api:
    return Api(up=False)


@pytest.fixture
def node(tmp_path: Path, api: Api, pki: Pki) -> Iterator[Node]:
    with serve(pki, api.answer) as server:
        yield Node(root=tmp_path, api=api, pki=pki, url=server.url)


@pytest.fixture(autouse=True)
def _patience(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(initialise, "_API_WAIT", 0.0)


def arguments() -> dict[str, Any]:
    return {"config": CONFIG, "record": RECORD, "ignore_preflight_errors": [], "timeout": 5.0}


def assert_made(node: Node, api: Api) -> None:
    assert api.record() == {"format": 1, "objects": []}
    assert api.tokens == {}
    assert markers.read(node, "init") is None
    assert not list(node.path("/run/kubewright").iterdir())


class TestInit:
    def test_makes_the_cluster_and_then_does_nothing(self, node: Node, api: Api) -> None:
        result = initialise.initialise(node, arguments())
        assert (result["changed"], result["action"]) == (True, "init")
        assert_made(node, api)
        again = initialise.initialise(node, arguments())
        assert (again["changed"], again["action"], again["record"]) == (False, "nothing", {"format": 1, "objects": []})

    def test_is_completed_after_kills_at_every_step_in_turn(self, node: Node, api: Api) -> None:
        kills = 0
        for number in range(40):
            node.steps, node.kill_at = 0, number
            try:
                initialise.initialise(node, arguments())
            except KilledError:
                kills += 1
                continue
            break
        assert kills >= 6
        assert_made(node, api)

    def test_is_taken_back_when_its_api_never_came_up(self, node: Node, api: Api) -> None:
        node.kill_at = 4
        with pytest.raises(KilledError):
            initialise.initialise(node, arguments())
        node.kill_at = -1
        result = initialise.initialise(node, arguments())
        assert result["action"] == "restart"
        assert str(node.path(MANIFESTS[0])) in result["removed"]
        assert_made(node, api)

    def test_is_never_taken_back_once_it_was_complete(self, node: Node, api: Api) -> None:
        initialise.initialise(node, arguments())
        marker = markers.advance(node, markers.begin(node, "init", markers.Layout("/x", "/y")), markers.FINISH)
        api.up = False
        with pytest.raises(NodeError, match="API server of the unfinished init"):
            initialise.initialise(node, arguments())
        assert markers.read(node, "init") == marker
        assert node.path("/var/lib/etcd/member/wal").exists()


class TestForeign:
    @pytest.mark.parametrize("up", [True, False])
    def test_a_control_plane_without_our_marker_is_refused(self, node: Node, api: Api, up: bool) -> None:
        node.start()
        api.up = up
        before = {path: path.read_bytes() for path in node.root.rglob("*") if path.is_file()}
        with pytest.raises(NodeError) as caught:
            initialise.initialise(node, arguments())
        assert caught.value.exit_code == FOREIGN
        assert {path: path.read_bytes() for path in node.root.rglob("*") if path.is_file()} == before
        assert api.record() is None
