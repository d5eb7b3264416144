"""The verb ``validate`` as a shell sees it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from kubewright.cli.validate import app

GIVEN = "kube_network_plugin: flannel\nkube_proxy_mode: iptables\netcd_deployment_type: kubeadm\n"
HOSTS = "[kube-master]\ncp1 ip=10.0.0.1\n[kube_node]\nw1 ip=10.0.0.2\nw2\n"


@pytest.fixture
def inventory(tmp_path: Path) -> Path:
    (tmp_path / "hosts.ini").write_text(HOSTS)
    (tmp_path / "group_vars").mkdir()
    return tmp_path / "hosts.ini"


def give(inventory: Path, text: str, *, required: bool = True) -> None:
    (inventory.parent / "group_vars" / "all.yml").write_text((GIVEN if required else "") + text)


def run(inventory: Path, *arguments: str, code: int = 0) -> str:
    done = CliRunner().invoke(app, ["-i", str(inventory), *arguments])
    assert done.exit_code == code, done.output
    return done.output


def report(inventory: Path, *arguments: str, code: int = 0) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(run(inventory, "-o", "json", *arguments, code=code))
    return found


class TestReport:
    def test_of_a_good_inventory(self, inventory: Path) -> None:
        give(inventory, "helm_enabled: false\n")
        text = run(inventory)
        assert "kube-master is read as kube_control_plane" in text
        assert "Hosts: 3 hosts, 1 control planes, 2 workers" in text
        assert "asked (1): w2" in text
        assert text.endswith("No errors.\n")

    def test_what_is_ignored_is_listed_with_its_place(self, inventory: Path) -> None:
        give(inventory, "helm_enabled: true\ncalico_mtu: 1440\ndashboard_enabled: true\nsite: north\n")
        text = run(inventory)
        assert "all.yml:4: helm_enabled is accepted, not yet honoured" in text
        assert "all.yml:5: calico_mtu is not applicable here" in text
        assert "all.yml:6: dashboard_enabled was removed in Kubespray 2.31" in text
        assert "all.yml:7: not known, and taken for variables of your own: site" in text

    def test_names_with_one_reason_share_a_line(self, inventory: Path) -> None:
        give(inventory, "calico_mtu: 1440\ncalico_ipip_mode: Always\n")
        assert "calico_ipip_mode, calico_mtu are not applicable here, because they belong" in run(inventory)

    def test_errors_come_first_and_all_at_once(self, inventory: Path) -> None:
        give(inventory, "kube_apiserver_port: many\nkube_encrypt_secret_data: true\nkube_pods_subnett: x\n")
        lines = run(inventory, code=3).splitlines()
        assert lines[0] == "Errors (2):"
        assert any("all.yml:4: kube_apiserver_port is 'many'" in line for line in lines)
        assert any("all.yml:5: kube_encrypt_secret_data is True" in line for line in lines)
        assert any("did you mean kube_pods_subnet?" in line for line in lines)
        assert lines[-1] == "2 errors."

    def test_what_must_be_given_lists_the_supported_values(self, inventory: Path) -> None:
        give(inventory, "", required=False)
        text = run(inventory, code=3)
        assert "kube_network_plugin: not given, and Kubespray's default, calico, is not supported yet" in text
        assert "Supported: flannel" in text

    def test_addresses_and_versions_are_judged_too(self, inventory: Path) -> None:
        inventory.write_text(HOSTS.replace("10.0.0.2", "10.0.0.1"))
        give(inventory, "kube_version: 1.2.3\n")
        text = run(inventory, code=3)
        assert "same address 10.0.0.1" in text
        assert "1.2.3" in text

    def test_wrong_addresses_are_told_beside_unsupported_settings(self, inventory: Path) -> None:
        inventory.write_text(HOSTS.replace("10.0.0.2", "10.0.0.1"))
        give(inventory, "", required=False)
        assert "same address 10.0.0.1" in run(inventory, code=3)

    def test_unreadable(self, inventory: Path) -> None:
        give(inventory, "a: [\n")
        text = run(inventory, code=3)
        assert text.startswith("Errors (1):")
        assert "all.yml" in text

    def test_an_even_number_of_members_is_noted(self, inventory: Path) -> None:
        inventory.write_text(HOSTS.replace("[kube_node]", "cp2 ip=10.0.0.9\n[kube_node]"))
        give(inventory, "")
        assert "2 members are even" in run(inventory)


class TestStrict:
    @pytest.mark.parametrize("line", ["helm_enabled: true", "kube_pods_subnett: 10.0.0.0/8", "ansible_becom: true"])
    def test_refuses(self, inventory: Path, line: str) -> None:
        give(inventory, line + "\n")
        run(inventory)
        name = line.split(":", maxsplit=1)[0]
        assert report(inventory, "--strict", code=3)["errors"][0]["cause"].startswith(name)

    @pytest.mark.parametrize("line", ["helm_enabled: false", "site: north", "calico_mtu: 1440"])
    def test_accepts(self, inventory: Path, line: str) -> None:
        give(inventory, line + "\n")
        run(inventory, "--strict")


class TestJson:
    def test_has_every_name_with_its_state(self, inventory: Path) -> None:
        give(inventory, "helm_enabled: true\nregistry_enabled: false\nkube_nod: x\n")
        found = report(inventory)
        states = {each["name"]: (each["state"], each["ignored"], each["hosts"]) for each in found["settings"]["names"]}
        assert states["helm_enabled"] == ("accepted, not yet honoured", True, 3)
        assert states["registry_enabled"] == ("honoured", False, 3)
        assert states["kube_nod"] == ("unknown", True, 3)
        assert states["ip"] == ("honoured", False, 2)
        assert found["valid"] is True
        assert found["groups"]["renamed"] == {"kube-master": "kube_control_plane"}
        assert found["hosts"]["without_address"] == ["w2"]
        assert sum(found["settings"]["counts"].values()) == len(states)

    def test_of_errors(self, inventory: Path) -> None:
        give(inventory, "kube_apiserver_port: many\n")
        found = report(inventory, code=3)
        assert found["valid"] is False
        assert found["errors"][0]["subject"].endswith("all.yml:4")
        assert found["errors"][0]["remedy"]
