"""A cluster of other choices: host-gw, nftables, an external load balancer, artifacts by other ways, every login."""

from __future__ import annotations

import contextlib
import functools
import http.server
import ipaddress
import json
import shutil
import socket
import socketserver
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import cast

import platformdirs
import pytest

from tests.lab.support.cluster import Cluster
from tests.lab.support.commands import Result, run
from tests.lab.support.flows import assert_nothing_left, assert_works
from tests.lab.support.lab import TestLab, lab_up
from tests.lab.support.proxy import carry
from tests.lab.support.snapshot import assert_unchanged, snapshot

pytestmark = [pytest.mark.lab, pytest.mark.flow, pytest.mark.full]

BLOBS = Path(platformdirs.user_cache_dir("kubewright")) / "blobs" / "sha256"

PASSWORD = "correct horse battery staple"


class Forward(socketserver.BaseRequestHandler):
    """Carries one connection to the API server: the load balancer that somebody else runs."""

    def handle(self) -> None:
        """Copy both ways until one side ends."""
        target = cast("Balancer", self.server).target
        with contextlib.suppress(OSError), socket.create_connection(target, timeout=10) as upstream:
            upstream.settimeout(None)
            carry(self.request, upstream)


class Balancer(socketserver.ThreadingTCPServer):
    """Listens on the lab network's gateway, which every node reaches."""

    allow_reuse_address = True
    daemon_threads = True
    block_on_close = False
    target: tuple[str, int]


@pytest.fixture(scope="module")
def lab(kubernetes_version: str, keep_labs: bool) -> Iterator[TestLab]:
    """One control plane and one worker, nothing deployed yet."""
    with lab_up("variants", control_planes=1, workers=1, kubernetes=kubernetes_version, keep=keep_labs) as booted:
        yield booted


@pytest.fixture(scope="module")
def balancer(lab: TestLab) -> Iterator[str]:
    """The address and port of a load balancer that is not kubewright's."""
    address = str(lab.nodes["cp1"].address)
    routes = json.loads(lab.read("cp1", "ip", "-json", "route", "show", "default"))
    with Balancer((routes[0]["gateway"], 0), Forward) as server:
        server.target = (address, 6443)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        host, port = server.server_address[:2]
        yield f"{host!s}:{port}"
        server.shutdown()


@pytest.fixture(scope="module")
def choices(balancer: str, tmp_path_factory: pytest.TempPathFactory) -> str:
    """Extra variables that choose otherwise than the lab's inventory."""
    address, _, port = balancer.partition(":")
    path = tmp_path_factory.mktemp("choices") / "choices.json"
    path.write_text(
        json.dumps(
            {
                "flannel_backend_type": "host-gw",
                "kube_proxy_mode": "nftables",
                "loadbalancer_apiserver": {"address": address, "port": int(port)},
                "kubewright_artifact_delivery": "ssh",
                "populate_inventory_to_hosts_file": False,
            }
        )
    )
    return f"@{path}"


class TestChoices:
    """What the settings choose is what the nodes have."""

    def test_makes_a_cluster_that_works(self, lab: TestLab, balancer: str, choices: str) -> None:
        lab.kubewright("deploy", "-e", choices).check()
        cluster = Cluster(lab, "cp1", endpoint=f"https://{balancer}")
        assert_works(cluster, ["cp1", "w1"])
        assert_nothing_left(cluster, ["cp1", "w1"])

    def test_pod_traffic_is_routed_not_wrapped(self, lab: TestLab) -> None:
        routes = json.loads(lab.read("w1", "ip", "-json", "route"))
        pods = ipaddress.IPv4Network("10.233.64.0/18")
        gateways = {
            route.get("gateway")
            for route in routes
            if route["dst"] != "default" and ipaddress.IPv4Network(route["dst"]).subnet_of(pods)
        }
        assert str(lab.nodes["cp1"].address) in gateways, routes
        assert "flannel.1" not in lab.read("w1", "ip", "-brief", "link")

    def test_services_are_programmed_by_nftables(self, lab: TestLab) -> None:
        rules = lab.read("w1", "nft", "list", "table", "ip", "kube-proxy")
        assert "10.233.0.1" in rules
        assert "KUBE-SVC-" not in lab.read("w1", "iptables-save", "-t", "nat")

    def test_the_worker_uses_the_external_load_balancer(self, lab: TestLab, balancer: str) -> None:
        kubeconfig = lab.read("w1", "grep", "server:", "/etc/kubernetes/kubelet.conf")
        assert kubeconfig.split()[-1] == f"https://{balancer}"
        assert lab.read("w1", "ls", "/etc/kubernetes/manifests").split() == []

    def test_artifacts_came_over_ssh(self, lab: TestLab) -> None:
        journal = lab.read("w1", "journalctl", "-u", "ssh", "-o", "cat", "--no-pager")
        assert "subsystem 'sftp'" in journal or "scp -t" in journal, journal[-2000:]
        assert lab.read("w1", "sh", "-c", "ls -A /var/lib/kubewright/staging 2>/dev/null || true").split() == []

    def test_the_hosts_file_is_left_alone(self, lab: TestLab) -> None:
        assert "kubewright" not in lab.read("w1", "cat", "/etc/hosts")

    def test_again_changes_nothing(self, lab: TestLab, choices: str) -> None:
        cluster = Cluster(lab, "cp1")
        before = snapshot(cluster, "cp1", "w1")
        lab.kubewright("deploy", "-e", choices).check()
        assert_unchanged(before, snapshot(cluster, "cp1", "w1"))


class Source(http.server.ThreadingHTTPServer):
    """The source of artifacts that somebody else runs: files by their digest, and who asked for them."""

    daemon_threads = True

    def __init__(self, address: str) -> None:
        super().__init__((address, 0), functools.partial(Fetch, directory=str(BLOBS)))
        self.asked: list[tuple[str, str]] = []


class Fetch(http.server.SimpleHTTPRequestHandler):
    """Gives a file and notes who asked."""

    def log_request(self, code: int | str = "-", _size: int | str = "-") -> None:
        """Note the client and what it got."""
        if int(code) < 300 and self.command == "GET":
            cast("Source", self.server).asked.append((str(self.client_address[0]), self.path.lstrip("/")))


class TestConnections:
    """Every way to log in that ``ansible-playbook`` has; the nodes' own log says who came, and how."""

    @pytest.fixture
    def elsewhere(self, lab: TestLab, tmp_path: Path) -> Path:
        """The inventory without user, key and sudo passwords: they are to be given on the command line."""
        target = tmp_path / "inventory"
        shutil.copytree(lab.inventory, target, ignore=shutil.ignore_patterns(".*", "host_vars"))
        hosts = target / "hosts.ini"
        hosts.write_text(hosts.read_text().replace(" ansible_user=admin", ""))
        settings = target / "group_vars" / "all.yml"
        lines = settings.read_text().splitlines(keepends=True)
        settings.write_text("".join(line for line in lines if "ansible_ssh_private_key_file" not in line))
        for node in ("cp1", "w1"):
            allow = "/etc/ssh/sshd_config.d/00-passwords.conf"
            lab.execute(node, "tee", allow, stdin="PasswordAuthentication yes\n").check()
            lab.execute(node, "systemctl", "reload", "ssh").check()
            lab.execute(node, "useradd", "--create-home", "--groups", "sudo", "--shell", "/bin/bash", "deployer")
            lab.execute(node, "chpasswd", stdin=f"deployer:{PASSWORD}\n").check()
        return target

    @staticmethod
    def ansible(inventory: Path, choices: str, *arguments: str, stdin: str = "") -> Result:
        """Run the playbook in check mode from the inventory's parent."""
        program = shutil.which("ansible-playbook")
        assert program
        command = (program, "-i", str(inventory), "kubewright.cluster.cluster", "--check", "-e", choices, *arguments)
        # A connection that an earlier test left open would be used again, and nobody would log in.
        with tempfile.TemporaryDirectory(prefix="kw") as sockets:
            environment = ("env", f"--chdir={inventory.parent}", f"ANSIBLE_SSH_CONTROL_PATH_DIR={sockets}")
            return run(("setsid", "--wait", *environment, *command), timeout=300, stdin=stdin)

    @staticmethod
    def logins(lab: TestLab, node: str, method: str) -> int:
        """Count logins of the user by a method."""
        journal = lab.read(node, "journalctl", "-u", "ssh", "-o", "cat", "--no-pager")
        return journal.count(f"Accepted {method} for deployer")

    def test_user_and_passwords(self, lab: TestLab, elsewhere: Path, choices: str) -> None:
        """-u, -k and -K."""
        done = self.ansible(elsewhere, choices, "-u", "deployer", "-k", "-K", stdin=f"{PASSWORD}\n{PASSWORD}\n").check()
        assert "unreachable=0" in done.stdout
        assert self.logins(lab, "cp1", "password") == 1
        assert self.logins(lab, "w1", "password") == 1

    def test_private_key_vault_and_proxy_jump(self, lab: TestLab, elsewhere: Path, choices: str) -> None:
        """--private-key, a vault-encrypted sudo password, and the worker reached through the control plane."""
        key = elsewhere.parent / "key"
        run(("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(key)), timeout=30).check()
        public = key.with_suffix(".pub").read_text()
        for node in ("cp1", "w1"):
            lab.execute(node, "install", "-d", "-o", "deployer", "-m", "0700", "/home/deployer/.ssh").check()
            lab.execute(node, "tee", "/home/deployer/.ssh/authorized_keys", stdin=public).check()
        known = elsewhere / "group_vars" / "all.yml"
        options = next(line for line in known.read_text().splitlines() if line.startswith("ansible_ssh_common_args"))
        host_keys = next(word for word in options.replace('"', " ").split() if "UserKnownHostsFile" in word)
        jump = f"ssh -W [%h]:%p -i {key} -o {host_keys.removeprefix('-o')} deployer@{lab.nodes['cp1'].address}"
        secret = elsewhere.parent / "secret"
        secret.write_text("the vault's password\n")
        program = shutil.which("ansible-vault")
        assert program
        encrypt = (program, "encrypt_string", f"--vault-password-file={secret}", "--name=ansible_become_password")
        (elsewhere / "host_vars").mkdir()
        sealed = run((*encrypt, PASSWORD), timeout=60).check().stdout
        (elsewhere / "host_vars" / "cp1.yml").write_text(sealed)
        (elsewhere / "host_vars" / "w1.yml").write_text(
            f"{sealed}\nansible_ssh_common_args: -o {host_keys.removeprefix('-o')} -o ProxyCommand='{jump}'\n"
        )
        before = self.logins(lab, "cp1", "publickey")
        arguments = ("-u", "deployer", f"--private-key={key}", f"--vault-password-file={secret}")
        done = self.ansible(elsewhere, choices, *arguments).check()
        assert "unreachable=0" in done.stdout
        assert self.logins(lab, "cp1", "publickey") == before + 2, "one login of its own, and one on the way to w1"
        last = lab.read("w1", "journalctl", "-u", "ssh", "-o", "cat", "--no-pager").splitlines()
        accepted = [line for line in last if "Accepted publickey for deployer" in line]
        assert str(lab.nodes["cp1"].address) in accepted[-1]


class TestArtifactsFromASource:
    """A node fetches from the source that the settings name, and not from the controller."""

    def test_a_worker_is_added_with_bytes_of_the_source(self, lab: TestLab, choices: str) -> None:
        gateway = json.loads(lab.read("cp1", "ip", "-json", "route", "show", "default"))[0]["gateway"]
        assert lab.grow(workers=1) == ["w2"]
        with Source(gateway) as source:
            threading.Thread(target=source.serve_forever, daemon=True).start()
            url = f"http://{gateway}:{source.server_address[1]}"
            fetching = json.dumps({"kubewright_artifact_delivery": "auto", "kubewright_artifact_urls": [url]})
            lab.kubewright("scale", "--limit", "w2", "-e", choices, "-e", fetching).check()
            source.shutdown()
        assert {client for client, _ in source.asked} == {str(lab.nodes["w2"].address)}
        fetched = {digest for _, digest in source.asked}
        for program in ("kubelet", "kubeadm"):
            digest = lab.read("w2", "sha256sum", f"/usr/local/bin/{program}").split()[0]
            assert digest in fetched, program
