"""Converging: what check mode tells is what is done, doing it twice changes nothing, and a kill loses nothing."""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.kubewright.cluster.plugins.module_utils import download
from ansible_collections.kubewright.cluster.plugins.module_utils.convergence import Outcome, converge
from ansible_collections.kubewright.cluster.plugins.module_utils.errors import NodeError
from ansible_collections.kubewright.cluster.plugins.module_utils.manifest import MANIFEST_PATH, Manifest
from ansible_collections.kubewright.cluster.plugins.module_utils.transfer import Store
from tests.unit.node.fake import OWNER, FakeSystem, context_of, document, staged

MARKER = "kubewright cluster hosts"


def unit(name: str = "containerd", state: str = "started") -> dict[str, Any]:
    return {"type": "unit", "id": f"unit:{name}", "name": name, "enabled": True, "state": state}


def text_file(path: str, content: str = "x\n", **more: Any) -> dict[str, Any]:
    return {"type": "file", "id": f"file:{path}", "path": path, "content": content, **more}


def image(reference: str, sha256: str) -> dict[str, Any]:
    return {"type": "image", "id": f"image:{reference}", "reference": reference, "sha256": sha256, "size": 9}


def binary(path: str, sha256: str, **more: Any) -> dict[str, Any]:
    return {
        "type": "binary",
        "id": f"binary:{path}",
        "path": path,
        "artifact": "a",
        "sha256": sha256,
        "size": 3,
        **more,
    }


@pytest.fixture
def system(tmp_path: Path) -> FakeSystem:
    for name in ("etc", "proc/sys/net/ipv4", "proc/sys/kernel", "var/lib/containerd", "sys/module"):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / "etc/hosts").write_text("127.0.0.1 localhost\n")
    (tmp_path / "proc/sys/net/ipv4/ip_forward").write_text("0\n")
    return FakeSystem(tmp_path, loadable={"br_netfilter"})


def archive_of(members: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        for name, content in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return buffer.getvalue()


def digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def whole(system: FakeSystem) -> dict[str, Any]:
    """A document with every type, its artifacts uploaded."""
    tar = archive_of({"./bin/bridge": b"bridge", "bin/extra": b"not listed", "../evil": b"evil"})
    return document(
        {"type": "packages", "id": "packages", "names": ["conntrack", "socat"]},
        {"type": "kernel_modules", "id": "modules", "path": "/etc/modules-load.d/k.conf", "names": ["br_netfilter"]},
        {"type": "sysctls", "id": "sysctls", "path": "/etc/sysctl.d/k.conf", "values": {"net.ipv4.ip_forward": "1"}},
        {"type": "directory", "id": "directory", "path": "/opt/cni/bin", "mode": "0755"},
        {
            "type": "hosts_block",
            "id": "hosts",
            "path": "/etc/hosts",
            "marker": MARKER,
            "entries": [["192.0.2.1", ["a"]]],
        },
        binary("/usr/local/bin/kubelet", staged(system, b"kubelet 1"), restarts=["kubelet"]),
        {
            "type": "archive",
            "id": "archive",
            "destination": "/opt/cni/bin",
            "artifact": "cni",
            "sha256": staged(system, tar),
            "size": len(tar),
            "members": {"bin/bridge": digest(b"bridge")},
            "strip": 1,
        },
        text_file("/etc/containerd/config.toml", restarts=["containerd.service"]),
        text_file("/etc/systemd/system/containerd.service", restarts=["containerd.service"]),
        unit(),
        image("registry.k8s.io/pause:3.10", staged(system, b"registry.k8s.io/pause:3.10 one")),
        image("registry.k8s.io/etcd:3.7", staged(system, b"registry.k8s.io/etcd:3.7 one")),
        unit("kubelet", "member"),
        {
            "type": "kubeconfig_server",
            "id": "server",
            "path": "/etc/kubernetes/kubelet.conf",
            "server": "https://x:6443",
        },
    )


def check(system: FakeSystem, wanted: dict[str, Any], **more: Any) -> Outcome:
    return converge(wanted, context_of(system), check=True, **more)


def apply(system: FakeSystem, wanted: dict[str, Any], **more: Any) -> Outcome:
    return converge(wanted, context_of(system), **more)


def tree(system: FakeSystem) -> dict[str, tuple[int, int]]:
    return {
        str(path): (path.lstat().st_mtime_ns, path.lstat().st_ino)
        for path in sorted(system.root.rglob("*"))
        if not path.is_relative_to(system.root / "proc")
    }


class TestWhole:
    def test_check_tells_what_apply_does(self, system: FakeSystem) -> None:
        wanted = whole(system)
        told = check(system, wanted)
        done = apply(system, wanted)
        assert [change.to_json() for change in told.changes] == [change.to_json() for change in done.changes]
        assert told.restarted == done.restarted == []
        assert done.missing == []

    def test_check_changes_nothing(self, system: FakeSystem) -> None:
        wanted = whole(system)
        before = tree(system)
        check(system, wanted)
        assert tree(system) == before
        assert system.acts() == []

    def test_twice_is_once(self, system: FakeSystem) -> None:
        wanted = whole(system)
        assert apply(system, wanted).changed
        before = tree(system)
        system.commands.clear()
        again = apply(system, wanted)
        assert (again.changed, again.changes, again.restarted) == (False, [], [])
        assert tree(system) == before
        assert system.acts() == []

    def test_everything_is_in_its_place(self, system: FakeSystem) -> None:
        apply(system, whole(system))
        root = system.root
        assert (root / "usr/local/bin/kubelet").read_text() == "kubelet 1"
        assert [path.name for path in (root / "opt/cni/bin").iterdir()] == ["bridge"]
        assert (root / "proc/sys/net/ipv4/ip_forward").read_text().strip() == "1"
        assert system.installed == {"conntrack", "socat"}
        assert system.running == {"containerd"}
        assert system.enabled == {"containerd", "kubelet"}
        assert all(pinned for _, pinned in system.images.values())
        assert not (root / "var/lib/kubewright/staging").exists()
        assert not (root.parent / "evil").exists()

    def test_a_lost_manifest_costs_imports_only(self, system: FakeSystem) -> None:
        """Everything else can be seen on the node itself."""
        wanted = whole(system)
        apply(system, wanted)
        system.path(MANIFEST_PATH).unlink()
        assert {change.type for change in check(system, wanted).changes} == {"image"}

    def test_a_damaged_manifest_is_said(self, system: FakeSystem) -> None:
        apply(system, document(text_file("/etc/a")))
        system.path(MANIFEST_PATH).write_text('{"format": 1')
        assert "is damaged" in Manifest(system).warning
        assert not apply(system, document(text_file("/etc/a"))).changed
        assert Manifest(system).warning == ""

    def test_the_manifest_is_private(self, system: FakeSystem) -> None:
        apply(system, document(text_file("/etc/a")), record={"cluster": "demo"})
        path = system.path(MANIFEST_PATH)
        assert path.stat().st_mode & 0o777 == 0o600
        assert json.loads(path.read_text())["record"] == {"cluster": "demo"}


class TestRestarts:
    def test_a_running_engine_is_restarted_once_before_its_images(self, system: FakeSystem) -> None:
        system.running.add("containerd")
        apply(system, whole(system))
        acts = system.acts("systemctl", "ctr")
        restart = acts.index("systemctl restart containerd")
        assert acts.count("systemctl restart containerd") == 1
        assert acts.index("systemctl daemon-reload") < restart
        assert restart < min(index for index, line in enumerate(acts) if line.startswith("ctr"))

    def test_the_kubelet_comes_last(self, system: FakeSystem) -> None:
        system.running.update({"kubelet", "containerd"})
        wanted = document(text_file("/etc/k", restarts=["kubelet"]), text_file("/etc/c", restarts=["containerd"]))
        assert check(system, wanted).restarted == ["containerd", "kubelet"]
        assert apply(system, wanted).restarted == ["containerd", "kubelet"]

    def test_a_stopped_unit_is_not_started(self, system: FakeSystem) -> None:
        wanted = document(text_file("/etc/k", restarts=["kubelet"]), unit("kubelet", "member"))
        assert apply(system, wanted).restarted == []
        assert system.running == set()

    def test_a_unit_that_fails_is_an_error_with_its_log(self, system: FakeSystem) -> None:
        system.failing["systemctl start"] = "Job failed"
        with pytest.raises(NodeError, match="start failed, it is inactive"):
            apply(system, document(unit()))

    @pytest.mark.parametrize("moment", ["systemctl restart containerd", "systemctl daemon-reload"])
    def test_a_run_killed_before_the_restart_is_completed(self, system: FakeSystem, moment: str) -> None:
        system.running.add("containerd")
        system.enabled.add("containerd")
        wanted = document(text_file("/etc/systemd/system/containerd.service", restarts=["containerd"]), unit())
        system.failing[moment] = "killed"
        with pytest.raises(NodeError):
            apply(system, wanted)
        system.failing.clear()
        told = check(system, wanted)
        assert (told.changes, told.restarted, told.changed) == ([], ["containerd"], True)
        assert apply(system, wanted).restarted == ["containerd"]
        assert not apply(system, wanted).changed


class TestRemoval:
    def test_what_is_no_longer_wanted_goes(self, system: FakeSystem) -> None:
        system.running.add("kubelet")
        old = text_file("/etc/kubernetes/manifests/haproxy.yaml", restarts=["kubelet"])
        hosts = {"type": "hosts_block", "id": "hosts", "path": "/etc/hosts", "marker": MARKER, "entries": []}
        apply(system, document(old, hosts, text_file("/etc/kept")))
        wanted = document(text_file("/etc/kept"))
        told = check(system, wanted)
        assert [(change.action, change.path) for change in told.changes] == [
            ("remove", "/etc/kubernetes/manifests/haproxy.yaml"),
            ("remove", "/etc/hosts"),
        ]
        done = apply(system, wanted)
        assert done.changes == told.changes
        assert done.restarted == told.restarted == ["kubelet"]
        assert not system.path("/etc/kubernetes/manifests/haproxy.yaml").exists()
        assert system.path("/etc/hosts").read_text() == "127.0.0.1 localhost\n"
        assert not apply(system, wanted).changed

    def test_a_partial_document_removes_nothing(self, system: FakeSystem) -> None:
        apply(system, document(text_file("/etc/a"), text_file("/etc/b")))
        assert not apply(system, document(text_file("/etc/a")), partial=True).changed
        assert system.path("/etc/b").exists()
        assert "file:/etc/b" in Manifest(system).entries

    def test_a_path_under_another_id_stays(self, system: FakeSystem) -> None:
        apply(system, document(text_file("/etc/a")))
        renamed = dict(text_file("/etc/a"), id="another")
        assert not apply(system, document(renamed)).changed
        assert system.path("/etc/a").exists()

    def test_foreign_files_stay(self, system: FakeSystem) -> None:
        system.path("/etc/foreign").write_text("x")
        apply(system, document(text_file("/etc/a")))
        apply(system, document())
        assert system.path("/etc/foreign").exists()
        assert not system.path("/etc/a").exists()


class TestArtifacts:
    def test_missing_ones_are_named_and_nothing_is_changed(self, system: FakeSystem) -> None:
        wanted = document(text_file("/etc/a"), binary("/usr/local/bin/b", "0" * 64))
        assert check(system, wanted).missing == []
        done = apply(system, wanted)
        assert (done.changed, [item.sha256 for item in done.missing]) == (False, ["0" * 64])
        assert "not uploaded" in done.missing[0].reason
        assert not system.path("/etc/a").exists()

    def test_one_that_a_source_fails_to_deliver(self, system: FakeSystem, monkeypatch: pytest.MonkeyPatch) -> None:
        """What was done until then is told, and stays."""
        monkeypatch.setattr(download, "refusal", lambda url: "")
        wanted = document(text_file("/etc/a"), binary("/usr/local/bin/b", "0" * 64), text_file("/etc/c"))
        context = context_of(system)
        context.store = Store(system, ["http://127.0.0.1:9"])
        done = converge(wanted, context)
        assert [change.id for change in done.changes] == ["file:/etc/a"]
        assert [item.sha256 for item in done.missing] == ["0" * 64]
        assert "Connection refused" in done.missing[0].reason

    def test_a_damaged_upload_is_not_installed(self, system: FakeSystem) -> None:
        sha256 = staged(system, b"good")
        (system.path("/var/lib/kubewright/staging") / sha256).write_bytes(b"evil")
        assert apply(system, document(binary("/usr/local/bin/b", sha256))).missing
        assert not system.path("/usr/local/bin/b").exists()

    def test_one_artifact_for_two_files(self, system: FakeSystem) -> None:
        sha256 = staged(system, b"abc")
        wanted = document(binary("/usr/local/bin/a", sha256), binary("/usr/local/bin/b", sha256, mode="0700"))
        apply(system, wanted)
        assert system.path("/usr/local/bin/a").read_text() == system.path("/usr/local/bin/b").read_text() == "abc"
        assert not apply(system, wanted).changed

    def test_a_changed_binary_is_found_and_replaced(self, system: FakeSystem) -> None:
        wanted = document(binary("/usr/local/bin/a", staged(system, b"abc")))
        apply(system, wanted)
        system.path("/usr/local/bin/a").write_text("xyz")
        staged(system, b"abc")
        done = apply(system, wanted)
        assert [change.action for change in done.changes] == ["update"]
        assert system.path("/usr/local/bin/a").read_text() == "abc"

    def test_an_untouched_binary_is_not_read_again(self, system: FakeSystem, monkeypatch: pytest.MonkeyPatch) -> None:
        wanted = document(binary("/usr/local/bin/a", staged(system, b"abc")))
        apply(system, wanted)

        def read(path: Path) -> str:
            raise AssertionError(f"{path} was read")

        monkeypatch.setattr("ansible_collections.kubewright.cluster.plugins.module_utils.files.sha256_of", read)
        assert not check(system, wanted).changed

    def test_a_member_with_another_digest(self, system: FakeSystem) -> None:
        tar = archive_of({"bridge": b"evil"})
        archive = {"type": "archive", "id": "a", "destination": "/opt", "sha256": staged(system, tar), "size": 1}
        with pytest.raises(NodeError, match="member bridge has SHA-256"):
            apply(system, document({**archive, "members": {"bridge": digest(b"good")}}))
        assert not system.path("/opt/bridge").exists()

    @pytest.mark.parametrize("name", ["../evil", "/etc/passwd", "a/../../b", "./a"])
    def test_a_member_that_leads_out(self, system: FakeSystem, name: str) -> None:
        archive = {"type": "archive", "id": "a", "destination": "/opt", "sha256": "0" * 64, "size": 1}
        with pytest.raises(NodeError, match="no plain relative path"):
            check(system, document({**archive, "members": {name: "0" * 64}}))

    def test_too_little_space_names_path_and_bytes(self, system: FakeSystem) -> None:
        huge = dict(binary("/usr/local/bin/a", "0" * 64), size=1 << 60)
        with pytest.raises(NodeError, match=r"disk of /\S+: \d+ bytes are free, the artifacts need 1152921504\d+"):
            apply(system, document(huge))


class TestImages:
    def test_an_archive_without_the_image(self, system: FakeSystem) -> None:
        wanted = document(unit(), image("registry.k8s.io/pause:1", staged(system, b"registry.k8s.io/other:1")))
        with pytest.raises(NodeError, match="is not in the archive"):
            apply(system, wanted)

    def test_one_that_was_replaced_by_hand_is_imported_again(self, system: FakeSystem) -> None:
        wanted = document(unit(), image("a/b:1", staged(system, b"a/b:1 one")))
        apply(system, wanted)
        system.images["a/b:1"] = ("sha256:else", True)
        assert [change.action for change in check(system, wanted).changes] == ["update"]

    def test_those_that_are_as_remembered_are_not_listed(self, system: FakeSystem) -> None:
        wanted = document(unit(), *(image(f"a/{name}:1", staged(system, f"a/{name}:1".encode())) for name in "bc"))
        apply(system, wanted)
        system.commands.clear()
        assert not check(system, wanted).changed
        (asked,) = [command for command in system.commands if " images ls" in command]
        assert "--quiet" in asked

    @pytest.mark.parametrize("what", ["gone", "another", "unpinned"])
    def test_one_of_several_that_is_not_as_remembered(self, system: FakeSystem, what: str) -> None:
        wanted = document(unit(), *(image(f"a/{name}:1", staged(system, f"a/{name}:1".encode())) for name in "bcd"))
        apply(system, wanted)
        digest, _ = system.images.pop("a/c:1")
        system.images |= {"another": {"a/c:1": ("sha256:else", True)}, "unpinned": {"a/c:1": (digest, False)}}.get(
            what, {}
        )
        changes = check(system, wanted).changes
        assert [change.id for change in changes] == ["image:a/c:1"]
        before = {"gone": None, "another": {"sha256": "another", "pinned": True}}
        assert what not in before or changes[0].before == before[what]

    def test_a_damaged_manifest_hides_none_that_is_gone(self, system: FakeSystem) -> None:
        wanted = document(unit(), *(image(f"a/{name}:1", staged(system, f"a/{name}:1".encode())) for name in "bc"))
        apply(system, wanted)
        system.images.pop("a/c:1")
        system.failing["ctr --namespace k8s.io images ls --quiet"] = "failed to parse filter"
        assert [change.id for change in check(system, wanted).changes] == ["image:a/c:1"]

    def test_one_that_somebody_else_imported_is_replaced(self, system: FakeSystem) -> None:
        first = image("a/b:1", staged(system, b"a/b:1"))
        apply(system, document(unit(), first))
        system.images["a/c:1"] = ("sha256:theirs", False)
        wanted = document(unit(), first, image("a/c:1", staged(system, b"a/c:1")))
        assert [change.action for change in check(system, wanted).changes] == ["update"]

    def test_a_stopped_engine_is_believed_to_keep_its_images(self, system: FakeSystem) -> None:
        wanted = document(unit(), image("a/b:1", staged(system, b"a/b:1 one")))
        apply(system, wanted)
        system.running.clear()
        assert [change.id for change in check(system, wanted).changes] == ["unit:containerd"]
        assert [change.id for change in apply(system, wanted).changes] == ["unit:containerd"]


class TestDocument:
    @pytest.mark.parametrize(
        "wanted",
        [
            {"format": 2, "resources": []},
            {"format": 1, "resources": [{"type": "wish", "id": "a"}]},
            {"format": 1, "resources": [{"type": "file"}]},
            {"format": 1, "resources": [text_file("/a"), text_file("/a")]},
            {"format": 1, "resources": [{"type": "file", "id": "a"}]},
        ],
    )
    def test_one_that_is_not_understood_is_refused(self, system: FakeSystem, wanted: dict[str, Any]) -> None:
        with pytest.raises(NodeError):
            check(system, wanted)


class TestLeftovers:
    def test_temporary_files_of_killed_runs_go(self, system: FakeSystem) -> None:
        apply(system, document(text_file("/etc/a/b")))
        leftover = system.path("/etc/a/.kubewright-x.tmp")
        leftover.touch()
        apply(system, document(text_file("/etc/a/b")))
        assert not leftover.exists()


def test_the_owner_of_tests_is_known() -> None:
    assert ":" in OWNER
