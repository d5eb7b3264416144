"""A cluster as its own tools show it: kubectl, etcdctl and plain requests, run on the nodes."""

from __future__ import annotations

import json
from typing import Any

from tests.lab.support.lab import TestLab
from tests.lab.support.waiting import wait_until

READY_SECONDS = 120.0
ETCD_CERTIFICATES = "/etc/kubernetes/ssl/etcd"
KUBELET_CERTIFICATE = "/var/lib/kubelet/pki/kubelet-client-current.pem"
CA = "/etc/kubernetes/ssl/ca.crt"
LOCAL_API = "https://127.0.0.1:6443"
CHECK_POD = "kubewright-check"
CLUSTER_DNS = "10.233.0.3"
"""Kubespray's default skydns_server: the third address of its default service network."""

# Asks a URL from wherever it runs and prints the answer's status and body.
_FETCH = """
import json, ssl, sys, urllib.error, urllib.request
url, ca, certificate = sys.argv[1:]
context = ssl.create_default_context(cafile=ca) if ca else None
if certificate:
    context.load_cert_chain(certificate)
handler = urllib.request.ProxyHandler({})
opener = urllib.request.build_opener(handler, urllib.request.HTTPSHandler(context=context))
try:
    with opener.open(url, timeout=5) as answer:
        print(json.dumps([answer.status, answer.read().decode()]))
except urllib.error.HTTPError as error:
    print(json.dumps([error.code, error.read().decode()]))
except OSError as error:
    print(json.dumps([0, str(error)]))
"""

# Asks a DNS server for the A records of a name, in one datagram, and prints the addresses.
_RESOLVE = """
import json, socket, struct, sys
server, name = sys.argv[1:]
question = b"".join(bytes([len(part)]) + part.encode() for part in name.split(".")) + b"\\0" + struct.pack(">HH", 1, 1)
query = struct.pack(">HHHHHH", 4711, 0x0100, 1, 0, 0, 0) + question
found = []
with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asker:
    asker.settimeout(5)
    try:
        asker.sendto(query, (server, 53))
        answer = asker.recv(4096)
        position = 12 + len(question)
        for _ in range(struct.unpack(">H", answer[6:8])[0]):
            while answer[position] and answer[position] < 0xC0:
                position += answer[position] + 1
            position += 2 if answer[position] else 1
            kind, _, _, length = struct.unpack(">HHIH", answer[position:position + 10])
            position += 10
            if kind == 1:
                found.append(socket.inet_ntoa(answer[position:position + 4]))
            position += length
    except OSError:
        pass
print(json.dumps(found))
"""


class Cluster:
    """The cluster on a lab's nodes, asked through a control plane that is up.

    ``endpoint`` is where its nodes should find the API.
    """

    def __init__(self, lab: TestLab, control_plane: str, *, endpoint: str = LOCAL_API) -> None:
        self.lab = lab
        self.control_plane = control_plane
        self.endpoint = endpoint

    def kubectl_command(self, *arguments: str) -> tuple[str, ...]:
        """A command of kubectl's as the administrator on the control plane."""
        return ("kubectl", "--kubeconfig=/etc/kubernetes/admin.conf", "--request-timeout=20s", *arguments)

    def kubectl(self, *arguments: str, stdin: str = "", timeout: float = 60.0) -> str:
        """Run kubectl as the administrator on the control plane; return its output."""
        command = self.kubectl_command(*arguments)
        return self.lab.execute(self.control_plane, *command, stdin=stdin, timeout=timeout).check().stdout

    def get(self, *arguments: str) -> Any:
        """``kubectl get … -o json``."""
        return json.loads(self.kubectl("get", *arguments, "-o", "json"))

    def node_conditions(self) -> dict[str, bool]:
        """Name of each Node object → whether its Ready condition is true."""
        return {
            node["metadata"]["name"]: any(
                condition["type"] == "Ready" and condition["status"] == "True"
                for condition in node["status"].get("conditions", ())
            )
            for node in self.get("nodes")["items"]
        }

    def wait_ready(self, *names: str, deadline: float = READY_SECONDS) -> None:
        """Wait until these nodes, and no others, are Ready."""
        wait_until(
            lambda: sorted(name for name, ready in self.node_conditions().items() if ready) == sorted(names),
            deadline=deadline,
            what=f"exactly {', '.join(sorted(names))} Ready",
        )

    def wait_dns_left(self, node: str, deadline: float = READY_SECONDS) -> None:
        """Wait until the cluster has replaced the DNS pods of a node that is down, which it does by itself."""

        def replaced() -> bool:
            pods = self.get("-n", "kube-system", "pods", "-l", "k8s-app=kube-dns")["items"]
            staying = [pod for pod in pods if "deletionTimestamp" not in pod["metadata"]]
            return bool(staying) and all(
                pod["spec"].get("nodeName", node) != node
                and all(status["ready"] for status in pod["status"].get("containerStatuses") or [{"ready": False}])
                for pod in staying
            )

        wait_until(replaced, deadline=deadline, what=f"no DNS pod on {node}, and those elsewhere ready")

    def internal_ip(self, node: str) -> str:
        """InternalIP of a Node."""
        addresses = self.get("node", node)["status"]["addresses"]
        return next(str(entry["address"]) for entry in addresses if entry["type"] == "InternalIP")

    def etcd_members(self) -> list[dict[str, Any]]:
        """The members of etcd as etcdctl on the control plane shows them."""
        answer = json.loads(self.etcdctl("member", "list", "-w", "json"))
        return list(answer["members"])

    def etcdctl_command(self, *arguments: str) -> tuple[str, ...]:
        """A command of etcdctl's for the control plane's own member."""
        flags = (
            "--endpoints=https://127.0.0.1:2379",
            f"--cacert={ETCD_CERTIFICATES}/ca.crt",
            f"--cert={ETCD_CERTIFICATES}/healthcheck-client.crt",
            f"--key={ETCD_CERTIFICATES}/healthcheck-client.key",
        )
        return ("etcdctl", *flags, *arguments)

    def etcdctl(self, *arguments: str) -> str:
        """Run etcdctl against the control plane's own member."""
        return self.lab.read(self.control_plane, *self.etcdctl_command(*arguments))

    def etcd_voters(self) -> list[str]:
        """Names of the voting members, sorted; a learner fails the test."""
        members = self.etcd_members()
        assert not [member["name"] for member in members if member.get("isLearner")], "a learner is left"
        return sorted(member["name"] for member in members)

    def leftovers(self) -> list[str]:
        """Bootstrap tokens, uploaded certificate keys and pods of checks that a finished run must not leave."""
        secrets = self.get("secrets", "-A")["items"]
        tokens = [item for item in secrets if item.get("type") == "bootstrap.kubernetes.io/token"]
        keys = [item for item in secrets if item["metadata"]["name"] == "kubeadm-certs"]
        pods = [item for item in self.get("pods", "-A")["items"] if item["metadata"]["name"].startswith(CHECK_POD)]
        return [item["metadata"]["name"] for item in (*tokens, *keys, *pods)]


def fetch(lab: TestLab, node: str, url: str, *, ca: str = "", certificate: str = "") -> tuple[int, str]:
    """Ask a URL from a node's own network; 0 stands for no answer."""
    status, body = lab.python(node, _FETCH, url, ca, certificate)
    return int(status), str(body)


def resolve(lab: TestLab, node: str, name: str, server: str = CLUSTER_DNS) -> list[str]:
    """Addresses that the cluster's DNS gives to a node for a name."""
    return [str(address) for address in lab.python(node, _RESOLVE, server, name)]


def fetch_from_pod(lab: TestLab, node: str, container: str, url: str) -> tuple[int, str]:
    """Ask a URL from within the network of a pod that runs on this node; its image needs no tools."""
    tasks = lab.read(node, "ctr", "--namespace=k8s.io", "tasks", "list")
    pids = [line.split()[1] for line in tasks.splitlines() if line.startswith(container)]
    assert pids, f"{node} runs no task {container}:\n{tasks}"
    command = ("nsenter", f"--target={pids[0]}", "--net", "python3", "-", url, "", "")
    status, body = json.loads(lab.execute(node, *command, stdin=_FETCH).check().stdout)
    return int(status), str(body)


def api_through_endpoint(lab: TestLab, node: str, endpoint: str = LOCAL_API) -> bool:
    """Whether the API answers this node, as its kubelet, through the endpoint that the node uses."""
    url = f"{endpoint}/api/v1/nodes/{node}"
    status, _ = fetch(lab, node, url, ca=CA, certificate=KUBELET_CERTIFICATE)
    return status == 200
