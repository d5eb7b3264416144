"""What kubeadm on a node makes of a configuration, as far as kubewright asks and reads it."""

from __future__ import annotations

from pathlib import Path

import pytest

from ansible_collections.kubewright.cluster.plugins.module_utils import plainyaml, rendering
from ansible_collections.kubewright.cluster.plugins.module_utils.errors import NodeError
from ansible_collections.kubewright.cluster.plugins.module_utils.frozen import field, mutable
from ansible_collections.kubewright.cluster.plugins.module_utils.process import Completed, System

RECORDED = Path(__file__).parent / "recorded"
CONFIGURATION = """\
apiVersion: kubeadm.k8s.io/v1beta4
kind: InitConfiguration
patches:
  directory: /etc/kubernetes/patches
---
kind: ClusterConfiguration
certificatesDir: /etc/kubernetes/ssl
"""


@mutable
class Node(System):
    """Its kubeadm notes what it was given, and writes and prints what was recorded."""

    argv: list[str] = field(default_factory=list)
    configuration: str = ""
    patches: dict[str, str] = field(default_factory=dict)
    environment: dict[str, str] = field(default_factory=dict)
    complaint: str = ""

    def run(
        self, *argv: str, stdin: str | None = None, timeout: float = 600, env: dict[str, str] | None = None
    ) -> Completed:
        self.argv = list(argv)
        self.environment = dict(env or {})
        self.configuration = Path(argv[argv.index("--config") + 1]).read_text()
        folder = Path(self.configuration.partition("  directory: ")[2].splitlines()[0])
        self.patches = {path.name: path.read_text() for path in folder.iterdir()} if folder.is_dir() else {}
        if self.complaint:
            return Completed(argv, 1, "", self.complaint)
        target = Path(self.environment["KUBEADM_INIT_DRYRUN_DIR"])
        assert (target / "admin.conf").exists(), "kubeadm reads one before it prints objects"
        for path in RECORDED.glob("*.yaml"):
            (target / path.name).write_text(path.read_text())
        return Completed(argv, 0, (RECORDED / "objects.txt").read_text(), "")


@pytest.fixture
def node(tmp_path: Path) -> Node:
    return Node(tmp_path)


class TestAsking:
    def test_only_the_phases_asked_for_run_and_nothing_is_left(self, node: Node) -> None:
        made = rendering.render(node, CONFIGURATION, rendering.FILES)
        assert node.argv[:3] == ["kubeadm", "init", "--dry-run"]
        skipped = node.argv[node.argv.index("--skip-phases") + 1].split(",")
        assert not set(skipped) & set(rendering.FILES)
        assert {"preflight", "certs", "upload-config", "addon", "wait-control-plane"} <= set(skipped)
        assert sorted(made.files) == [
            "config.yaml",
            "etcd.yaml",
            "kube-apiserver.yaml",
            "kube-controller-manager.yaml",
            "kube-scheduler.yaml",
        ]
        assert list(node.path("/run/kubewright").iterdir()) == []

    def test_no_proxy_of_the_environment_gets_into_pods(self, node: Node) -> None:
        rendering.render(node, CONFIGURATION, rendering.FILES)
        assert node.environment["HTTPS_PROXY"] == node.environment["no_proxy"] == ""

    def test_patches_are_those_that_will_be(self, node: Node) -> None:
        folder = node.path("/etc/kubernetes/patches")
        folder.mkdir(parents=True)
        (folder / "kube-apiserver0+merge.yaml").write_text("by hand")
        (folder / "kubeletconfiguration+merge.yaml").write_text("old")
        (folder / "gone+merge.yaml").write_text("gone")
        given = {"kubeletconfiguration+merge.yaml": "new", "gone+merge.yaml": None}
        rendering.render(node, CONFIGURATION, rendering.FILES, patches=given)
        assert node.patches == {"kube-apiserver0+merge.yaml": "by hand", "kubeletconfiguration+merge.yaml": "new"}
        assert (folder / "kubeletconfiguration+merge.yaml").read_text() == "old"

    def test_a_complaint_of_kubeadms_is_the_error(self, node: Node) -> None:
        node.complaint = 'error: unknown field "spec.x"'
        with pytest.raises(NodeError, match="unknown field"):
            rendering.render(node, CONFIGURATION, rendering.FILES)
        assert list(node.path("/run/kubewright").iterdir()) == []

    def test_what_a_kill_left_is_swept(self, node: Node) -> None:
        left = node.path("/run/kubewright/render-x/files")
        left.mkdir(parents=True)
        (left / "etcd.yaml").write_text("x")
        rendering.sweep(node)
        assert list(node.path("/run/kubewright").iterdir()) == []


class TestObjects:
    @pytest.fixture
    def made(self) -> rendering.Rendered:
        return rendering.Rendered({}, (RECORDED / "objects.txt").read_text())

    @pytest.mark.parametrize(
        ("name", "key", "kind", "some"),
        [
            ("kubeadm-config", "ClusterConfiguration", "ClusterConfiguration", ("clusterName", "cluster.local")),
            ("kubelet-config", "kubelet", "KubeletConfiguration", ("clusterDomain", "cluster.local")),
            ("kube-proxy", "config.conf", "KubeProxyConfiguration", ("mode", "iptables")),
        ],
    )
    def test_each_is_read_in_whole(
        self, made: rendering.Rendered, name: str, key: str, kind: str, some: tuple[str, str]
    ) -> None:
        value = plainyaml.parse(made.object_data(name)[key])
        assert value["kind"] == kind
        assert value[some[0]] == some[1]

    def test_all_of_an_objects_texts(self, made: rendering.Rendered) -> None:
        assert sorted(made.object_data("kube-proxy")) == ["config.conf", "kubeconfig.conf"]
        assert not made.object_data("kube-proxy")["config.conf"].endswith("\n")
        assert made.object_data("kubelet-config")["kubelet"].endswith("volumeStatsAggPeriod: 0s\n")

    def test_one_that_is_not_there_is_an_error(self, made: rendering.Rendered) -> None:
        with pytest.raises(NodeError, match="would upload no ConfigMap coredns"):
            made.object_data("coredns")
