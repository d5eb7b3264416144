"""Builds from Go modules, with a stand-in for the Go command."""

from __future__ import annotations

import dataclasses
import json
import os
import shutil
import tarfile
from pathlib import Path

import pytest

from kubewright.artifacts import resolve
from kubewright.artifacts.gomod import toolchain
from kubewright.artifacts.gomod.build import go_mod
from kubewright.artifacts.store import Store
from kubewright.catalog.model import Release
from kubewright.errors import ArtifactError

GO = """#!/bin/sh
echo "$@" >> "$GO_LOG"
case "$1 $2" in
"env GOVERSION") echo "$GO_VERSION" ;;
"mod download") echo "{\\"Sum\\": \\"$GO_SUM\\", \\"GoMod\\": \\"$GO_MOD\\"}" ;;
build*)
  [ -n "$GO_FAILS" ] && { echo "pkg/x.go:1: it does not compile" >&2; exit 1; }
  while [ "$1" != "-o" ]; do shift; done
  case "$2" in
  */) for name in $GO_MAKES; do echo "$name" > "$2$name"; done ;;
  *) echo program > "$2" ;;
  esac ;;
esac
"""
CONTAINERD = "h1:p6Qg+xbEz8lvwdhHDx0U469xENvp4LgGBx+E7djXkGw="


@pytest.fixture
def go(tmp_path: Path, store: Store, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A Go command that writes down what it is asked; its log."""
    folder = tmp_path / "bin"
    folder.mkdir()
    (folder / "go").write_text(GO)
    (folder / "go").chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")
    monkeypatch.setattr(toolchain, "_PLACES", ())
    monkeypatch.setattr(toolchain, "_POLL_SECONDS", 0.05)
    module = tmp_path / "downloaded.mod"
    module.write_text("replace (\n\tk8s.io/api => ./staging/src/k8s.io/api\n\tk8s.io/x => ./other\n)\n")
    for name in ("GOSUMDB", "GONOSUMDB", "GOPRIVATE", "GOINSECURE", "KUBEWRIGHT_GOCACHE"):
        monkeypatch.delenv(name, raising=False)
    values = {
        "GO_LOG": tmp_path / "go.log",
        "GO_VERSION": "go1.26.8",
        "GO_SUM": CONTAINERD,
        "GO_MOD": module,
        "GO_MAKES": "containerd containerd-shim-runc-v2 ctr",
        "GO_FAILS": "",
    }
    for name, value in values.items():
        monkeypatch.setenv(name, str(value))
    return tmp_path / "go.log"


@pytest.fixture
def small(release: Release) -> Release:
    """A release of what needs no base layer and little else."""
    return dataclasses.replace(
        release, artifacts=tuple(release.artifact(name) for name in ("containerd", "pause", "runc"))
    )


def built(release: Release) -> dict[str, object]:
    found = resolve(release, architecture="amd64", source="gomod")
    return {artifact.name: artifact for artifact in found.artifacts}


class TestBuilds:
    def test_archives_images_and_packages_come_out(self, go: Path, small: Release, store: Store) -> None:
        containerd, pause, runc = resolve(small, architecture="amd64", source="gomod").artifacts
        with tarfile.open(store.path(containerd.sha256)) as archive:
            assert [member.name for member in archive if member.isreg()] == [
                "bin/containerd",
                "bin/containerd-shim-runc-v2",
                "bin/ctr",
            ]
        assert set(containerd.members) == {"bin/containerd", "bin/containerd-shim-runc-v2", "bin/ctr"}
        assert pause.reference == "registry.k8s.io/pause:3.10.2"
        assert (runc.packages, runc.sha256) == (("runc",), "")

    def test_the_build_is_the_same_everywhere(self, go: Path, small: Release) -> None:
        built(small)
        asked = next(line for line in go.read_text().splitlines() if line.startswith("build") and "containerd" in line)
        assert "-trimpath" in asked
        assert "-X github.com/containerd/containerd/v2/version.Version=v2.4.2" in asked
        assert "-tags no_btrfs,no_devmapper,no_zfs" in asked

    def test_the_second_time_nothing_is_built(self, go: Path, small: Release) -> None:
        first = built(small)
        go.unlink()
        assert built(small) == first
        assert not go.exists()

    def test_a_damaged_file_is_built_again(self, go: Path, small: Release, store: Store) -> None:
        containerd = resolve(small, architecture="amd64", source="gomod").artifacts[0]
        store.path(containerd.sha256).write_bytes(b"damaged")
        assert resolve(small, architecture="amd64", source="gomod").artifacts[0] == containerd
        assert store.path(containerd.sha256).read_bytes() != b"damaged"

    def test_no_build_cache_is_left(self, go: Path, small: Release, store: Store) -> None:
        built(small)
        assert not list((store.root / "tmp").iterdir())

    def test_another_architecture_is_another_recipe(self, go: Path, small: Release) -> None:
        built(small)
        go.unlink()
        resolve(small, architecture="arm64", source="gomod")
        assert "build" in go.read_text()


class TestRefusals:
    def test_a_module_with_another_hash_is_refused(
        self, go: Path, small: Release, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("GO_SUM", "h1:other")
        with pytest.raises(ArtifactError, match="the module's hash is h1:other but the catalogue pins"):
            built(small)

    def test_a_failed_build_shows_the_end_of_its_output_and_leaves_nothing(
        self, go: Path, small: Release, store: Store, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("GO_FAILS", "1")
        with pytest.raises(ArtifactError, match="it does not compile"):
            built(small)
        assert not list((store.root / "tmp").iterdir())
        assert not store.digests()

    def test_a_file_that_the_build_should_have_made_is_missed(
        self, go: Path, small: Release, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("GO_MAKES", "containerd ctr")
        with pytest.raises(ArtifactError, match="did not make containerd-shim-runc-v2"):
            built(small)

    @pytest.mark.parametrize("version", ["go1.26.5", "go1.9", "devel"])
    def test_an_old_go_is_refused_with_what_to_install(
        self, go: Path, small: Release, monkeypatch: pytest.MonkeyPatch, version: str
    ) -> None:
        monkeypatch.setenv("GO_VERSION", version)
        with pytest.raises(ArtifactError, match=r"is too old.*Install Go 1\.26\.6 or newer"):
            built(small)

    def test_no_go_is_an_error_with_what_to_install(
        self, go: Path, small: Release, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("PATH", "/nonexistent")
        with pytest.raises(ArtifactError, match=r"Go is not installed.*Install Go 1\.26\.6"):
            built(small)

    @pytest.mark.parametrize(("name", "value"), [("GOSUMDB", "off"), ("GONOSUMDB", "*"), ("GOPRIVATE", "k8s.io")])
    def test_an_environment_that_turns_verification_off_is_refused(
        self, go: Path, small: Release, monkeypatch: pytest.MonkeyPatch, name: str, value: str
    ) -> None:
        monkeypatch.setenv(name, value)
        with pytest.raises(ArtifactError, match=f"{name} in the environment would keep Go from verifying"):
            built(small)

    def test_too_little_disk_is_noticed_before_anything_is_built(
        self, go: Path, small: Release, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        usage = type("Usage", (), {"free": 10**9})
        monkeypatch.setattr("kubewright.artifacts.store.shutil.disk_usage", lambda path: usage)
        with pytest.raises(ArtifactError, match=r"building containerd, pause needs 2,400 MB"):
            built(small)
        assert "build" not in go.read_text()

    def test_missing_mmdebstrap_is_an_error_with_what_to_install(
        self, go: Path, release: Release, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        found = shutil.which
        hidden = lambda name: None if name == "mmdebstrap" else found(name)  # noqa: E731
        monkeypatch.setattr("kubewright.artifacts.gomod.base.shutil.which", hidden)
        only = dataclasses.replace(release, artifacts=(release.artifact("haproxy"),))
        with pytest.raises(ArtifactError, match="apt-get install mmdebstrap"):
            built(only)


class TestModules:
    def test_staging_modules_are_replaced(self, release: Release) -> None:
        text = go_mod(release.units["kubernetes"], "1.26.6", ("k8s.io/api",))
        assert text == (
            "module kubewright.build/kubernetes\n\ngo 1.26.6\n\n"
            "require k8s.io/kubernetes v1.37.2\nreplace k8s.io/api => k8s.io/api v0.37.2\n"
        )

    def test_our_own_programs_are_built_from_their_source(self, go: Path, small: Release, store: Store) -> None:
        built(small)
        assert any(line.startswith("build") and line.endswith(" .") for line in go.read_text().splitlines())

    def test_entries_of_the_index_are_plain(self, go: Path, small: Release, store: Store) -> None:
        built(small)
        entries = [json.loads(path.read_text()) for path in (store.root / "index").iterdir()]
        assert {"reference", "sha256", "size", "members"} == set(entries[0])
