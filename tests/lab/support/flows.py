"""What has to be so of a cluster after every flow, each seen on the nodes."""

from __future__ import annotations

from collections.abc import Sequence

from tests.lab.support.cluster import Cluster, api_through_endpoint, fetch, fetch_from_pod, resolve
from tests.lab.support.lab import TestLab
from tests.lab.support.snapshot import node_state
from tests.lab.support.waiting import wait_until
from tests.lab.support.workload import PORT, Echo, echo

ANSWER_SECONDS = 60.0

_TEMPORARY = (
    "find /etc /opt/cni /usr/local/bin /var/lib/kubewright /var/lib/kubelet/config.yaml "
    "\\( -name '.kubewright-*.tmp' -o -name '*.part' \\)"
)
_UNFINISHED = "ls -d /etc/kubewright/init.json /etc/kubewright/join.json 2>/dev/null"
_SECRETS = "find /run/kubewright -type f ! -name lock"


def assert_works(cluster: Cluster, nodes: Sequence[str]) -> None:
    """These nodes, and no others, are Ready; pods, services, DNS and the API are reached from each of them."""
    cluster.wait_ready(*nodes)
    for node in nodes:
        wait_until(
            lambda node=node: api_through_endpoint(  # type: ignore[misc] # bound per turn of the loop
                cluster.lab, node, cluster.endpoint
            ),
            deadline=ANSWER_SECONDS,
            what=f"the API answers {node} through its endpoint",
        )
    with echo(cluster, nodes) as running:
        for node in nodes:
            _assert_node_reaches(cluster.lab, node, running)


def _assert_node_reaches(lab: TestLab, node: str, running: Echo) -> None:
    other = running.elsewhere(node)
    own = running.on(node)
    address = f"http://{other.address}:{PORT}/health"
    questions = {
        f"{node} reaches the pod on {other.node}": lambda: fetch(lab, node, address)[0] == 200,
        f"the pod on {node} reaches the pod on {other.node}": lambda: (
            fetch_from_pod(lab, node, own.container, address)[0] == 200
        ),
        f"{node} reaches the service address": lambda: fetch(lab, node, f"http://{running.service}/health")[0] == 200,
        f"cluster DNS answers {node}": lambda: resolve(lab, node, running.dns_name) == [running.service],
    }
    for what, question in questions.items():
        wait_until(question, deadline=ANSWER_SECONDS, what=what)


def hosts_file(lab: TestLab, node: str) -> dict[str, set[str]]:
    """Name → addresses in a node's /etc/hosts."""
    found: dict[str, set[str]] = {}
    for line in lab.read(node, "cat", "/etc/hosts").splitlines():
        address, *names = line.partition("#")[0].split() or [""]
        for name in names:
            found.setdefault(name, set()).add(address)
    return found


def assert_hosts_files(lab: TestLab, nodes: Sequence[str]) -> None:
    """/etc/hosts of each of these nodes names every host of the lab by the address that others reach it by."""
    expected = {node.name: str(node.second_address or node.address) for node in lab.nodes.values()}
    for node in nodes:
        found = hosts_file(lab, node)
        wrong = {name: found.get(name) for name, address in expected.items() if address not in found.get(name, set())}
        assert not wrong, f"/etc/hosts of {node} has {wrong}, expected {expected}"


def assert_nothing_left(cluster: Cluster, nodes: Sequence[str]) -> None:
    """A finished run leaves no token, key, learner, check pod, marker, secret or half-written file."""
    assert cluster.leftovers() == []
    cluster.etcd_voters()
    for node in nodes:
        found = cluster.lab.execute(node, "sh", "-c", f"{_TEMPORARY}; {_UNFINISHED}; {_SECRETS}").stdout.split()
        assert found == [], f"left on {node}: {found}"


def running_services(cluster: Cluster, node: str) -> dict[str, str]:
    """Start times of a node's engine and kubelet, and the id of its kube-proxy container: a restart changes them."""
    units = node_state(cluster.lab, node)["units"]
    pods = cluster.get("-n", "kube-system", "pods", f"--field-selector=spec.nodeName={node}")["items"]
    proxies = {
        f"container of {pod['metadata']['name']}": pod["status"]["containerStatuses"][0]["containerID"]
        for pod in pods
        if pod["metadata"]["name"].startswith("kube-proxy")
    }
    assert proxies, f"no kube-proxy on {node}"
    return {name: str(state) for name, state in units.items()} | proxies
