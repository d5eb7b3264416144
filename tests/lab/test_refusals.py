"""Hosts that cannot be used: each is refused with its exit code before anything is changed on any node.

All cases share one lab on which nothing of ours is ever deployed; the last ones make a cluster on it by raw kubeadm.
"""

from __future__ import annotations

import contextlib
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from bench.kit import make_kit
from bench.raw import raw_kubeadm

from kubewright.lab import Lab
from tests.lab.support.cluster import Cluster
from tests.lab.support.commands import Result, run
from tests.lab.support.lab import TestLab, lab_up
from tests.lab.support.snapshot import assert_unchanged, flat_node, snapshot
from tests.lab.test_bad_inventories import assert_refused

pytestmark = pytest.mark.lab

BAD_INPUT, UNREACHABLE, ARTIFACTS, FOREIGN = 3, 4, 8, 9


@pytest.fixture(scope="module")
def lab(kubernetes_version: str, keep_labs: bool) -> Iterator[TestLab]:
    """One control plane and one worker, bare."""
    with lab_up("refusals", control_planes=1, workers=1, kubernetes=kubernetes_version, keep=keep_labs) as booted:
        yield booted


@pytest.fixture(scope="module")
def bare(lab: TestLab) -> dict[str, Any]:
    """State of both nodes before anything was tried."""
    return {**flat_node(lab, "cp1"), **flat_node(lab, "w1")}


class Variant:
    """A copy of the lab's inventory with something different."""

    def __init__(self, lab: TestLab, folder: Path) -> None:
        self._lab = lab
        self.inventory = folder / "inventory"
        self._sockets = folder / "s"
        shutil.copytree(lab.inventory, self.inventory, ignore=shutil.ignore_patterns(".kubewright", ".artifacts"))

    def settings(self, **values: Any) -> Variant:
        """Set variables of all hosts."""
        path = self.inventory / "group_vars" / "all.yml"
        path.write_text(yaml.safe_dump({**yaml.safe_load(path.read_text()), **values}))
        return self

    def replace(self, old: str, new: str) -> Variant:
        """Replace text in the hosts file."""
        path = self.inventory / "hosts.ini"
        text = path.read_text()
        assert old in text
        path.write_text(text.replace(old, new))
        return self

    def deploy(self) -> Result:
        """Run deploy on it, with no SSH connection that another run left open: who logs in anew is to be seen."""
        environment = {"ANSIBLE_SSH_CONTROL_PATH_DIR": str(self._sockets)}
        command = ("kubewright", "deploy", "-i", str(self.inventory))
        return self._lab.note(run(command, timeout=300, environment=environment))


@pytest.fixture
def variant(lab: TestLab, tmp_path: Path) -> Variant:
    """The lab's inventory, to be changed by the test."""
    return Variant(lab, tmp_path)


def assert_bare(lab: TestLab, bare: dict[str, Any]) -> None:
    """Nothing was changed on either node."""
    assert_unchanged(bare, {**flat_node(lab, "cp1"), **flat_node(lab, "w1")})


@contextlib.contextmanager
def changed(lab: TestLab, node: str, change: str, undo: str) -> Iterator[None]:
    """Have something different on a node for a while; both are shell commands."""
    lab.read(node, "sh", "-ec", change)
    try:
        yield
    finally:
        lab.read(node, "sh", "-ec", undo)


class TestLogin:
    """Hosts that cannot be logged in to."""

    def test_unreachable_host(self, lab: TestLab, bare: dict[str, Any], variant: Variant) -> None:
        variant.replace(
            f"w1 ansible_host={lab.nodes['w1'].address}", f"w1 ansible_host={lab.nodes['w1'].address} ansible_port=1"
        )
        assert_refused(variant.deploy(), "w1", exit_code=UNREACHABLE)
        assert_bare(lab, bare)

    def test_refused_key(self, lab: TestLab, bare: dict[str, Any], variant: Variant, tmp_path: Path) -> None:
        key = tmp_path / "another"
        subprocess.run(("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(key)), check=True)
        assert_refused(variant.settings(ansible_ssh_private_key_file=str(key)).deploy(), "cp1", exit_code=UNREACHABLE)
        assert_bare(lab, bare)

    def test_changed_host_key(self, lab: TestLab, bare: dict[str, Any], variant: Variant, tmp_path: Path) -> None:
        key, hosts = tmp_path / "another", tmp_path / "known_hosts"
        subprocess.run(("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(key)), check=True)
        public = " ".join(key.with_suffix(".pub").read_text().split()[:2])
        hosts.write_text("".join(f"{node.address} {public}\n" for node in lab.nodes.values()))
        options = f"-o UserKnownHostsFile={hosts} -o StrictHostKeyChecking=yes -o IdentitiesOnly=yes"
        done = variant.settings(ansible_ssh_common_args=options).deploy()
        assert_refused(done, "cp1", exit_code=UNREACHABLE)
        assert "host key" in done.output.lower()
        assert_bare(lab, bare)

    def test_no_sudo(self, lab: TestLab, bare: dict[str, Any], variant: Variant) -> None:
        with changed(lab, "cp1", "mv -T /etc/sudoers.d/admin /root/admin", "mv -T /root/admin /etc/sudoers.d/admin"):
            assert_refused(variant.deploy(), "cp1", "sudo", exit_code=UNREACHABLE)
        assert_bare(lab, bare)


class TestHosts:
    """Hosts that cannot carry what is asked."""

    def test_unsupported_operating_system(self, lab: TestLab, bare: dict[str, Any], variant: Variant) -> None:
        release = "/usr/lib/os-release"
        change = f"cp -a {release} /root/os-release; sed -i 's/^ID=.*/ID=plan9/; /^ID_LIKE/d' {release}"
        with changed(lab, "w1", change, f"mv /root/os-release {release}"):
            assert_refused(variant.deploy(), "w1", "not supported")
        assert_bare(lab, bare)

    @pytest.mark.parametrize("port", [6443, 2379])
    def test_port_taken(self, lab: TestLab, bare: dict[str, Any], variant: Variant, port: int) -> None:
        serve = f"systemd-run --quiet --unit=taken python3 -m http.server {port} --bind 0.0.0.0"
        wait = f"until ss -Hltn | grep -q :{port}; do sleep 0.1; done"
        with changed(lab, "cp1", f"{serve}; {wait}", "systemctl stop taken"):
            assert_refused(variant.deploy(), "cp1", str(port))
        assert_bare(lab, bare)

    def test_disk_too_full_for_the_artifacts(self, lab: TestLab, bare: dict[str, Any], variant: Variant) -> None:
        folder = "/var/lib/kubewright"
        mount = f"mkdir {folder}; mount -t tmpfs -o size=32m tmpfs {folder}"
        with changed(lab, "w1", mount, f"umount {folder}; rmdir {folder}"):
            assert_refused(variant.deploy(), "w1", folder)
        assert_bare(lab, bare)

    def test_even_number_of_etcd_members_in_a_new_cluster(
        self, lab: TestLab, bare: dict[str, Any], variant: Variant
    ) -> None:
        variant.replace("[kube_control_plane]\ncp1\n", "[kube_control_plane]\ncp1\nw1\n")
        variant.replace("[etcd]\ncp1\n", "[etcd]\ncp1\nw1\n")
        assert_refused(variant.deploy(), "2")
        assert_bare(lab, bare)


class TestArtifacts:
    """Artifacts that are not to be had, or not what they should be."""

    def test_no_source_that_works(self, lab: TestLab, bare: dict[str, Any], variant: Variant, tmp_path: Path) -> None:
        variant.settings(kubewright_artifact_source="bundle", kubewright_artifact_bundle=str(tmp_path / "nothing"))
        assert_refused(variant.deploy(), "nothing", exit_code=ARTIFACTS)
        assert_bare(lab, bare)

    def test_damaged_artifact(
        self,
        lab: TestLab,
        bare: dict[str, Any],
        variant: Variant,
        tmp_path: Path,
        kubernetes_version: str,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        bundle = tmp_path / "bundle"
        command = ("kubewright", "artifacts", "bundle", str(bundle), "--kubernetes", kubernetes_version)
        run(command, timeout=300).check()
        largest = max((path for path in bundle.rglob("*") if path.is_file()), key=lambda path: path.stat().st_size)
        with largest.open("r+b") as file:
            file.seek(4096)
            file.write(b"damaged")
        monkeypatch.setenv("KUBEWRIGHT_CACHE", str(tmp_path / "empty-cache"))
        variant.settings(kubewright_artifact_source="bundle", kubewright_artifact_bundle=str(bundle))
        assert_refused(variant.deploy(), exit_code=ARTIFACTS)
        assert_bare(lab, bare)


@pytest.fixture(scope="module")
def foreign(lab: TestLab, kubernetes_version: str, tmp_path_factory: pytest.TempPathFactory) -> Cluster:
    """A cluster made by raw kubeadm on the lab's nodes."""
    kit = make_kit(tmp_path_factory.mktemp("kit") / "kit", kubernetes_version)
    lab.note(raw_kubeadm("deploy", Lab(lab.name), kit)).check()
    shutil.rmtree(kit)
    cluster = Cluster(lab, "cp1")
    cluster.wait_ready("cp1", "w1")
    # The script does not wait for the end of its own probing pods.
    cluster.kubectl("-n", "probing", "wait", "--for=delete", "pods", "--all", "--timeout=50s")
    return cluster


class TestForeignCluster:
    """A cluster that kubewright did not make is looked at and never changed."""

    @pytest.mark.parametrize("verb", ["deploy", "scale"])
    def test_changing_verbs_refuse(self, lab: TestLab, foreign: Cluster, verb: str) -> None:
        before = snapshot(foreign, "cp1", "w1")
        assert_refused(lab.kubewright(verb), "kubewright did not make", exit_code=FOREIGN)
        assert_unchanged(before, snapshot(foreign, "cp1", "w1"))

    def test_a_foreign_node_in_a_new_cluster_is_refused(self, lab: TestLab, foreign: Cluster, variant: Variant) -> None:
        before = snapshot(foreign, "cp1", "w1")
        hosts = (variant.inventory / "hosts.ini").read_text()
        (variant.inventory / "hosts.ini").write_text(_swapped(hosts))
        assert_refused(variant.deploy(), exit_code=FOREIGN)
        assert_unchanged(before, snapshot(foreign, "cp1", "w1"))

    def test_status_looks_at_it(self, lab: TestLab, foreign: Cluster) -> None:
        before = snapshot(foreign, "cp1", "w1")
        done = lab.kubewright("status").check()
        assert "cp1" in done.output
        assert "State: foreign" in done.output
        assert_unchanged(before, snapshot(foreign, "cp1", "w1"))


def _swapped(hosts: str) -> str:
    """The inventory with the worker as the only control plane and nothing else."""
    lines = [line for line in hosts.splitlines() if not line.startswith("cp1")]
    text = "\n".join(line for line in lines if line != "w1") + "\n"
    for group in ("kube_control_plane", "etcd", "kube_node"):
        text = text.replace(f"[{group}]\n", f"[{group}]\nw1\n")
    return text
