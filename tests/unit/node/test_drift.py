"""Whatever somebody does by hand to what a document put on a node is found, by its own id, and mended.

Members of a cluster have further types, which have tests of their own (``api/``).
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.kubewright.cluster.plugins.module_utils import files
from ansible_collections.kubewright.cluster.plugins.module_utils.convergence import converge
from ansible_collections.kubewright.cluster.plugins.module_utils.errors import NodeError
from tests.unit.node.api.made import kubelet_conf, write
from tests.unit.node.fake import FakeSystem, context_of
from tests.unit.node.test_convergence import MARKER, apply, check, whole

PAUSE = "registry.k8s.io/pause:3.10"


def edit(path: str, old: str, new: str) -> Callable[[FakeSystem], object]:
    def edited(system: FakeSystem) -> None:
        text = system.path(path).read_text()
        assert old in text
        system.path(path).write_text(text.replace(old, new))

    return edited


def remove(path: str) -> Callable[[FakeSystem], object]:
    return lambda system: system.path(path).unlink()


def mode(path: str, bits: int) -> Callable[[FakeSystem], object]:
    return lambda system: system.path(path).chmod(bits)


def retag(system: FakeSystem) -> None:
    system.images[PAUSE] = ("sha256:else", True)


def unpin(system: FakeSystem) -> None:
    system.images[PAUSE] = (system.images[PAUSE][0], False)


DRIFTS: dict[str, tuple[str, Callable[[FakeSystem], object]]] = {
    "a package was removed": ("packages", lambda system: system.installed.discard("socat")),
    "the list of modules was removed": ("modules", remove("/etc/modules-load.d/k.conf")),
    "a module was unloaded": ("modules", lambda system: system.path("/sys/module/br_netfilter").rmdir()),
    "a kernel setting was changed": ("sysctls", edit("/proc/sys/net/ipv4/ip_forward", "1", "0")),
    "a kernel setting was removed from its file": ("sysctls", edit("/etc/sysctl.d/k.conf", "net.ipv4", "# net.ipv4")),
    "the file of kernel settings was removed": ("sysctls", remove("/etc/sysctl.d/k.conf")),
    "a directory got another mode": ("directory", mode("/opt/cni/bin", 0o700)),
    "a line of the hosts file was changed": ("hosts", edit("/etc/hosts", "192.0.2.1 a", "192.0.2.9 a")),
    "the block of the hosts file was removed": (
        "hosts",
        lambda system: system.path("/etc/hosts").write_text("127.0.0.1 localhost\n"),
    ),
    "a binary was changed": ("binary:/usr/local/bin/kubelet", edit("/usr/local/bin/kubelet", "1", "2")),
    "a binary was removed": ("binary:/usr/local/bin/kubelet", remove("/usr/local/bin/kubelet")),
    "a binary got another mode": ("binary:/usr/local/bin/kubelet", mode("/usr/local/bin/kubelet", 0o644)),
    "an archive's member was changed": ("archive", edit("/opt/cni/bin/bridge", "bridge", "broken")),
    "an archive's member was removed": ("archive", remove("/opt/cni/bin/bridge")),
    "an archive's member got another mode": ("archive", mode("/opt/cni/bin/bridge", 0o700)),
    "a file was edited": ("file:/etc/containerd/config.toml", edit("/etc/containerd/config.toml", "x", "y")),
    "a file was removed": ("file:/etc/containerd/config.toml", remove("/etc/containerd/config.toml")),
    "a file got another mode": ("file:/etc/containerd/config.toml", mode("/etc/containerd/config.toml", 0o600)),
    "a unit's file was removed": (
        "file:/etc/systemd/system/containerd.service",
        remove("/etc/systemd/system/containerd.service"),
    ),
    "a unit was stopped": ("unit:containerd", lambda system: system.running.discard("containerd")),
    "the kubelet was stopped": ("unit:kubelet", lambda system: system.running.discard("kubelet")),
    "a unit was disabled": ("unit:kubelet", lambda system: system.enabled.discard("kubelet")),
    "an image was removed": (f"image:{PAUSE}", lambda system: system.images.pop(PAUSE)),
    "an image was replaced": (f"image:{PAUSE}", retag),
    "an image may be collected as garbage": (f"image:{PAUSE}", unpin),
    "the kubelet was pointed elsewhere": ("server", edit("/etc/kubernetes/kubelet.conf", "https://x:", "https://y:")),
}


@pytest.fixture
def system(tmp_path: Path) -> FakeSystem:
    """A node with all of it, a member of a cluster."""
    for name in ("etc", "proc/sys/net/ipv4", "proc/sys/kernel", "var/lib/containerd", "sys/module"):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / "etc/hosts").write_text("127.0.0.1 localhost\n")
    (tmp_path / "proc/sys/net/ipv4/ip_forward").write_text("0\n")
    made = FakeSystem(tmp_path, loadable={"br_netfilter"})
    write(made, "/etc/kubernetes/kubelet.conf", kubelet_conf("https://x:6443"))
    apply(made, whole(made))
    assert made.running == {"containerd", "kubelet"}
    return made


def state(system: FakeSystem) -> dict[str, Any]:
    """What is on the node; contents and modes, not times."""
    found: dict[str, Any] = {
        str(path): (path.stat().st_mode, path.read_bytes() if path.is_file() else b"")
        for path in sorted(system.root.rglob("*"))
        if path.name != "manifest.json" and "staging" not in path.parts
    }
    found |= {"running": set(system.running), "enabled": set(system.enabled), "installed": set(system.installed)}
    return {**found, "images": dict(system.images)}


class TestDrift:
    @pytest.mark.parametrize(("identifier", "by_hand"), DRIFTS.values(), ids=DRIFTS)
    def test_is_found_and_mended_and_nothing_else_is(
        self, system: FakeSystem, identifier: str, by_hand: Callable[[FakeSystem], object]
    ) -> None:
        wanted = whole(system)
        assert not check(system, wanted).changed
        before = state(system)
        by_hand(system)
        assert state(system) != before
        told = check(system, wanted)
        assert [change.id for change in told.changes] == [identifier]
        done = apply(system, wanted)
        assert [change.to_json() for change in done.changes] == [change.to_json() for change in told.changes]
        assert done.restarted == told.restarted
        assert state(system) == before
        assert not check(system, whole(system)).changed

    def test_every_type_of_the_document_drifts(self, system: FakeSystem) -> None:
        types = {resource["id"]: resource["type"] for resource in whole(system)["resources"]}
        assert {types[identifier] for identifier, _ in DRIFTS.values()} == set(types.values())

    def test_all_at_once(self, system: FakeSystem) -> None:
        """Those of one resource become one change; the engine's being stopped hides what its images are."""
        apart = ("a unit was stopped", "a unit was disabled")
        last = dict(drift for name, drift in DRIFTS.items() if name not in apart)
        for by_hand in last.values():
            by_hand(system)
        wanted = whole(system)
        told = check(system, wanted)
        assert {change.id for change in told.changes} == set(last)
        assert told.restarted == ["containerd"], "the kubelet is started, not restarted"
        assert apply(system, wanted).restarted == ["containerd"]
        assert not check(system, whole(system)).changed


class TestOwner:
    """Who owns a program decides what it is."""

    @pytest.mark.parametrize(
        ("path", "identifier"),
        [
            ("/opt/cni/bin/bridge", "archive"),
            ("/usr/local/bin/kubelet", "binary:/usr/local/bin/kubelet"),
            ("/opt/cni/bin", "directory"),
            ("/etc/containerd/config.toml", "file:/etc/containerd/config.toml"),
        ],
    )
    def test_somebody_elses_is_found(
        self, system: FakeSystem, monkeypatch: pytest.MonkeyPatch, path: str, identifier: str
    ) -> None:
        attributes = files.attributes

        def others(asked: Path) -> dict[str, str] | None:
            found = attributes(asked)
            return {**found, "owner": "mallory:mallory"} if found and asked == system.path(path) else found

        monkeypatch.setattr(files, "attributes", others)
        assert [change.id for change in check(system, whole(system)).changes] == [identifier]


class TestHostsBlock:
    def test_a_marker_without_its_partner_is_said_for_its_extent_cannot_be_known(self, system: FakeSystem) -> None:
        edit("/etc/hosts", f"# END {MARKER}\n", "")(system)
        with pytest.raises(NodeError, match="Remove its lines by hand"):
            converge(whole(system), context_of(system), check=True)
