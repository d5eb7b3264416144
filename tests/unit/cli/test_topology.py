"""The verb ``topology`` as a shell sees it."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from kubewright.cli.topology import app
from kubewright.errors import KubewrightError

HOSTS = """\
[kube_control_plane]
cp1 ansible_host=192.0.2.11 ip=10.0.0.11 access_ip=192.0.2.11

[kube_node]
w[1:2]

[bastion]
jump ansible_host=192.0.2.1

[all:vars]
kube_network_plugin=calico
greeting="{{ not_there }}"
"""


@pytest.fixture
def inventory(tmp_path: Path) -> Path:
    path = tmp_path / "hosts.ini"
    path.write_text(HOSTS)
    return path


def remember(inventory: Path, host: str, address: str, *, hours: float = 0) -> None:
    folder = inventory.parent / ".kubewright"
    folder.mkdir(exist_ok=True)
    entry = {"address": address, "time": time.time() - hours * 3600}
    (folder / "addresses.json").write_text(json.dumps({host: entry}))


def run(inventory: Path, *arguments: str, code: int = 0) -> str:
    done = CliRunner().invoke(app, ["-i", str(inventory), *arguments], catch_exceptions=True)
    if isinstance(done.exception, KubewrightError):
        assert done.exception.exit_code == code
        return str(done.exception)
    assert done.exit_code == code, done.output
    return done.output


def facts(inventory: Path, *arguments: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(run(inventory, "-o", "json", *arguments))["hosts"]
    return found


class TestHosts:
    def test_cluster_hosts_with_origins_and_no_other(self, inventory: Path) -> None:
        found = facts(inventory)
        assert list(found) == ["cp1", "w1", "w2"]
        assert found["cp1"]["main_ip"]["value"] == "10.0.0.11"
        assert found["cp1"]["main_ip"]["origin"].endswith("hosts.ini:2")
        assert found["cp1"]["ssh_address"]["value"] == "192.0.2.11"

    def test_a_host_that_nothing_gives_is_listed_with_the_remedy(self, inventory: Path) -> None:
        shown = run(inventory)
        assert "Set ip for w1 in the inventory, or make the host reachable." in shown

    def test_addresses_of_earlier_runs(self, inventory: Path) -> None:
        remember(inventory, "w1", "10.0.0.21")
        found = facts(inventory)
        assert (found["w1"]["main_ip"]["value"], found["w2"]["main_ip"]["value"]) == ("10.0.0.21", None)

    def test_no_connection_and_no_file(self, inventory: Path) -> None:
        run(inventory)
        assert [path.name for path in inventory.parent.iterdir()] == ["hosts.ini"]

    def test_what_is_wrong_is_bad_input(self, inventory: Path) -> None:
        inventory.write_text(HOSTS.replace("10.0.0.11", "127.0.0.1"))
        run(inventory, code=3)


class TestExplain:
    def test_what_was_tried(self, inventory: Path) -> None:
        remember(inventory, "w1", "10.0.0.21", hours=30)
        shown = run(inventory, "--explain", "w1", "main_access_ip")
        for words in ("access_ip: nothing (access_ip is not set", "10.0.0.21 was found 30 h ago", "Set ip for w1"):
            assert words in shown

    def test_a_variable_of_the_inventory(self, inventory: Path) -> None:
        shown = run(inventory, "--explain", "w1", "kube_network_plugin")
        assert "kube_network_plugin of w1: calico" in shown
        assert "hosts.ini:11" in shown

    def test_a_variable_of_somebody_elses_is_not_shown(self, inventory: Path) -> None:
        shown = run(inventory, "--explain", "w1", "greeting")
        assert "not shown" in shown
        assert "hosts.ini:12" in shown

    def test_a_proxys_password_is_not_shown(self, inventory: Path) -> None:
        inventory.write_text(HOSTS + "http_proxy=http://user:hunter2@proxy:3128\n")
        assert "http_proxy of w1: http://***@proxy:3128" in run(inventory, "--explain", "w1", "http_proxy")

    @pytest.mark.parametrize(
        ("host", "variable", "words"),
        [("w9", "main_ip", "Name one of: cp1, w1, w2"), ("w1", "mainip", "Computed are: node_name")],
    )
    def test_what_there_is_not(self, inventory: Path, host: str, variable: str, words: str) -> None:
        assert words in run(inventory, "--explain", host, variable, code=3)

    def test_as_json(self, inventory: Path) -> None:
        shown = json.loads(run(inventory, "-o", "json", "--explain", "cp1", "main_access_ip"))
        assert (shown["value"], shown["host"]) == ("192.0.2.11", "cp1")
        assert shown["tried"][0]["source"] == "access_ip"
