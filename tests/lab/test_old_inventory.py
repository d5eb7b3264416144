"""Deploy and scale from an inventory as a Kubespray user may have had it for years.

Old names of groups, no addresses, all variables in ``group_vars/k8s_cluster``, every host behind a bastion; packages
and images through a proxy. A worker is added while another one is down; nothing that an earlier run noted is needed.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from tests.lab.support.cluster import Cluster
from tests.lab.support.commands import Result, run
from tests.lab.support.flows import assert_nothing_left, assert_works, hosts_file
from tests.lab.support.lab import DEPLOY_SECONDS, TestLab, lab_up
from tests.lab.support.proxy import Proxy, proxy
from tests.lab.support.snapshot import assert_unchanged, snapshot
from tests.lab.support.waiting import wait_until

pytestmark = [pytest.mark.lab, pytest.mark.flow, pytest.mark.full]

JUMP = "w2"
"""The node that is no member of the cluster but the way to all others; the inventory calls it otherwise."""

HOSTS_LEFT_OUT = 7

HOSTS = """\
[kube-master]
cp1 ansible_host={cp1}

[etcd]
cp1

[kube-node]
{workers}

[bastion]
the-way-in ansible_host={jump}

[k8s-cluster:children]
kube-master
kube-node
"""


@pytest.fixture(scope="module")
def lab(kubernetes_version: str, keep_labs: bool) -> Iterator[TestLab]:
    """A control plane, a worker and the bastion."""
    with lab_up("old", control_planes=1, workers=2, kubernetes=kubernetes_version, keep=keep_labs) as booted:
        yield booted


@pytest.fixture(scope="module")
def outside(lab: TestLab) -> Iterator[Proxy]:
    """The proxy, on the lab network's gateway."""
    gateway = json.loads(lab.read("cp1", "ip", "-json", "route", "show", "default"))[0]["gateway"]
    with proxy(gateway) as server:
        yield server


@pytest.fixture(scope="module")
def inventory(lab: TestLab, outside: Proxy, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The inventory, with the lab's own variables."""
    folder = tmp_path_factory.mktemp("old") / "inventory"
    variables = yaml.safe_load((lab.inventory / "group_vars" / "all.yml").read_text())
    reach = {name: value for name, value in variables.items() if name.startswith("ansible_")}
    proxies = {"http_proxy": outside.url, "https_proxy": outside.url}
    (folder / "group_vars").mkdir(parents=True)
    (folder / "group_vars" / "bastion.yml").write_text(yaml.safe_dump({"ansible_user": "admin", **reach}))
    of_cluster = {"ansible_user": "admin", **variables, **proxies}
    (folder / "group_vars" / "k8s_cluster.yml").write_text(yaml.safe_dump(of_cluster))
    write_hosts(folder, lab, "w1")
    close(lab, "cp1", "w1")
    return folder


def close(lab: TestLab, *nodes: str) -> None:
    """Have the SSH servers of nodes refuse whoever does not come from the bastion."""
    for node in nodes:
        allow = f"AllowUsers *@{lab.nodes[JUMP].address}\n"
        lab.execute(node, "tee", "/etc/ssh/sshd_config.d/00-bastion.conf", stdin=allow).check()
        lab.read(node, "systemctl", "reload", "ssh")


def write_hosts(folder: Path, lab: TestLab, *workers: str) -> None:
    """Write the hosts file, and what the lab has of single hosts."""
    lines = [f"{name} ansible_host={lab.nodes[name].address}" for name in workers]
    addresses = {"cp1": lab.nodes["cp1"].address, "jump": lab.nodes[JUMP].address}
    (folder / "hosts.ini").write_text(HOSTS.format(workers="\n".join(lines), **addresses))
    (folder / "host_vars").mkdir(exist_ok=True)
    for name in workers:
        own = lab.inventory / "host_vars" / f"{name}.yml"
        if own.exists():
            shutil.copy(own, folder / "host_vars")


def kubewright(lab: TestLab, inventory: Path, verb: str, *arguments: str) -> Result:
    """Run a verb on this inventory and not on the lab's own."""
    return lab.note(run(("kubewright", verb, "-i", str(inventory), *arguments), timeout=DEPLOY_SECONDS))


def logins(lab: TestLab, node: str) -> list[str]:
    """Addresses from which somebody logged in to a node, in order."""
    journal = lab.read(node, "journalctl", "-u", "ssh", "-o", "cat", "--no-pager")
    accepted = [line for line in journal.splitlines() if line.startswith("Accepted publickey")]
    return [line.split(" from ")[1].split()[0] for line in accepted]


def assert_hosts_known(lab: TestLab, node: str, *names: str) -> None:
    """A node's /etc/hosts has these hosts by their addresses; its own name may have one more, as Debian's is made."""
    found = hosts_file(lab, node)
    wrong = {name: found.get(name) for name in names if str(lab.nodes[name].address) not in found.get(name, set())}
    assert not wrong


class TestDeploy:
    """The first deploy."""

    def test_makes_a_cluster_that_works(self, lab: TestLab, inventory: Path) -> None:
        before = {node: len(logins(lab, node)) for node in ("cp1", "w1")}
        kubewright(lab, inventory, "deploy").check()
        for node, number in before.items():
            came_from = set(logins(lab, node)[number:])
            assert came_from == {str(lab.nodes[JUMP].address)}, f"{node} is to be reached through the bastion only"
        cluster = Cluster(lab, "cp1")
        assert_works(cluster, ["cp1", "w1"])
        assert_nothing_left(cluster, ["cp1", "w1"])
        for node in ("cp1", "w1"):
            assert_hosts_known(lab, node, "cp1", "w1")

    def test_packages_came_through_the_proxy(self, lab: TestLab, outside: Proxy) -> None:
        assert outside.clients() == {str(lab.nodes[node].address) for node in ("cp1", "w1")}
        assert any("conntrack" in url and url.endswith(".deb") for _, url in outside.asked)

    @pytest.mark.parametrize("node", ["cp1", "w1"])
    def test_the_engine_pulls_through_the_proxy(self, lab: TestLab, outside: Proxy, node: str) -> None:
        process = lab.read(node, "systemctl", "show", "--value", "--property=MainPID", "containerd").strip()
        environment = dict(
            entry.split("=", 1) for entry in lab.read(node, "cat", f"/proc/{process}/environ").split("\0") if entry
        )
        assert environment["HTTP_PROXY"] == outside.url
        assert "10.233.0.0/18" in environment["NO_PROXY"].split(",")

    def test_images_are_asked_of_the_proxy(self, lab: TestLab, outside: Proxy) -> None:
        cluster = Cluster(lab, "cp1")
        container = {"name": "none", "image": "registry.example.invalid/none:1"}
        spec = {"nodeName": "w1", "automountServiceAccountToken": False, "containers": [container]}
        pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "none"}, "spec": spec}
        cluster.kubectl("apply", "-f", "-", stdin=json.dumps(pod))
        asked = (str(lab.nodes["w1"].address), "registry.example.invalid:443")
        wait_until(lambda: asked in outside.asked, deadline=60, what="w1 asks the proxy for the registry")
        cluster.kubectl("delete", "pod", "none", "--grace-period=0", "--force")

    def test_the_bastion_is_no_member(self, lab: TestLab) -> None:
        assert lab.read(JUMP, "sh", "-c", "ls -d /etc/kubewright /etc/kubernetes 2>/dev/null || true") == ""


class TestScaleWithAStoppedWorker:
    """A worker is added with ``--limit`` while another one is down."""

    def test_adds_the_worker(self, lab: TestLab, inventory: Path, outside: Proxy) -> None:
        lab.stop("w1")
        assert lab.grow(workers=1) == ["w3"]
        write_hosts(inventory, lab, "w1", "w3")
        close(lab, "w3")
        shutil.rmtree(inventory / ".kubewright")
        before = len(logins(lab, "w3"))
        done = kubewright(lab, inventory, "scale", "--limit", "w3")
        assert done.exit_code == HOSTS_LEFT_OUT, str(done)
        assert "hosts w1: " in done.output
        assert set(logins(lab, "w3")[before:]) == {str(lab.nodes[JUMP].address)}
        cluster = Cluster(lab, "cp1")
        assert_works(cluster, ["cp1", "w3"])
        assert_nothing_left(cluster, ["cp1", "w3"])
        for node in ("cp1", "w3"):
            assert_hosts_known(lab, node, "cp1", "w1", "w3")
        assert str(lab.nodes["w3"].address) in outside.clients()

    def test_again_changes_nothing(self, lab: TestLab, inventory: Path) -> None:
        cluster = Cluster(lab, "cp1")
        cluster.wait_dns_left("w1")
        before = snapshot(cluster, "cp1", "w3")
        done = kubewright(lab, inventory, "scale", "--limit", "w3")
        assert done.exit_code == HOSTS_LEFT_OUT, str(done)
        assert_unchanged(before, snapshot(cluster, "cp1", "w3"))
