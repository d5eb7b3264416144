"""Archives written here: reproducible, and as `ctr images import` reads them."""

from __future__ import annotations

import json
import tarfile
from pathlib import Path
from typing import Any

import pytest

from kubewright.artifacts import oci
from kubewright.artifacts.gomod.base import slim
from kubewright.artifacts.store import file_sha256


@pytest.fixture
def program(tmp_path: Path) -> Path:
    path = tmp_path / "program"
    path.write_bytes(b"binary")
    return path


def built(folder: Path, program: Path) -> Path:
    layer, target = folder / "layer", folder / "image"
    oci.write_layer(layer, {"usr/local/bin/program": program})
    settings = oci.ImageSettings("registry.k8s.io/program:v1", "arm64", ("/usr/local/bin/program",), "65535:65535")
    oci.write_built_image(target, settings, [layer])
    return target


def read(archive: tarfile.TarFile, name: str) -> Any:
    found = archive.extractfile(name)
    assert found is not None
    return json.load(found)


class TestImages:
    def test_the_same_input_gives_the_same_bytes(self, tmp_path: Path, program: Path) -> None:
        digests = set()
        for name in ("one", "two"):
            (tmp_path / name).mkdir()
            digests.add(file_sha256(built(tmp_path / name, program)))
        assert len(digests) == 1

    def test_every_digest_is_that_of_its_blob(self, tmp_path: Path, program: Path) -> None:
        with tarfile.open(built(tmp_path, program)) as archive:
            for member in archive:
                stream = archive.extractfile(member) if member.name.startswith("blobs/sha256/") else None
                if stream is not None:
                    digest = oci.bytes_content(stream.read()).digest
                    assert member.name == f"blobs/sha256/{digest.removeprefix('sha256:')}"

    def test_the_image_is_named_and_configured(self, tmp_path: Path, program: Path) -> None:
        with tarfile.open(built(tmp_path, program)) as archive:
            assert read(archive, "oci-layout") == {"imageLayoutVersion": "1.0.0"}
            entry = read(archive, "index.json")["manifests"][0]
            manifest = read(archive, f"blobs/sha256/{entry['digest'][7:]}")
            config = read(archive, f"blobs/sha256/{manifest['config']['digest'][7:]}")
        assert entry["annotations"]["io.containerd.image.name"] == "registry.k8s.io/program:v1"
        assert entry["annotations"]["org.opencontainers.image.ref.name"] == "v1"
        assert (config["architecture"], config["os"]) == ("arm64", "linux")
        assert config["config"]["Entrypoint"] == ["/usr/local/bin/program"]
        assert config["config"]["User"] == "65535:65535"
        assert config["rootfs"]["diff_ids"] == [layer["digest"] for layer in manifest["layers"]]

    def test_layers_have_executables_their_folders_and_tmp(self, tmp_path: Path, program: Path) -> None:
        oci.write_layer(tmp_path / "layer", {"usr/local/bin/program": program})
        with tarfile.open(tmp_path / "layer") as archive:
            modes = {member.name: (member.mode, member.uid, member.mtime) for member in archive}
        assert modes == {
            "usr": (0o755, 0, 0),
            "usr/local": (0o755, 0, 0),
            "usr/local/bin": (0o755, 0, 0),
            "usr/local/bin/program": (0o755, 0, 0),
            "tmp": (0o1777, 0, 0),
        }


class TestBaseLayers:
    def test_what_programs_do_not_need_is_left_out(self, tmp_path: Path) -> None:
        source = tmp_path / "source"
        for name in ("usr/sbin/xtables", "usr/share/doc/x/copyright", "usr/share/man/a", "etc/hostname", "lib/gconv/a"):
            (source / name).parent.mkdir(parents=True, exist_ok=True)
            (source / name).write_text(name)
        with tarfile.open(tmp_path / "raw", "w") as archive:
            archive.add(source, ".")
        slim(tmp_path / "raw", tmp_path / "slim", {"usr/sbin/iptables": "xtables"})
        with tarfile.open(tmp_path / "slim") as archive:
            members = {member.name.removeprefix("./"): member for member in archive}
        assert [name for name, member in members.items() if member.isreg()] == ["usr/sbin/xtables"]
        assert members["usr/sbin/iptables"].linkname == "xtables"
        assert {member.mtime for member in members.values()} == {0}
