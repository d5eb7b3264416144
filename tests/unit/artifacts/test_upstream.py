"""Downloads against an imitation of publishers, registries and mirrors."""

from __future__ import annotations

import dataclasses
import json
import tarfile
from collections.abc import Iterator
from typing import IO, TypeVar

import pytest

from kubewright.artifacts import resolve
from kubewright.artifacts.progress import silent
from kubewright.artifacts.store import Store, file_sha256
from kubewright.artifacts.upstream import checksums
from kubewright.artifacts.upstream.download import Downloader, Wanted, new_client
from kubewright.artifacts.upstream.registry import choose
from kubewright.artifacts.upstream.urls import Image, Places, parse_reference
from kubewright.catalog.model import ArtifactSet, Release
from kubewright.errors import ArtifactError
from tests.unit.artifacts.imitation import Imitation, sha256

Served = TypeVar("Served")
KUBELET = "/dl.k8s.io/release/v1.37.2/bin/linux/amd64/kubelet"


def from_mirror(release: Release, publisher: Imitation, architecture: str = "amd64") -> ArtifactSet:
    return resolve(release, architecture=architecture, source="mirror", mirror=publisher.url)


def only(release: Release, *names: str) -> Release:
    return dataclasses.replace(release, artifacts=tuple(release.artifact(name) for name in names))


class TestWholeRelease:
    def test_everything_arrives_with_the_published_digests(
        self, release: Release, publisher: Imitation, store: Store
    ) -> None:
        found = from_mirror(release, publisher)
        assert found.source == "mirror"
        assert [artifact.name for artifact in found.artifacts] == [artifact.name for artifact in release.artifacts]
        for artifact in found.artifacts:
            assert file_sha256(store.path(artifact.sha256)) == artifact.sha256
        kubelet = next(artifact for artifact in found.artifacts if artifact.name == "kubelet")
        assert kubelet.sha256 == sha256(publisher.files[KUBELET])

    def test_nothing_partial_or_temporary_is_left(self, release: Release, publisher: Imitation, store: Store) -> None:
        from_mirror(release, publisher)
        assert not list((store.root / "partial").iterdir())
        assert not list((store.root / "tmp").iterdir())

    def test_the_second_time_nothing_is_asked(self, release: Release, publisher: Imitation, store: Store) -> None:
        first = from_mirror(release, publisher)
        publisher.requests.clear()
        assert from_mirror(release, publisher) == first
        assert publisher.requests == []

    def test_publishers_own_urls_give_the_same(self, release: Release, publisher: Imitation, store: Store) -> None:
        # A registry at its own host has no host name in its paths.
        publisher.manifests |= _without_host(publisher.manifests)
        publisher.files |= _without_host(publisher.files)
        moved = only(release, "pause", "kubelet")
        moved = dataclasses.replace(moved, registries={"registry.k8s.io": publisher.url})
        kubelet = dataclasses.replace(moved.artifacts[1], upstream=_at(publisher, moved.artifacts[1].upstream))
        moved = dataclasses.replace(moved, artifacts=(moved.artifacts[0], kubelet))
        assert resolve(moved, architecture="amd64", source="upstream").source == "upstream"

    def test_members_of_archives_have_their_own_digests(
        self, release: Release, publisher: Imitation, store: Store
    ) -> None:
        found = from_mirror(only(release, "containerd", "kubelet"), publisher).artifacts[0]
        assert found.members == {
            name: sha256(f"containerd {name}".encode())
            for name in ("bin/containerd", "bin/containerd-shim-runc-v2", "bin/ctr")
        }

    def test_single_files_are_taken_out_of_archives_and_images(
        self, release: Release, publisher: Imitation, store: Store
    ) -> None:
        etcdctl, flannel, _ = from_mirror(only(release, "etcdctl", "flannel-cni", "kubelet"), publisher).artifacts
        assert store.path(etcdctl.sha256).read_bytes().startswith(b"etcdctl 3.7.0")
        assert store.path(flannel.sha256).read_bytes() == b"flannel-cni program"


class TestImages:
    def test_an_archive_holds_the_manifest_of_the_architecture(
        self, release: Release, publisher: Imitation, store: Store
    ) -> None:
        pause = from_mirror(only(release, "pause", "kubelet"), publisher).artifacts[0]
        with tarfile.open(store.path(pause.sha256)) as archive:
            entry = json.load(_member(archive, "index.json"))["manifests"][0]
            manifest = json.load(_member(archive, f"blobs/sha256/{entry['digest'][7:]}"))
            config = json.load(_member(archive, f"blobs/sha256/{manifest['config']['digest'][7:]}"))
            names = archive.getnames()
        assert entry["annotations"]["io.containerd.image.name"] == "registry.k8s.io/pause:3.10.2"
        assert config["architecture"] == "amd64"
        assert all(f"blobs/sha256/{layer['digest'][7:]}" in names for layer in manifest["layers"])

    def test_a_token_is_fetched_where_the_registry_asks(
        self, release: Release, publisher: Imitation, store: Store
    ) -> None:
        from_mirror(only(release, "pause", "kubelet"), publisher)
        assert "/token" in [path for path, _, _ in publisher.requests]

    def test_an_open_registry_is_asked_without_a_token(
        self, release: Release, publisher: Imitation, store: Store
    ) -> None:
        publisher.authentication = False
        from_mirror(only(release, "pause", "kubelet"), publisher)
        assert "/token" not in [path for path, _, _ in publisher.requests]

    def test_an_image_without_the_architecture_is_refused(
        self, release: Release, publisher: Imitation, store: Store
    ) -> None:
        other = only(release, "pause", "kubelet")
        publisher.publish(only(release, "kubelet"), "arm64")
        with pytest.raises(ArtifactError, match=r"nothing for linux/arm64, only linux/amd64, linux/s390x"):
            from_mirror(other, publisher, "arm64")

    def test_a_changed_manifest_is_refused(self, release: Release, publisher: Imitation, store: Store) -> None:
        publisher.faults["/v2/registry.k8s.io/pause/manifests/3.10.2"] = ["corrupt"]
        with pytest.raises(ArtifactError, match="the manifest's digest is"):
            from_mirror(only(release, "pause", "kubelet"), publisher)

    def test_a_changed_layer_is_refused_and_not_kept(
        self, release: Release, publisher: Imitation, store: Store
    ) -> None:
        for path in publisher.files:
            if "/pause/blobs/" in path:
                publisher.faults[path] = ["corrupt"]
        with pytest.raises(ArtifactError, match="SHA-256"):
            from_mirror(only(release, "pause", "kubelet"), publisher)

    def test_an_index_of_unknown_platforms_names_what_it_has(self) -> None:
        with pytest.raises(ArtifactError, match="only nothing"):
            choose({}, "amd64", "image")


class TestDownloads:
    @pytest.fixture
    def downloads(self, store: Store) -> Iterator[Downloader]:
        with new_client() as client:
            yield Downloader(client, store, silent)

    def wanted(self, publisher: Imitation, path: str = KUBELET) -> Wanted:
        return Wanted(f"{publisher.url}{path}", sha256(publisher.files[path]), "kubelet")

    def test_a_broken_connection_goes_on_where_it_ended(self, downloads: Downloader, publisher: Imitation) -> None:
        publisher.faults[KUBELET] = ["break", "break"]
        path = downloads.fetch(self.wanted(publisher))
        assert path.read_bytes() == publisher.files[KUBELET]
        assert [bool(asked) for url, asked, _ in publisher.requests if url.startswith("/cdn")] == [False, True, True]

    def test_an_interrupted_download_goes_on_in_the_next_run(
        self, downloads: Downloader, publisher: Imitation, store: Store
    ) -> None:
        publisher.faults[KUBELET] = ["break", *["busy"] * 9]
        with pytest.raises(ArtifactError, match="What was received is kept"):
            downloads.fetch(self.wanted(publisher))
        publisher.faults.clear()
        publisher.requests.clear()
        assert downloads.fetch(self.wanted(publisher)).read_bytes() == publisher.files[KUBELET]
        assert publisher.requests[-1][1].startswith("bytes=")

    def test_a_server_without_ranges_sends_it_all_again(self, downloads: Downloader, publisher: Imitation) -> None:
        publisher.faults[KUBELET] = ["break", "no-range"]
        assert downloads.fetch(self.wanted(publisher)).read_bytes() == publisher.files[KUBELET]

    def test_a_busy_server_is_asked_again(self, downloads: Downloader, publisher: Imitation) -> None:
        publisher.faults[KUBELET] = ["busy", "busy"]
        assert downloads.fetch(self.wanted(publisher)).read_bytes() == publisher.files[KUBELET]

    def test_a_damaged_beginning_is_thrown_away_and_fetched_again(
        self, downloads: Downloader, publisher: Imitation, store: Store
    ) -> None:
        publisher.faults[KUBELET] = ["break", *["busy"] * 9]
        with pytest.raises(ArtifactError):
            downloads.fetch(self.wanted(publisher))
        publisher.faults.clear()
        part = next((store.root / "partial").iterdir())
        part.write_bytes(b"x" * part.stat().st_size)
        assert downloads.fetch(self.wanted(publisher)).read_bytes() == publisher.files[KUBELET]

    def test_a_wrong_digest_is_refused_and_nothing_is_kept(
        self, downloads: Downloader, publisher: Imitation, store: Store
    ) -> None:
        publisher.faults[KUBELET] = ["corrupt"]
        with pytest.raises(ArtifactError, match=r"its SHA-256 is .* is expected"):
            downloads.fetch(self.wanted(publisher))
        assert not list((store.root / "partial").iterdir())

    def test_a_missing_file_is_not_tried_again(self, downloads: Downloader, publisher: Imitation) -> None:
        with pytest.raises(ArtifactError, match="404"):
            downloads.fetch(Wanted(f"{publisher.url}/nothing", "0" * 64, "nothing"))
        assert len(publisher.requests) == 1

    def test_a_full_disk_is_noticed_before(
        self, downloads: Downloader, publisher: Imitation, store: Store, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        usage = type("Usage", (), {"free": 1000})
        monkeypatch.setattr("kubewright.artifacts.store.shutil.disk_usage", lambda path: usage)
        with pytest.raises(ArtifactError, match="the disk has only 0 MB free"):
            downloads.fetch(self.wanted(publisher))


class TestNames:
    def test_checksum_files_of_each_kind_are_read(self) -> None:
        digest = "AB" * 32
        assert checksums.parse(digest, "file", "url") == digest.lower()
        assert checksums.parse(f"{'0' * 64}  other\n{digest} *./file\n", "file", "url") == digest.lower()

    @pytest.mark.parametrize("text", ["", "no digest here", f"{'0' * 64}  other", f"{'0' * 63} file"])
    def test_a_checksum_file_without_the_file_is_refused(self, text: str) -> None:
        with pytest.raises(ArtifactError, match="no SHA-256 for file"):
            checksums.parse(text, "file", "url")

    def test_image_names_are_taken_apart(self) -> None:
        assert parse_reference("docker.io/library/haproxy:3.2") == Image("docker.io", "library/haproxy", "3.2")

    def test_mirrors_have_hosts_in_their_paths(self) -> None:
        places = Places("https://m.example/kube/")
        assert places.file("https://dl.k8s.io/release/x") == "https://m.example/kube/dl.k8s.io/release/x"
        image = parse_reference("registry.k8s.io/pause:3")
        assert places.repository(image) == "https://m.example/v2/kube/registry.k8s.io/pause"

    def test_registries_are_asked_where_they_really_are(self) -> None:
        places = Places(registries=(("docker.io", "https://registry-1.docker.io"),))
        assert places.repository(parse_reference("docker.io/a/b:1")) == "https://registry-1.docker.io/v2/a/b"
        assert places.repository(parse_reference("ghcr.io/a/b:1")) == "https://ghcr.io/v2/a/b"


def _without_host(served: dict[str, Served]) -> dict[str, Served]:
    return {path.replace("/v2/registry.k8s.io/", "/v2/"): data for path, data in served.items()}


def _member(archive: tarfile.TarFile, name: str) -> IO[bytes]:
    found = archive.extractfile(name)
    assert found is not None
    return found


def _at(publisher: Imitation, upstream: dict[str, object]) -> dict[str, object]:
    """A recipe whose URLs are the imitation's."""
    return {
        key: str(value).replace("https://dl.k8s.io", f"{publisher.url}/dl.k8s.io") for key, value in upstream.items()
    }
