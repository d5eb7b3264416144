"""A node is cleaned of what kubewright put there, and of nothing else."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

import pytest

from ansible_collections.kubewright.cluster.plugins.module_utils import cleaning
from ansible_collections.kubewright.cluster.plugins.module_utils.errors import NodeError
from ansible_collections.kubewright.cluster.plugins.module_utils.frozen import field, mutable
from ansible_collections.kubewright.cluster.plugins.module_utils.manifest import MANIFEST_PATH, Manifest
from tests.unit.node.api.made import write
from tests.unit.node.fake import FakeSystem

PARAMETERS = {
    "bin_dir": "/usr/local/bin",
    "certificates_directory": "/etc/kubernetes/ssl",
    "etcd_data_directory": "/var/lib/etcd",
}
BLOCK = "# BEGIN kubewright\n10.0.0.1 cp1\n# END kubewright\n"


@pytest.fixture
def system(tmp_path: Path) -> FakeSystem:
    """A node with what a deployment leaves."""
    node = FakeSystem(root=tmp_path, failing={"systemctl start containerd": "there is no engine"})
    for name in (
        "/etc/systemd/system/kubelet.service.d/10-kubeadm.conf",
        "/usr/local/bin/kubelet",
        "/etc/kubernetes/kubelet.conf",
        "/etc/kubernetes/ssl/ca.crt",
        "/etc/kubernetes/manifests/somebody.yaml",
        "/var/lib/etcd/member/wal/0",
        "/var/lib/kubelet/pods/x/volumes/y",
        "/opt/other",
    ):
        write(node, name, "text")
    write(node, "/etc/hosts", f"127.0.0.1 localhost\n{BLOCK}")
    write(node, "/proc/self/mounts", "proc /proc proc rw 0 0\n")
    manifest = Manifest(node)
    manifest.remember("drop-in", "file", paths={"/etc/systemd/system/kubelet.service.d/10-kubeadm.conf": {}})
    manifest.remember("kubelet", "binary", paths={"/usr/local/bin/kubelet": {}})
    manifest.remember("hosts", "hosts_block", marker="kubewright", paths={"/etc/hosts": {}})
    manifest.remember("directory:/etc/kubernetes/patches", "directory")
    node.path("/etc/kubernetes/patches").mkdir()
    manifest.save()
    return node


def files_of(system: FakeSystem) -> set[str]:
    return {f"/{path.relative_to(system.root)}" for path in system.root.rglob("*") if path.is_file()}


class TestClean:
    def test_leaves_what_is_not_ours(self, system: FakeSystem) -> None:
        assert cleaning.clean(system, PARAMETERS) == {"changed": True, "others": [], "damaged": ""}
        assert files_of(system) == {
            "/etc/hosts",
            "/etc/kubernetes/manifests/somebody.yaml",
            "/opt/other",
            "/proc/self/mounts",
        }
        assert system.path("/etc/hosts").read_text() == "127.0.0.1 localhost\n"
        assert not system.path("/var/lib/kubelet").exists()
        assert not system.path("/etc/kubernetes/patches").exists()

    def test_again_does_nothing(self, system: FakeSystem) -> None:
        cleaning.clean(system, PARAMETERS)
        system.commands.clear()
        assert cleaning.clean(system, PARAMETERS) == {"changed": False, "others": [], "damaged": ""}
        assert system.commands == []

    def test_refuses_a_node_of_others(self, system: FakeSystem) -> None:
        system.path(MANIFEST_PATH).unlink()
        before = files_of(system)
        with pytest.raises(NodeError, match="not kubewright's"):
            cleaning.clean(system, PARAMETERS)
        assert files_of(system) == before

    def test_of_a_damaged_manifest_is_not_complete(self, system: FakeSystem) -> None:
        write(system, MANIFEST_PATH, '{"resources": {')
        for _twice in range(2):
            answer = cleaning.clean(system, PARAMETERS)
            assert answer["changed"]
            assert "Expecting" in answer["damaged"]
            assert system.path(MANIFEST_PATH).read_text() == '{"resources": {', "it is all that tells of what stays"
        assert "/etc/kubernetes/kubelet.conf" not in files_of(system)
        assert "/usr/local/bin/kubelet" in files_of(system)
        assert "systemctl disable --no-reload kubelet" in system.commands

    def test_removes_nothing_below_a_mount_that_stays(self, system: FakeSystem) -> None:
        mounts = "server:/data /var/lib/kubelet/pods/x/volumes nfs rw 0 0\n"
        write(system, "/proc/self/mounts", mounts)
        with pytest.raises(NodeError, match="cannot be unmounted"):
            cleaning.clean(system, PARAMETERS)
        assert "/var/lib/kubelet/pods/x/volumes/y" in files_of(system)
        assert system.path(MANIFEST_PATH).exists(), "the next run has to find it"


class TestEngineThatDoesNotStart:
    """Containers run on in their shims, an API server's and etcd's too."""

    def running(self, system: FakeSystem, *words: str) -> None:
        write(system, "/proc/4711/cmdline", "\0".join((*words, "")))

    def test_is_an_error_while_pods_run(self, system: FakeSystem) -> None:
        self.running(system, "/usr/local/bin/containerd-shim-runc-v2", "-namespace", "k8s.io", "-id", "3f")
        before = files_of(system)
        with pytest.raises(NodeError, match=r"unit containerd: it cannot be started.*process 4711.*journalctl"):
            cleaning.clean(system, PARAMETERS)
        assert files_of(system) == before

    @pytest.mark.parametrize(
        "words",
        [
            ("/usr/bin/containerd-shim-runc-v2", "-namespace", "moby", "-id", "3f"),
            ("/usr/bin/vi", "-namespace", "k8s.io"),
        ],
    )
    def test_is_none_while_only_others_run(self, system: FakeSystem, words: tuple[str, ...]) -> None:
        self.running(system, *words)
        assert cleaning.clean(system, PARAMETERS)["changed"]
        assert not system.path(MANIFEST_PATH).exists()


@mutable
class Engine(FakeSystem):
    """A node on which containerd runs; ``kept`` has the containers and images by namespace and kind."""

    kept: dict[tuple[str, str], list[str]] = field(default_factory=dict)

    def _ctr(self, *arguments: str) -> tuple[int, str]:
        if arguments[0] == "namespaces":
            return 0, "".join(f"{name}\n" for name in sorted({namespace for namespace, _ in self.kept}))
        _, namespace, kind, verb, *_rest = arguments
        if kind == "tasks":
            return 0, "TASK PID STATUS\n"
        if verb == "remove":
            self.kept[namespace, kind] = []
        return 0, "".join(f"{name}\n" for name in self.kept.get((namespace, kind), []))


class TestEngine:
    """containerd goes where only pods were in it."""

    PROGRAMS: ClassVar[set[str]] = {
        "/usr/local/bin/containerd",
        "/usr/local/bin/ctr",
        "/usr/local/sbin/runc",
        "/etc/containerd/config.toml",
        "/etc/systemd/system/containerd.service",
    }

    @pytest.fixture
    def node(self, system: FakeSystem) -> Engine:
        node = Engine(root=system.root, running={"containerd", "kubelet"}, enabled={"containerd"})
        node.kept["k8s.io", "containers"] = ["pod"]
        node.kept["k8s.io", "images"] = ["pause"]
        manifest = Manifest(node)
        unit = ["containerd.service"]
        archive: dict[str, dict[str, str]] = {"/usr/local/bin/containerd": {}, "/usr/local/bin/ctr": {}}
        manifest.remember("archive:containerd", "archive", paths=archive, restarts=unit)
        manifest.remember("binary:runc", "binary", paths={"/usr/local/sbin/runc": {}})
        for name in ("/etc/containerd/config.toml", "/etc/systemd/system/containerd.service"):
            manifest.remember(f"file:{name}", "file", paths={name: {}}, restarts=unit)
        manifest.save()
        for name in self.PROGRAMS:
            write(node, name, "text")
        return node

    @pytest.mark.parametrize("kind", ["containers", "images"])
    @pytest.mark.parametrize("namespace", ["default", "buildkit"])
    def test_stays_where_others_have_something_in_it(self, node: Engine, namespace: str, kind: str) -> None:
        node.kept[namespace, kind] = ["theirs"]
        assert cleaning.clean(node, PARAMETERS) == {"changed": True, "others": [namespace], "damaged": ""}
        assert files_of(node) >= self.PROGRAMS
        assert "/usr/local/bin/kubelet" not in files_of(node)
        assert node.kept[namespace, kind] == ["theirs"]
        assert node.kept["k8s.io", "containers"] == []
        assert "systemctl stop containerd" not in node.commands

    def test_goes_where_their_namespaces_are_empty(self, node: Engine) -> None:
        node.kept["default", "containers"] = []
        assert cleaning.clean(node, PARAMETERS) == {"changed": True, "others": [], "damaged": ""}
        assert not self.PROGRAMS & files_of(node)
        assert "systemctl stop containerd" in node.commands


def test_mounts_below() -> None:
    text = (
        "a /var/lib/kubelet x\nb /var/lib/kubelet/p\\040q x\nc /var/lib/kubelet/p\\040q/r x\nd /var/lib/kubelets/s x\n"
    )
    assert cleaning.mounts_below(text, "/var/lib/kubelet") == ["/var/lib/kubelet/p q/r", "/var/lib/kubelet/p q"]
