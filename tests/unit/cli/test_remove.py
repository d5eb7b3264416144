"""Nothing is taken away that nobody confirmed, and nobody is waited for without a terminal."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from kubewright.cli import remove as verbs
from kubewright.errors import BadInputError


@pytest.fixture
def inventory(tmp_path: Path) -> str:
    """An inventory of one control plane, in a cluster called mine."""
    variables = {
        "cluster_name": "mine",
        "kube_network_plugin": "flannel",
        "kube_proxy_mode": "iptables",
        "etcd_deployment_type": "kubeadm",
    }
    children: dict[str, object] = {"kube_control_plane": {"hosts": {"cp1": {}}}}
    path = tmp_path / "hosts.json"
    path.write_text(json.dumps({"all": {"vars": variables, "children": children}}))
    return str(path)


@pytest.fixture
def done(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, dict[str, Any]]]:
    """The playbooks that would have been run."""
    calls: list[tuple[str, dict[str, Any]]] = []
    monkeypatch.setattr(verbs, "change", lambda playbook, _options, **variables: calls.append((playbook, variables)))
    return calls


def refusal(*arguments: str) -> str:
    """What a command that must be refused as bad input says."""
    result = CliRunner().invoke(verbs.app, arguments)
    assert isinstance(result.exception, BadInputError), result.output
    return str(result.exception)


@pytest.mark.usefixtures("done")
class TestRefused:
    def test_remove_of_nobody(self, inventory: str) -> None:
        assert "--limit" in refusal("remove", "-i", inventory, "--yes")

    def test_remove_without_a_terminal(self, inventory: str) -> None:
        assert "--yes" in refusal("remove", "-i", inventory, "--limit", "w1")

    @pytest.mark.parametrize("arguments", [(), ("--yes",), ("--confirm", "mine"), ("--yes", "--confirm", "yours")])
    def test_reset_without_the_name(
        self, inventory: str, arguments: tuple[str, ...], done: list[tuple[str, dict[str, Any]]]
    ) -> None:
        assert "--confirm mine" in refusal("reset", "-i", inventory, *arguments)
        assert done == []


class TestConfirmed:
    def test_remove(self, inventory: str, done: list[tuple[str, dict[str, Any]]]) -> None:
        CliRunner().invoke(verbs.app, ["remove", "-i", inventory, "--limit", "w1", "--yes", "--offline"])
        ((playbook, variables),) = done
        assert playbook == "remove_node"
        assert variables == {
            "confirmed": True,
            "kubewright_force": "",
            "kubewright_offline": True,
            "kubewright_strict": False,
            "skip_confirmation": True,
        }

    def test_what_else_a_removal_is_told(self, inventory: str, done: list[tuple[str, dict[str, Any]]]) -> None:
        options = ("--drain-timeout", "30", "--max-failures", "1")
        CliRunner().invoke(verbs.app, ["remove", "-i", inventory, "--limit", "w1", "--yes", *options])
        ((_, variables),) = done
        assert variables["kubewright_drain_timeout"] == 30
        assert variables["kubewright_max_failures"] == 1

    @pytest.mark.parametrize("value", ["0", "10m"])
    def test_a_wrong_drain_timeout_is_a_usage_error(
        self, inventory: str, done: list[tuple[str, dict[str, Any]]], value: str
    ) -> None:
        arguments = ["remove", "-i", inventory, "--limit", "w1", "--yes", "--drain-timeout", value]
        assert CliRunner().invoke(verbs.app, arguments).exit_code != 0
        assert done == []

    def test_reset(self, inventory: str, done: list[tuple[str, dict[str, Any]]]) -> None:
        CliRunner().invoke(verbs.app, ["reset", "-i", inventory, "--yes", "--confirm", "mine"])
        assert [playbook for playbook, _ in done] == ["reset"]

    @pytest.mark.parametrize("verb", [("remove", "--limit", "w1"), ("reset",)])
    def test_a_dry_run_needs_no_confirmation(
        self, inventory: str, verb: tuple[str, ...], done: list[tuple[str, dict[str, Any]]]
    ) -> None:
        CliRunner().invoke(verbs.app, [*verb, "-i", inventory, "--dry-run"])
        assert len(done) == 1
