"""Bundles, and the choice among sources."""

from __future__ import annotations

import dataclasses
import json
import tarfile
from pathlib import Path

import pytest

from kubewright.artifacts import bundle as bundles
from kubewright.artifacts import recalled, resolve
from kubewright.artifacts.progress import silent
from kubewright.artifacts.resolve import cached
from kubewright.artifacts.store import Store
from kubewright.catalog.model import ArtifactSet, Release
from kubewright.errors import ArtifactError, BadInputError
from tests.unit.artifacts.imitation import Imitation


@pytest.fixture
def small(release: Release) -> Release:
    return dataclasses.replace(
        release, artifacts=tuple(release.artifact(name) for name in ("kubelet", "containerd", "pause"))
    )


@pytest.fixture
def fetched(small: Release, publisher: Imitation, store: Store) -> ArtifactSet:
    return resolve(small, architecture="amd64", source="mirror", mirror=publisher.url)


@pytest.fixture(params=["bundle.tar", "bundle"])
def bundle(request: pytest.FixtureRequest, tmp_path: Path, fetched: ArtifactSet, store: Store) -> Path:
    target = tmp_path / str(request.param)
    bundles.write(fetched, target, store, silent)
    return target


@pytest.fixture
def elsewhere(bundle: Path, tmp_path: Path) -> Store:
    """An empty cache on another machine."""
    return Store(tmp_path / "elsewhere")


class TestRecalled:
    """What is known without getting anything."""

    def test_all_that_was_fetched(self, small: Release, publisher: Imitation, fetched: ArtifactSet) -> None:
        asked = len(publisher.requests)
        assert recalled(small, architecture="amd64", source="mirror", mirror=publisher.url) == fetched
        assert len(publisher.requests) == asked

    def test_nothing_where_the_cache_lacks_something(
        self, small: Release, publisher: Imitation, fetched: ArtifactSet, store: Store
    ) -> None:
        store.path(fetched.artifacts[0].sha256).unlink()
        asked = len(publisher.requests)
        assert recalled(small, architecture="amd64", source="mirror", mirror=publisher.url) is None
        assert len(publisher.requests) == asked


class TestBundle:
    def test_what_went_in_comes_out(self, small: Release, bundle: Path, fetched: ArtifactSet, elsewhere: Store) -> None:
        found = resolve(small, architecture="amd64", source="bundle", bundle=str(bundle), store=elsewhere)
        assert found.artifacts == fetched.artifacts
        assert found.source == "bundle"
        assert set(elsewhere.digests()) == {artifact.sha256 for artifact in fetched.artifacts}

    def test_the_second_time_nothing_is_copied(self, small: Release, bundle: Path, elsewhere: Store) -> None:
        states: list[str] = []
        for _ in range(2):
            states.clear()
            resolve(
                small,
                architecture="amd64",
                bundle=str(bundle),
                store=elsewhere,
                report=lambda name, state, *_: states.append(state),
            )
        assert states == []

    def test_another_version_is_refused(self, small: Release, bundle: Path, elsewhere: Store) -> None:
        other = dataclasses.replace(small, kubernetes="1.36.3")
        with pytest.raises(ArtifactError, match=r"holds Kubernetes 1\.37\.2 for amd64 .*not 1\.36\.3"):
            resolve(other, architecture="amd64", source="bundle", bundle=str(bundle), store=elsewhere)

    def test_a_bundle_without_an_artifact_is_refused(self, release: Release, bundle: Path, elsewhere: Store) -> None:
        with pytest.raises(ArtifactError, match="has no kubeadm, kubectl"):
            resolve(release, architecture="amd64", source="bundle", bundle=str(bundle), store=elsewhere)

    def test_a_target_in_use_is_refused(self, bundle: Path, fetched: ArtifactSet, store: Store) -> None:
        with pytest.raises(ArtifactError, match="it is there already"):
            bundles.write(fetched, bundle, store, silent)


class TestDamage:
    def test_a_damaged_file_is_refused(
        self, small: Release, tmp_path: Path, fetched: ArtifactSet, store: Store
    ) -> None:
        target = tmp_path / "directory"
        bundles.write(fetched, target, store, silent)
        file = target / "blobs" / fetched.artifacts[0].sha256
        file.write_bytes(file.read_bytes()[:-1] + b"!")
        with pytest.raises(ArtifactError, match=r"its SHA-256 is .*The bundle is damaged"):
            resolve(small, architecture="amd64", source="bundle", bundle=str(target), store=Store(tmp_path / "new"))

    def test_a_missing_file_is_refused(
        self, small: Release, tmp_path: Path, fetched: ArtifactSet, store: Store
    ) -> None:
        target = tmp_path / "directory"
        bundles.write(fetched, target, store, silent)
        (target / "blobs" / fetched.artifacts[2].sha256).unlink()
        with pytest.raises(ArtifactError, match="names pause but the files are not in it"):
            resolve(small, architecture="amd64", source="bundle", bundle=str(target), store=Store(tmp_path / "new"))

    @pytest.mark.parametrize("content", [b"", b"no tar at all", b"\0" * 10240])
    def test_what_is_no_bundle_is_refused(self, small: Release, tmp_path: Path, content: bytes) -> None:
        (tmp_path / "file.tar").write_bytes(content)
        with pytest.raises(ArtifactError, match="no readable bundle"):
            resolve(
                small, architecture="amd64", source="bundle", bundle=str(tmp_path / "file.tar"), store=Store(tmp_path)
            )

    def test_a_broken_manifest_is_refused(self, small: Release, tmp_path: Path) -> None:
        (tmp_path / "manifest.json").write_text(json.dumps({"format": 1}))
        with pytest.raises(ArtifactError, match="no readable bundle"):
            resolve(small, architecture="amd64", source="bundle", bundle=str(tmp_path), store=Store(tmp_path / "new"))

    def test_an_interrupted_bundle_leaves_nothing(
        self, tmp_path: Path, fetched: ArtifactSet, store: Store, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def interrupt(component: str, state: str, fraction: float | None, seconds: float) -> None:
            raise KeyboardInterrupt

        folder = tmp_path / "target"
        folder.mkdir()
        for name in ("bundle.tar", "bundle"):
            with pytest.raises(KeyboardInterrupt):
                bundles.write(fetched, folder / name, store, interrupt)
        assert not list(folder.iterdir())


class TestChoice:
    def test_auto_takes_the_bundle_first(self, small: Release, bundle: Path, elsewhere: Store) -> None:
        assert resolve(small, architecture="amd64", bundle=str(bundle), store=elsewhere).source == "bundle"

    def test_auto_takes_what_is_in_the_cache_without_asking(
        self, small: Release, publisher: Imitation, fetched: ArtifactSet
    ) -> None:
        publisher.requests.clear()
        assert resolve(small, architecture="amd64", mirror=publisher.url) == fetched
        assert publisher.requests == []

    def test_no_source_that_works_names_every_reason(
        self, small: Release, store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("PATH", "/nonexistent")
        monkeypatch.setattr("kubewright.artifacts.gomod.toolchain._PLACES", ())
        said: list[str] = []
        with pytest.raises(
            ArtifactError, match=r"no source of artifacts works: .*mirror: .*gomod: .*Go is not"
        ) as error:
            resolve(
                small,
                architecture="amd64",
                mirror="http://127.0.0.1:9",
                bundle=str(tmp_path / "none"),
                report=lambda name, state, *_: said.append(state),
            )
        assert str(tmp_path / "none") in error.value.cause
        assert [state.split(":")[0] for state in said] == ["cannot use bundle", "cannot use mirror", "cannot use gomod"]

    @pytest.mark.parametrize(
        ("arguments", "message"),
        [
            ({"source": "ftp"}, "'ftp' is no source"),
            ({"architecture": "s390x"}, "'s390x' is not supported"),
            ({"source": "mirror"}, "no mirror is given"),
            ({"source": "bundle"}, "no bundle is given"),
        ],
    )
    def test_wrong_arguments_are_refused(
        self, small: Release, store: Store, arguments: dict[str, str], message: str
    ) -> None:
        with pytest.raises(BadInputError, match=message):
            resolve(
                small,
                architecture=arguments.get("architecture", "amd64"),
                source=arguments.get("source", "auto"),
            )

    def test_cached_says_what_is_there_by_source(
        self, small: Release, publisher: Imitation, fetched: ArtifactSet
    ) -> None:
        have = cached(small, architecture="amd64", mirror=publisher.url)
        assert have == {"mirror": frozenset({"kubelet", "containerd", "pause"}), "gomod": frozenset()}

    def test_a_tar_has_its_manifest_first(self, tmp_path: Path, fetched: ArtifactSet, store: Store) -> None:
        bundles.write(fetched, tmp_path / "b.tar", store, silent)
        with tarfile.open(tmp_path / "b.tar") as archive:
            assert archive.getnames()[0] == "manifest.json"
