"""The programs themselves read what the documents configure them with, the unusual settings too."""

from __future__ import annotations

import platform
import subprocess
import tarfile
from collections.abc import Mapping
from pathlib import Path

import pytest

from kubewright import artifacts
from kubewright.catalog import loader
from kubewright.catalog.model import ResolvedArtifact
from kubewright.documents import cluster_document
from tests.golden.clusters import Case, cases, node, release
from tests.golden.clusters import artifacts as golden_artifacts

pytestmark = pytest.mark.lab

CASES = pytest.mark.parametrize("case", cases(), ids=lambda case: case.name)


@pytest.fixture(scope="module")
def found(kubernetes_version: str) -> Mapping[str, ResolvedArtifact]:
    """The artifacts of the tested version, by name."""
    architecture = {"x86_64": "amd64", "aarch64": "arm64"}[platform.machine()]
    resolved = artifacts.resolve(loader.load().release(kubernetes_version), architecture=architecture)
    return {artifact.name: artifact for artifact in resolved.artifacts}


@pytest.fixture(scope="module")
def kubeadm(found: Mapping[str, ResolvedArtifact], tmp_path_factory: pytest.TempPathFactory) -> Path:
    return _executable(artifacts.cached_file(found["kubeadm"].sha256).read_bytes(), tmp_path_factory, "kubeadm")


@pytest.fixture(scope="module")
def containerd(found: Mapping[str, ResolvedArtifact], tmp_path_factory: pytest.TempPathFactory) -> Path:
    with tarfile.open(artifacts.cached_file(found["containerd"].sha256)) as archive:
        member = archive.extractfile("bin/containerd")
        assert member is not None
        return _executable(member.read(), tmp_path_factory, "containerd")


class TestKubeadm:
    """kubeadm refuses fields that it does not know."""

    @CASES
    def test_takes_the_init_configuration(
        self, case: Case, kubeadm: Path, kubernetes_version: str, tmp_path: Path
    ) -> None:
        # The golden clusters have one version; another kubeadm would refuse to make it.
        text = _documents(case)[0].replace(f"v{release().kubernetes}", f"v{kubernetes_version}")
        _validate(kubeadm, text, tmp_path)

    @CASES
    def test_takes_every_join_configuration(self, case: Case, kubeadm: Path, tmp_path: Path) -> None:
        discovery = tmp_path / "discovery.conf"
        discovery.touch()
        for text in _documents(case)[1:]:
            filled = text.replace("/run/kubewright/discovery.conf", str(discovery))
            _validate(kubeadm, filled.replace("{{certificate_key}}", "ab" * 32), tmp_path)


class TestContainerd:
    @CASES
    def test_understands_its_configuration(self, case: Case, containerd: Path, tmp_path: Path) -> None:
        """What it would run with has our values, and no key was left over."""
        path = tmp_path / "config.toml"
        resources = node(case, case.shown[0]).resources
        path.write_text(next(found["content"] for found in resources if found["id"].endswith("containerd/config.toml")))
        done = subprocess.run(
            [containerd, "--config", path, "config", "dump"], capture_output=True, text=True, check=True, timeout=60
        )
        cgroups = "true" if case.settings.cluster.kubelet_cgroup_driver == "systemd" else "false"
        assert f"SystemdCgroup = {cgroups}" in done.stdout
        assert "sandbox = 'registry.k8s.io/pause:" in done.stdout
        assert "unknown" not in done.stderr.lower()


def _documents(case: Case) -> list[str]:
    made = cluster_document(
        topology=case.topology, settings=case.settings, release=release(), artifacts=golden_artifacts()
    )
    return [made.kubeadm_init["cp1"], *made.kubeadm_join.values()]


def _validate(kubeadm: Path, text: str, folder: Path) -> None:
    path = folder / "kubeadm.yaml"
    path.write_text(text)
    done = subprocess.run(
        [kubeadm, "config", "validate", "--config", path], capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 0, f"{done.stderr}\n{text}"


def _executable(content: bytes, folders: pytest.TempPathFactory, name: str) -> Path:
    path = folders.mktemp("bin") / name
    path.write_bytes(content)
    path.chmod(0o755)
    return path
