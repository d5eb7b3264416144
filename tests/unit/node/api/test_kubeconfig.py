from __future__ import annotations

import json

import pytest

from ansible_collections.kubewright.cluster.plugins.module_utils import kubeconfig, plainyaml
from ansible_collections.kubewright.cluster.plugins.module_utils.errors import NodeError
from ansible_collections.kubewright.cluster.plugins.module_utils.process import System
from tests.unit.node.api.made import join_cluster_files, kubeconfig_text, write
from tests.unit.node.api.pki import Pki


class TestPlainYaml:
    @pytest.mark.parametrize(
        ("text", "value"),
        [
            ("a: 1\nb:\n  c: d e\n", {"a": "1", "b": {"c": "d e"}}),
            ("a:\n- b\n- c: 1\n  d: 2\n", {"a": ["b", {"c": "1", "d": "2"}]}),
            ("a:\n  - b: 1\n", {"a": [{"b": "1"}]}),
            ("a: \"x: #y\"\nb: 'it''s'\n", {"a": "x: #y", "b": "it's"}),
            ("# c\n---\na: {}\nb: []\nc: null\nd:\n", {"a": {}, "b": [], "c": None, "d": None}),
            ("a: https://1.2.3.4:6443 # why\n", {"a": "https://1.2.3.4:6443"}),
            ('{"a": [1]}', {"a": [1]}),
            ("", None),
        ],
    )
    def test_reads_what_kubernetes_writes(self, text: str, value: object) -> None:
        assert plainyaml.parse(text) == value

    @pytest.mark.parametrize(
        "text",
        [
            "a: &x 1",
            "a: |\n  b",
            "a: [1, 2]",
            "a: {b: c}",
            "just text",
            "a: 1\na: 2",
            "a: 1\n   b: 2",
            "\ta: 1",
            "a: 'x",
            "{a",
        ],
    )
    def test_refuses_what_it_does_not_know(self, text: str) -> None:
        with pytest.raises(plainyaml.PlainYamlError):
            plainyaml.parse(text)


class TestLoad:
    def test_credentials_inside(self, system: System, pki: Pki) -> None:
        write(system, kubeconfig.ADMIN_CONF, kubeconfig_text(pki, "https://10.0.0.1:6443"))
        config = kubeconfig.load(system, kubeconfig.ADMIN_CONF)
        assert config.server == "https://10.0.0.1:6443"
        assert config.ca_pem == pki.pem("ca.crt")
        assert config.client is not None
        assert config.client.key == pki.pem("client.key")

    def test_credentials_in_files(self, system: System, pki: Pki) -> None:
        join_cluster_files(system, pki, "https://127.0.0.1:6443")
        config = kubeconfig.load(system, kubeconfig.KUBELET_CONF)
        assert config.client is not None
        assert config.client.certificate.startswith(b"-----BEGIN CERTIFICATE")

    @pytest.mark.parametrize("cut", [0, 40, 400])
    def test_a_half_written_file_is_an_error_that_names_it(self, system: System, pki: Pki, cut: int) -> None:
        write(system, kubeconfig.ADMIN_CONF, kubeconfig_text(pki, "https://10.0.0.1:6443")[:cut])
        with pytest.raises(NodeError, match=r"/etc/kubernetes/admin\.conf"):
            kubeconfig.load(system, kubeconfig.ADMIN_CONF)

    def test_a_missing_file(self, system: System) -> None:
        with pytest.raises(NodeError, match="No such file"):
            kubeconfig.load(system, kubeconfig.ADMIN_CONF)


class TestDiscovery:
    def test_names_server_ca_and_token_and_is_read_back(self, system: System, pki: Pki) -> None:
        text = kubeconfig.with_token("https://10.0.0.1:6443", pki.pem("ca.crt"), "abcdef.0123456789abcdef")
        config = kubeconfig.parse_text(system, text)
        assert (config.server, config.token) == ("https://10.0.0.1:6443", "abcdef.0123456789abcdef")
        assert config.ca_pem == pki.pem("ca.crt")
        assert json.loads(text)["kind"] == "Config"


class TestServer:
    def test_only_the_server_changes(self, pki: Pki) -> None:
        before = kubeconfig_text(pki, "https://10.0.0.1:6443")
        after = kubeconfig.with_server(before, "https://127.0.0.1:6443")
        assert kubeconfig.server_of(after) == "https://127.0.0.1:6443"
        assert after.replace("https://127.0.0.1:6443", "https://10.0.0.1:6443") == before

    @pytest.mark.parametrize("text", ["kind: Config\n", "  server: a\n  server: b\n"])
    def test_none_or_several_servers_are_refused(self, text: str) -> None:
        with pytest.raises(ValueError, match="servers"):
            kubeconfig.with_server(text, "https://x")
