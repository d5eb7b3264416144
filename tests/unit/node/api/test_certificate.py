"""A certificate is issued anew for other names, beside the old one, and put in its place in whole."""

from __future__ import annotations

import shutil
import ssl
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.kubewright.cluster.plugins.module_utils import certificates, serving
from ansible_collections.kubewright.cluster.plugins.module_utils.convergence import Outcome, converge
from ansible_collections.kubewright.cluster.plugins.module_utils.errors import NodeError
from ansible_collections.kubewright.cluster.plugins.module_utils.resources import certificate
from tests.unit.node.api.pki import Pki, serve
from tests.unit.node.api.plane import CERTIFICATES, CONFIGURATION, Plane
from tests.unit.node.api.simulated import KilledError
from tests.unit.node.fake import context_of

HAS = ["127.0.0.1", "localhost"]
"""What the test server's certificate is for."""


@pytest.fixture
def plane(pki: Pki, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Plane]:
    monkeypatch.setattr(certificate, "_SHOWN_SECONDS", 0.3)
    made = Plane(tmp_path, pki=pki)
    with serve(pki, made.answer) as server:
        made.url = server.url
        made.make()

        def shown(_server: serving.Server, _context: ssl.SSLContext | None = None, _timeout: float = 0.5) -> bytes:
            """A server that reads its files again, as API servers do."""
            return certificates.der_of(made.path(f"{CERTIFICATES}/apiserver.crt").read_bytes())

        monkeypatch.setattr(serving, "certificate", shown)
        yield made


def document(plane: Plane, *required: str, allowed: tuple[str, ...] = ()) -> dict[str, Any]:
    resource = {
        "type": "certificate",
        "id": "certificate:apiserver",
        "name": "apiserver",
        "phase": "apiserver",
        "authority": "ca",
        "directory": CERTIFICATES,
        "address": plane.url.removeprefix("https://"),
        "required": list(required),
        "allowed": list(allowed),
    }
    return {"format": 1, "host": "cp1", "kubeadm": CONFIGURATION, "resources": [resource]}


def check(plane: Plane, *required: str, allowed: tuple[str, ...] = ()) -> Outcome:
    return converge(document(plane, *required, allowed=allowed), context_of(plane), check=True)


def apply(plane: Plane, *required: str, allowed: tuple[str, ...] = ()) -> Outcome:
    plane.names = [*required, *allowed]
    return converge(document(plane, *required, allowed=allowed), context_of(plane))


def names(plane: Plane) -> set[str]:
    return set(certificates.of_der(certificates.der_of(pair(plane)[0]))[1])


def pair(plane: Plane) -> tuple[bytes, bytes]:
    folder = plane.path(CERTIFICATES)
    return (folder / "apiserver.crt").read_bytes(), (folder / "apiserver.key").read_bytes()


def assert_whole(plane: Plane) -> None:
    """Key and certificate belong together."""
    folder = plane.path(CERTIFICATES)
    public = [
        subprocess.run(command, cwd=folder, check=True, capture_output=True).stdout
        for command in (
            ["openssl", "x509", "-in", "apiserver.crt", "-noout", "-pubkey"],
            ["openssl", "pkey", "-in", "apiserver.key", "-pubout"],
        )
    ]
    assert public[0] == public[1]


class TestFinding:
    @pytest.mark.parametrize(
        ("required", "allowed", "changed"),
        [
            (HAS, (), False),
            (["localhost"], ("127.0.0.1",), False),
            (HAS, ("cp2",), False),
            ([*HAS, "api.example.net"], (), True),
            (["127.0.0.1"], (), True),
        ],
        ids=["as it is", "all allowed", "a later control plane's name may lack", "a new name", "a name nobody wants"],
    )
    def test_names(self, plane: Plane, required: list[str], allowed: tuple[str, ...], changed: bool) -> None:
        assert check(plane, *required, allowed=allowed).changed is changed

    def test_the_difference_is_that_of_the_names(self, plane: Plane) -> None:
        (change,) = check(plane, *HAS, "api.example.net").changes
        assert "+api.example.net\n" in change.diff
        assert change.path == f"{CERTIFICATES}/apiserver.crt"
        assert "PRIVATE" not in str(change.to_json())

    def test_addresses_are_compared_as_such(self, plane: Plane) -> None:
        apply(plane, *HAS, "2001:db8::1")
        assert not check(plane, *HAS, "2001:DB8:0:0::1").changed

    def test_one_that_cannot_be_read_is_issued(self, plane: Plane) -> None:
        plane.path(f"{CERTIFICATES}/apiserver.crt").write_text("damaged")
        assert "none that can be read" in check(plane, *HAS).changes[0].summary
        apply(plane, *HAS)
        assert names(plane) == set(HAS)


class TestKey:
    """A certificate is worth what its key is."""

    KEY = f"{CERTIFICATES}/apiserver.key"

    @pytest.mark.parametrize("content", [None, "damaged", "another one's"])
    def test_one_that_was_lost_or_exchanged_is_issued_anew(self, plane: Plane, content: str | None) -> None:
        if content is None:
            plane.path(self.KEY).unlink()
        else:
            text = plane.pki.pem("client.key").decode() if content == "another one's" else content
            plane.path(self.KEY).write_text(text)
        before = plane.path(f"{CERTIFICATES}/apiserver.crt").read_bytes()
        (change,) = check(plane, *HAS).changes
        assert change.summary.endswith("its key is not there or another one's")
        assert "PRIVATE" not in str(change.to_json())
        apply(plane, *HAS)
        assert plane.path(f"{CERTIFICATES}/apiserver.crt").read_bytes() != before
        assert_whole(plane)
        assert not check(plane, *HAS).changed

    def test_one_that_others_can_read_is_closed_and_nothing_is_issued(self, plane: Plane) -> None:
        before = pair(plane)
        plane.path(self.KEY).chmod(0o644)
        (change,) = check(plane, *HAS).changes
        assert (change.before, change.after, change.path) == ("0644", "0600", self.KEY)
        apply(plane, *HAS)
        assert plane.path(self.KEY).stat().st_mode & 0o777 == 0o600
        assert pair(plane) == before
        assert not check(plane, *HAS).changed


class TestApplying:
    def test_a_new_pair_is_in_place_and_nothing_of_its_making_is_left(self, plane: Plane) -> None:
        before = pair(plane)
        apply(plane, *HAS, "api.example.net", allowed=("cp2",))
        assert names(plane) == {*HAS, "api.example.net", "cp2"}
        assert before[1] != pair(plane)[1]
        assert_whole(plane)
        assert plane.path(f"{CERTIFICATES}/apiserver.key").stat().st_mode & 0o777 == 0o600
        assert list(plane.path("/etc/kubewright/certificates").iterdir()) == []
        assert not check(plane, *HAS, "api.example.net", allowed=("cp2",)).changed

    def test_the_old_one_stays_where_kubeadm_fails(self, plane: Plane, monkeypatch: pytest.MonkeyPatch) -> None:
        before = pair(plane)
        monkeypatch.setattr(Plane, "_issue", lambda _plane, _folder: None)
        with pytest.raises(NodeError, match="issued apiserver for nobody"):
            apply(plane, *HAS, "api.example.net")
        assert pair(plane) == before

    def test_a_server_that_goes_on_with_the_old_one_is_an_error(
        self, plane: Plane, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        old = certificates.der_of(pair(plane)[0])
        monkeypatch.setattr(serving, "certificate", lambda _server, _context: old)
        with pytest.raises(NodeError, match=r"certificate apiserver at 127.0.0.1:\d+: not within"):
            apply(plane, *HAS, "api.example.net")
        assert check(plane, *HAS, "api.example.net").changed, "the next run looks at the server again"


class TestKills:
    """A kill before any step leaves a pair that can be read again, and the same command completes it."""

    def test_at_every_step(self, plane: Plane, monkeypatch: pytest.MonkeyPatch) -> None:
        plane.die_at_steps(monkeypatch)
        first = pair(plane)
        wanted = (*HAS, "api.example.net")
        apply(plane, *wanted)
        total = plane.steps
        assert total > 5
        for moment in range(total):
            for kind, content in zip(("crt", "key"), first, strict=True):
                plane.path(f"{CERTIFICATES}/apiserver.{kind}").write_bytes(content)
            plane.steps, plane.kill_at = 0, moment
            with pytest.raises(KilledError):
                apply(plane, *wanted)
            plane.kill_at = -1
            assert check(plane, *wanted).changed or names(plane) == set(wanted)
            apply(plane, *wanted)
            assert names(plane) == set(wanted)
            assert_whole(plane)
            assert not check(plane, *wanted).changed

    def test_a_pair_that_lies_ready_for_other_names_is_not_used(self, plane: Plane) -> None:
        ready = plane.path("/etc/kubewright/certificates/apiserver")
        ready.mkdir(parents=True)
        for kind in ("crt", "key"):
            shutil.copy(plane.pki.directory / f"server.{kind}", ready / f"apiserver.{kind}")
        apply(plane, *HAS, "api.example.net")
        assert names(plane) == {*HAS, "api.example.net"}
