"""The verb ``settings`` as a shell sees it."""

from __future__ import annotations

import json

import pytest
from typer.testing import CliRunner

from kubewright.cli.settings import app
from kubewright.errors import BadInputError
from kubewright.settings import HONOURED_NAMES, State, kubespray
from kubewright.settings.entries import entries


def run(*arguments: str) -> str:
    done = CliRunner().invoke(app, list(arguments))
    assert done.exit_code == 0, done.output
    return done.output


class TestOne:
    @pytest.mark.parametrize(
        ("name", "lines"),
        [
            ("kube_proxy_mode", ["State: honoured", "Accepted: iptables, nftables", "Given for: the whole cluster"]),
            ("ip", ["State: honoured", "Given for: each host"]),
            (
                "calico_mtu",
                ["State: accepted, not yet honoured", "Values: integer, bytes", "kube_network_plugin is calico"],
            ),
            ("kube_encrypt_secret_data", ["any other value is an error", "Accepted: false"]),
            ("metallb_ip_range", ["State: removed", "use metallb_config"]),
            ("etcd_member_name", ["State: not applicable here"]),
            ("event_ttl_duration", ["Kubespray's default: 1h0m0s", "Values: text, duration"]),
        ],
    )
    def test_says(self, name: str, lines: list[str]) -> None:
        text = run(name)
        assert all(line in text for line in lines), text

    def test_json(self) -> None:
        assert json.loads(run("kubelet_max_pods", "-o", "json"))["default"] == "110"

    def test_unknown(self) -> None:
        done = CliRunner().invoke(app, ["kube_pods_subnett"])
        assert isinstance(done.exception, BadInputError)
        assert "kube_pods_subnet," in done.exception.remedy


class TestAll:
    def test_honoured_ones(self) -> None:
        assert {line.split(":")[0] for line in run().splitlines()} == HONOURED_NAMES

    def test_every_one(self) -> None:
        listed = {entry["name"] for entry in json.loads(run("--all", "-o", "json"))}
        assert listed >= kubespray.load().keys()


class TestEntries:
    def test_all_that_the_sample_inventory_mentions_are_typed_and_documented(self) -> None:
        sample = [name for name, entry in kubespray.load().items() if entry.sample and not entry.last]
        assert len(sample) > 600
        assert [name for name in sample if not entries()[name].text or not entries()[name].kind] == []

    def test_states(self) -> None:
        assert {entry.state for entry in entries().values()} == set(State) - {State.UNKNOWN}
