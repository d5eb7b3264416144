"""The verb ``init``: what it writes can be loaded, is complete, and is never written over something."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from kubewright.cli import init
from kubewright.engine.inputs import read_inputs
from kubewright.engine.request import Request
from kubewright.errors import BadInputError, KubewrightError
from kubewright.inventory import Inventory, load


def run(*arguments: str, stdin: str = "") -> KubewrightError | None:
    done = CliRunner().invoke(init.app, list(arguments), input=stdin)
    if isinstance(done.exception, KubewrightError):
        return done.exception
    assert done.exit_code == 0, done.output
    return None


def made(folder: Path, *arguments: str, stdin: str = "") -> Inventory:
    """Make an inventory that has to be one that can be deployed."""
    assert run(str(folder), *arguments, stdin=stdin) is None
    inventory = load([str(folder)])
    inputs = read_inputs(inventory, Request("deploy"), sources=[str(folder)])
    assert inputs.notices == ()
    return inventory


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "inventory" / "mine"


class TestFlags:
    def test_hosts_of_both_kinds(self, folder: Path) -> None:
        inventory = made(folder, "--control-plane", "192.0.2.11", "--worker", "192.0.2.21,192.0.2.22", "--user", "root")
        assert inventory.groups["kube_control_plane"] == ("cp1",)
        assert inventory.groups["kube_node"] == ("worker1", "worker2")
        assert inventory.groups["etcd"] == ("cp1",)
        assert inventory["worker2"].variables["ansible_host"] == "192.0.2.22"
        assert "ansible_user" in inventory["cp1"].variable_names | inventory["cp1"].origins.keys()

    def test_names(self, folder: Path) -> None:
        inventory = made(folder, "--control-plane", "first=192.0.2.11", "--worker", "node1.example.org")
        assert [host.name for host in inventory.hosts] == ["first", "node1.example.org"]

    def test_control_planes_alone_take_pods(self, folder: Path) -> None:
        assert made(folder, "--control-plane", "192.0.2.11").groups["kube_node"] == ("cp1",)

    def test_a_bastion_is_no_host_of_the_cluster(self, folder: Path) -> None:
        inventory = made(folder, "--control-plane", "192.0.2.11", "--bastion", "jump.example.org")
        assert [host.name for host in inventory.hosts] == ["cp1"]
        assert "jump.example.org" in (folder / "hosts.ini").read_text()

    @pytest.mark.parametrize(
        ("arguments", "words"),
        [
            (("--control-plane", "192.0.2.11,192.0.2.12"), "odd number"),
            (("--control-plane", "192.0.2.11", "--worker", "192.0.2.11"), "named twice"),
            (("--control-plane", "cp_1"), "no IP address and no DNS name"),
            (("--control-plane", "Cp1=192.0.2.11"), "no name of a Node"),
            (("--control-plane", "{{ x }}"), "no IP address"),
            (("--worker", "192.0.2.21"), "no --control-plane"),
        ],
    )
    def test_what_makes_no_cluster(self, folder: Path, arguments: tuple[str, ...], words: str) -> None:
        error = run(str(folder), *arguments)
        assert isinstance(error, BadInputError)
        assert words in str(error)
        assert not folder.exists()


class TestStandardInput:
    def test_few_addresses(self, folder: Path) -> None:
        inventory = made(folder, stdin="# mine\n192.0.2.11\n192.0.2.12, 192.0.2.13\n")
        assert inventory.groups["kube_control_plane"] == ("cp1",)
        assert inventory.groups["kube_node"] == ("worker1", "worker2")

    def test_many_addresses(self, folder: Path) -> None:
        inventory = made(folder, stdin=" ".join(f"192.0.2.{number}" for number in range(1, 8)))
        assert len(inventory.groups["kube_control_plane"]) == 3

    def test_the_number_of_control_planes_can_be_chosen(self, folder: Path) -> None:
        inventory = made(folder, "--control-planes", "3", stdin="192.0.2.1 192.0.2.2 192.0.2.3 192.0.2.4")
        assert (len(inventory.groups["kube_control_plane"]), len(inventory.groups["kube_node"])) == (3, 1)

    @pytest.mark.parametrize(("arguments", "stdin"), [((), ""), (("--control-planes", "3"), "192.0.2.1")])
    def test_too_few(self, folder: Path, arguments: tuple[str, ...], stdin: str) -> None:
        assert isinstance(run(str(folder), *arguments, stdin=stdin), BadInputError)


class TestQuestions:
    def test_on_a_terminal(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        answers = iter(["192.0.2.11", "192.0.2.21 192.0.2.22", "admin"])
        monkeypatch.setattr(typer, "prompt", lambda *_arguments, **_options: next(answers))
        monkeypatch.setattr(sys.stdin, "isatty", lambda: True, raising=False)
        init.init(folder, [], [], "", "", "", 0, force=False)
        assert [host.name for host in load([str(folder)]).hosts] == ["cp1", "worker1", "worker2"]
        assert "ansible_user: 'admin'" in (folder / "group_vars" / "all.yml").read_text()


class TestOverwriting:
    def test_what_is_there_stays(self, folder: Path) -> None:
        folder.mkdir(parents=True)
        (folder / "hosts.ini").write_text("mine")
        error = run(str(folder), "--control-plane", "192.0.2.11")
        assert "--force" in str(error)
        assert (folder / "hosts.ini").read_text() == "mine"

    def test_with_force_only_the_inventory_is_written_anew(self, folder: Path) -> None:
        made(folder, "--control-plane", "192.0.2.11")
        (folder / "host_vars").mkdir()
        (folder / "host_vars" / "cp1.yml").write_text("node_labels: {a: b}\n")
        inventory = made(folder, "--control-plane", "192.0.2.12", "--force")
        assert inventory["cp1"].variables["ansible_host"] == "192.0.2.12"
        assert (folder / "host_vars" / "cp1.yml").exists()

    def test_a_file_is_no_folder(self, tmp_path: Path) -> None:
        path = tmp_path / "file"
        path.write_text("")
        assert "no folder" in str(run(str(path), "--control-plane", "192.0.2.11"))
