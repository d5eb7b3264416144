"""The catalogue's data: complete for every release, and with a public source for every pinned value."""

from __future__ import annotations

import re

import pytest

from kubewright.catalog import load
from kubewright.catalog.model import Kind, Release
from kubewright.errors import BadInputError

RELEASES = load().releases
EVERYWHERE = frozenset({"control-plane", "worker"})
CONTROL_PLANES = frozenset({"control-plane"})
ROLES = {
    "kubelet": EVERYWHERE,
    "kubeadm": EVERYWHERE,
    "kubectl": CONTROL_PLANES,
    "etcdctl": CONTROL_PLANES,
    "containerd": EVERYWHERE,
    "runc": EVERYWHERE,
    "cni-plugins": EVERYWHERE,
    "flannel-cni": EVERYWHERE,
    "kube-apiserver": CONTROL_PLANES,
    "kube-controller-manager": CONTROL_PLANES,
    "kube-scheduler": CONTROL_PLANES,
    "etcd": CONTROL_PLANES,
    "kube-proxy": EVERYWHERE,
    "coredns": EVERYWHERE,
    "pause": EVERYWHERE,
    "flannel": EVERYWHERE,
    "haproxy": frozenset({"worker"}),
}


def ids(release: Release) -> str:
    return release.kubernetes


class TestCatalog:
    def test_both_releases_are_there_newest_first(self) -> None:
        assert [release.kubernetes for release in RELEASES] == ["1.37.2", "1.36.3"]

    @pytest.mark.parametrize("version", ["1.37.2", "v1.37.2"])
    def test_a_release_is_found_with_and_without_v(self, version: str) -> None:
        assert load().release(version).kubernetes == "1.37.2"

    def test_an_unknown_version_is_refused_with_the_supported_ones(self) -> None:
        with pytest.raises(BadInputError, match=r"1\.99\.0 is not supported.*1\.37\.2, 1\.36\.3"):
            load().release("1.99.0")

    def test_the_skew_table_is_kubeadms(self) -> None:
        skew = load().skew
        assert (skew.control_plane_behind, skew.kubelet_behind, skew.upgrade_step) == (1, 3, 1)

    def test_every_release_names_the_oldest_etcd_that_it_works_with(self) -> None:
        assert set(load().skew.etcd_minimum) == {release.kubernetes.rpartition(".")[0] for release in RELEASES}


@pytest.mark.parametrize("release", RELEASES, ids=ids)
class TestRelease:
    def test_every_artifact_is_there_with_its_nodes(self, release: Release) -> None:
        assert {artifact.name: artifact.roles for artifact in release.artifacts} == ROLES

    def test_every_version_and_recipe_names_its_source(self, release: Release) -> None:
        assert set(release.sources) == set(release.versions)
        assert all(release.sources.values())
        assert all(artifact.upstream.get("source") for artifact in release.artifacts)

    def test_binaries_and_archives_have_a_destination_and_images_a_name(self, release: Release) -> None:
        for artifact in release.artifacts:
            if artifact.kind is Kind.IMAGE:
                assert re.fullmatch(r"[a-z0-9.]+/[a-z0-9./-]+:[\w.-]+", artifact.reference)
            else:
                assert artifact.destination.startswith(("/", "{bin_dir}"))
            assert bool(artifact.members) == (artifact.kind is Kind.ARCHIVE)

    def test_upstream_files_come_with_a_checksum_file(self, release: Release) -> None:
        for artifact in release.artifacts:
            if "url" in artifact.upstream:
                assert str(artifact.upstream["checksum"]).startswith("https://")
            else:
                assert artifact.kind is Kind.IMAGE or "image" in artifact.upstream

    def test_no_placeholder_is_left_but_those_that_are_filled_later(self, release: Release) -> None:
        text = repr([(artifact.upstream, artifact.gomod, artifact.reference) for artifact in release.artifacts])
        text += repr(release.units)
        assert set(re.findall(r"{(\w+)}", text)) <= {"architecture"}

    def test_builds_make_every_file_that_recipes_name(self, release: Release) -> None:
        for artifact in release.artifacts:
            gomod = artifact.gomod
            if "packages" in gomod or artifact.name == "haproxy":
                continue
            made = set(release.units[str(gomod["unit"])].packages.values())
            image = gomod.get("image")
            wanted = image["files"].values() if isinstance(image, dict) else None
            if wanted is None:
                files = gomod.get("files")
                wanted = files.values() if isinstance(files, dict) else [gomod["file"]]
            assert set(wanted) <= made

    def test_modules_are_pinned_by_the_checksum_databases_hash(self, release: Release) -> None:
        for unit in release.units.values():
            assert unit.checksum.startswith("h1:") or unit.name == "pause"

    def test_images_that_kubeadm_names_have_its_tags(self, release: Release) -> None:
        kubernetes = f"v{release.kubernetes}"
        tags = {"kube-apiserver": kubernetes, "kube-controller-manager": kubernetes, "kube-scheduler": kubernetes}
        tags |= {"kube-proxy": kubernetes, "pause": "3.10.2", "etcd": f"{release.versions['etcd']}-0"}
        for name, tag in tags.items():
            assert release.artifact(name).reference == f"registry.k8s.io/{name}:{tag}"
        assert (
            release.artifact("coredns").reference == f"registry.k8s.io/coredns/coredns:v{release.versions['coredns']}"
        )


class TestDifferences:
    def test_each_release_has_the_etcd_and_coredns_that_its_kubeadm_wants(self) -> None:
        found = {release.kubernetes: (release.versions["etcd"], release.versions["coredns"]) for release in RELEASES}
        assert found == {"1.37.2": ("3.7.0", "1.14.6"), "1.36.3": ("3.6.8", "1.14.2")}

    def test_staging_modules_follow_the_kubernetes_version(self) -> None:
        assert [release.units["kubernetes"].staging for release in RELEASES] == ["v0.37.2", "v0.36.3"]
