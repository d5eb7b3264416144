from __future__ import annotations

import datetime as dt
import subprocess
from pathlib import Path

import pytest

from ansible_collections.kubewright.cluster.plugins.module_utils import certificates
from ansible_collections.kubewright.cluster.plugins.module_utils.process import System
from tests.unit.node.api.made import kubeconfig_text, write
from tests.unit.node.api.pki import Pki


def openssl_not_after(path: Path) -> dt.datetime:
    text = subprocess.run(
        ["openssl", "x509", "-in", str(path), "-noout", "-enddate"], check=True, capture_output=True, text=True
    ).stdout
    return dt.datetime.strptime(text.strip(), "notAfter=%b %d %H:%M:%S %Y GMT").replace(tzinfo=dt.UTC)


class TestNotAfter:
    @pytest.mark.parametrize("name", ["ca", "server", "client"])
    def test_agrees_with_openssl(self, pki: Pki, name: str) -> None:
        assert certificates.not_after(pki.pem(f"{name}.crt")) == openssl_not_after(pki.directory / f"{name}.crt")

    def test_after_2049_it_is_a_generalized_time(self, tmp_path: Path) -> None:
        argv = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
        argv += ["-keyout", "k", "-out", "c", "-subj", "/CN=x", "-days", "20000"]
        subprocess.run(argv, cwd=tmp_path, check=True, capture_output=True)
        assert certificates.not_after((tmp_path / "c").read_bytes()) == openssl_not_after(tmp_path / "c")

    @pytest.mark.parametrize("cut", [0, 60, 200])
    def test_what_is_cut_short_is_an_error(self, pki: Pki, cut: int) -> None:
        pem = pki.pem("ca.crt")
        lines = pem[:cut] + b"\n-----END CERTIFICATE-----\n"
        with pytest.raises(ValueError, match=r"certificate|padding|base64"):
            certificates.not_after(lines)


class TestExpiries:
    def test_has_every_certificate_and_says_which_is_damaged(self, system: System, pki: Pki) -> None:
        write(system, "/etc/kubernetes/ssl/ca.crt", pki.pem("ca.crt"))
        write(system, "/etc/kubernetes/ssl/etcd/server.crt", b"rubbish")
        write(system, "/etc/kubernetes/admin.conf", kubeconfig_text(pki, "https://x:1"))
        write(system, "/etc/kubernetes/kubelet.conf", "half")
        found = {entry["name"]: entry for entry in certificates.expiries(system, "/etc/kubernetes/ssl")}
        assert set(found) == {"ca", "etcd/server", "admin.conf", "kubelet.conf"}
        assert found["ca"]["not_after"].endswith("Z")
        assert "error" in found["etcd/server"]
        assert "error" in found["kubelet.conf"]
