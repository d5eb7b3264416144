"""The verbs of `kubewright artifacts`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from kubewright.artifacts.store import Store
from kubewright.cli.artifacts import app
from kubewright.errors import ArtifactError, BadInputError
from tests.unit.artifacts.imitation import Imitation


def run(*arguments: str) -> Result:
    return CliRunner().invoke(app, list(arguments))


@pytest.fixture
def fetched(publisher: Imitation, store: Store) -> dict[str, object]:
    result = run("fetch", "--source", "mirror", "--mirror", publisher.url, "--architecture", "amd64", "-o", "json")
    assert result.exit_code == 0, result.output
    found = json.loads(result.stdout)
    assert isinstance(found, dict)
    return found


class TestVerbs:
    @pytest.mark.parametrize("verb", ["list", "build", "fetch", "bundle", "verify"])
    def test_help_has_examples(self, verb: str) -> None:
        output = run(verb, "--help").output
        assert "Example" in output
        assert f"kubewright artifacts {verb}" in output

    def test_list_names_sources_and_what_is_cached(self, fetched: dict[str, object], publisher: Imitation) -> None:
        result = run("list", "--mirror", publisher.url, "--architecture", "amd64", "-o", "json")
        rows = json.loads(result.stdout)["artifacts"]
        assert all(row["version_source"] and row["upstream_source"] for row in rows)
        assert {source for row in rows for source in row["cached"]} == {"mirror"}

    def test_list_is_a_table_by_default(self, store: Store) -> None:
        output = run("list", "--kubernetes", "1.36.3").output
        assert "Kubernetes 1.36.3" in output
        assert "etcdctl" in output

    def test_fetch_says_what_it_got(self, fetched: dict[str, object]) -> None:
        assert fetched["source"] == "mirror"
        assert len(fetched["artifacts"]) == 17  # type: ignore[arg-type]

    def test_bundle_writes_what_fetch_reads(
        self, fetched: dict[str, object], publisher: Imitation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        target = str(tmp_path / "kubernetes.tar")
        made = run("bundle", target, "--source", "mirror", "--mirror", publisher.url, "--architecture", "amd64")
        assert made.exit_code == 0
        monkeypatch.setenv("KUBEWRIGHT_CACHE", str(tmp_path / "elsewhere"))
        result = run("fetch", "--source", "bundle", "--bundle", target, "--architecture", "amd64", "-o", "json")
        assert json.loads(result.stdout)["artifacts"] == fetched["artifacts"]

    def test_verify_finds_damage_and_the_next_fetch_repairs_it(
        self, fetched: dict[str, object], publisher: Imitation, store: Store
    ) -> None:
        assert run("verify").exit_code == 0
        digest = store.digests()[0]
        data = store.path(digest).read_bytes()
        store.path(digest).write_bytes(b"x" + data[1:])
        result = run("verify")
        assert isinstance(result.exception, ArtifactError)
        assert digest in str(result.exception)
        run("fetch", "--source", "mirror", "--mirror", publisher.url, "--architecture", "amd64")
        assert store.path(digest).read_bytes() == data

    def test_building_is_from_modules_only(self, store: Store) -> None:
        assert isinstance(run("build", "--source", "upstream").exception, BadInputError)

    def test_an_unknown_version_is_refused(self, store: Store) -> None:
        assert isinstance(run("fetch", "--kubernetes", "1.0.0").exception, BadInputError)
