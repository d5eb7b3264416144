"""Secrets are looked for in all that a run leaves and shows: its folder, process lists and the nodes' journals."""

from __future__ import annotations

import base64
import contextlib
import re
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.lab.support.cluster import Cluster
from tests.lab.support.commands import run
from tests.lab.support.lab import TestLab, lab_up
from tests.lab.support.locking import started

pytestmark = [pytest.mark.lab, pytest.mark.flow, pytest.mark.full]

VAULT_PASSWORD = "correct-horse-battery-staple"
KEYS = ("/etc/kubernetes/ssl", "/etc/kubernetes/admin.conf", "/etc/kubernetes/super-admin.conf", "/var/lib/kubelet/pki")
PRIVATE = re.compile(rb"-----BEGIN [A-Z ]*PRIVATE KEY-----\n([A-Za-z0-9+/=\n]{80})")
CONFIGURED = re.compile(rb"client-key-data: ([A-Za-z0-9+/]{120})")


class Watch:
    """What was seen while a run was at work: command lines and environments of all processes, and tokens in use.

    The nodes are containers of this machine, so that its process list has theirs.
    """

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self.processes: set[bytes] = set()
        self.tokens: set[str] = set()

    def _look_at_processes(self) -> None:
        for process in Path("/proc").iterdir():
            for name in ("cmdline", "environ") if process.name.isdigit() else ():
                with contextlib.suppress(OSError):
                    self.processes.add((process / name).read_bytes())

    def _look_at_tokens(self) -> None:
        with contextlib.suppress(AssertionError):  # there is no API yet
            for secret in self._cluster.get("-n", "kube-system", "secrets")["items"]:
                if secret["type"] == "bootstrap.kubernetes.io/token":
                    self.tokens.add(base64.b64decode(secret["data"]["token-secret"]).decode())

    @contextlib.contextmanager
    def over(self) -> Iterator[None]:
        """Watch until the block ends."""
        end = threading.Event()

        def repeat(look: str, pause: float) -> None:
            while not end.wait(pause):
                getattr(self, look)()

        threads = [
            threading.Thread(target=repeat, args=("_look_at_processes", 0.05)),
            threading.Thread(target=repeat, args=("_look_at_tokens", 0.3)),
        ]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            end.set()
            for thread in threads:
                thread.join()


@pytest.fixture(scope="module")
def lab(kubernetes_version: str, keep_labs: bool) -> Iterator[TestLab]:
    """One control plane and one worker, nothing deployed yet."""
    with lab_up("secrets", control_planes=1, workers=1, kubernetes=kubernetes_version, keep=keep_labs) as booted:
        yield booted


@pytest.fixture(scope="module")
def cluster(lab: TestLab) -> Cluster:
    """The cluster on it."""
    return Cluster(lab, "cp1")


@pytest.fixture(scope="module")
def vault(lab: TestLab, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """Have the inventory's sudo password in a vault: the vault's password file, and the sudo password."""
    file = tmp_path_factory.mktemp("vault") / "password"
    file.write_text(VAULT_PASSWORD)
    (variables,) = (lab.inventory / "host_vars").glob("*.yml")
    found = re.search(r"ansible_become_password: (\S+)", variables.read_text())
    assert found
    run(("ansible-vault", "encrypt", "--vault-password-file", str(file), str(variables)), timeout=60).check()
    return file, found[1].strip("'\"")


@pytest.fixture(scope="module")
def watch(
    lab: TestLab, cluster: Cluster, vault: tuple[Path, str], tmp_path_factory: pytest.TempPathFactory
) -> tuple[Watch, Path]:
    """A deployment, and then a control plane that joins, watched; with the folder of the runs' records."""
    state = tmp_path_factory.mktemp("state")
    seen = Watch(cluster)
    with seen.over():
        for verb in ("deploy", "scale"):
            if verb == "scale":
                lab.grow(control_planes=1)
            with started(lab, verb, "--vault-password-file", str(vault[0]), "--state-dir", str(state)) as process:
                pass
            assert process.returncode == 0, lab.history[-1]
    return seen, state


@pytest.fixture(scope="module")
def secrets(lab: TestLab, vault: tuple[Path, str], watch: tuple[Watch, Path]) -> dict[str, bytes]:
    """What to look for, by what it is: the beginning of each private key as it is and as kubeconfigs have it."""
    wanted = {"the sudo password": vault[1].encode(), "the vault's password": VAULT_PASSWORD.encode()}
    wanted |= {f"the secret of token {number}": token.encode() for number, token in enumerate(sorted(watch[0].tokens))}
    for node in lab.nodes:
        found = lab.execute(node, "sh", "-c", f"find {' '.join(KEYS)} -type f 2>/dev/null").stdout.split()
        for path in found:
            text = lab.read(node, "cat", path).encode()
            for match in (*PRIVATE.finditer(text), *CONFIGURED.finditer(text)):
                wanted[f"{path} of {node}"] = match[1]
                wanted[f"{path} of {node}, encoded"] = base64.b64encode(match[0])[:80]
    return wanted


def found_in(data: bytes, secrets: dict[str, bytes]) -> list[str]:
    """Names of the secrets that some data has."""
    return [name for name, secret in secrets.items() if secret in data]


def test_there_is_something_to_look_for(secrets: dict[str, bytes], watch: tuple[Watch, Path]) -> None:
    assert watch[0].tokens, "no bootstrap token was seen while nodes joined"
    for begun in (
        b"/kubewright\0deploy\0",
        b"/kubewright\0scale\0",
        b"kubeadm\0init\0",
        b"kubeadm\0join\0",
        b"\0PATH=",
    ):
        assert any(begun in process for process in watch[0].processes), f"{begun!r} was not seen in the process list"
    for file in ("ca.key", "sa.key", "admin.conf"):
        assert any(file in name for name in secrets), f"{file} was not found on the nodes"


def test_run_folders_have_none(secrets: dict[str, bytes], watch: tuple[Watch, Path]) -> None:
    files = [path for path in watch[1].rglob("*") if path.is_file()]
    assert len(files) > 20, "the runs left no records"
    assert {str(path): found for path in files if (found := found_in(path.read_bytes(), secrets))} == {}
    assert {str(path): oct(path.stat().st_mode) for path in files if path.stat().st_mode & 0o077} == {}


def test_process_lists_have_none(secrets: dict[str, bytes], watch: tuple[Watch, Path]) -> None:
    bad = {process[:200]: found for process in watch[0].processes if (found := found_in(process, secrets))}
    assert bad == {}
    assert [process for process in watch[0].processes if b"--certificate-key" in process] == []


def test_journals_of_the_nodes_have_none(lab: TestLab, secrets: dict[str, bytes]) -> None:
    for node in lab.nodes:
        journal = lab.read(node, "journalctl", "--no-pager", "-o", "export").encode()
        assert found_in(journal, secrets) == [], node
        logs = lab.execute(node, "sh", "-c", "cat /var/log/pods/*/*/*.log").stdout.encode()
        assert found_in(logs, secrets) == [], node


def test_what_was_said_has_none(lab: TestLab, secrets: dict[str, bytes]) -> None:
    for said in lab.history:
        assert found_in(said.output.encode(), secrets) == [], said.arguments
