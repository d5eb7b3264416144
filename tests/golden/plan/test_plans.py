"""Plans as a person reads them and as JSON, compared with files that people read in reviews."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from kubewright.documents import node_document
from kubewright.observe.model import EtcdMember, ObservedCluster, ObservedNode
from kubewright.plan import Change, Plan
from kubewright.plan.compute import compute
from kubewright.plan.rollout import Inspection
from kubewright.plan.situation import Situation
from kubewright.report.text import plan_lines
from kubewright.settings.model import ClusterSettings, HostSettings, Settings
from kubewright.topology.model import Endpoint, Topology
from tests.golden.clusters import NEEDED, artifacts, control_plane, release, worker
from tests.golden.conftest import Golden

MEMBERS = ("cp1", "cp2", "cp3", "worker1", "worker2")
OF_MEMBERS = ("kubelet_configuration", "certificate", "static_pod")
"""Types of which a host that is no member yet has nothing to do."""

DIFF = """\
--- /etc/containerd/config.toml
+++ /etc/containerd/config.toml
@@ -3,3 +3,3 @@
 [metrics]
-  address = "0.0.0.0:1338"
+  address = ""
"""


def topology(workers: int = 2) -> Topology:
    planes = (control_plane(number) for number in (1, 2, 3))
    return Topology((*planes, *(worker(n) for n in range(1, workers + 1))), Endpoint("127.0.0.1", 6443, local=True))


def everything(shape: Topology, name: str) -> Inspection:
    """What a comparison of a bare host with its document finds: all of it."""
    settings = Settings(ClusterSettings.model_validate(NEEDED), {host.name: HostSettings() for host in shape.hosts})
    document = node_document(
        shape[name],
        topology=shape,
        settings=settings,
        release=release(),
        artifacts=artifacts(),
        os_family="debian",
    )
    changes = tuple(
        Change(str(resource["id"]), "create", "is not there")
        for resource in document.resources
        if resource["type"] not in OF_MEMBERS
    )
    return Inspection(changes, restarts=("containerd", "kubelet"))


def live(shape: Topology, *members: str, known: str = "all") -> ObservedCluster:
    hosts = [shape[name] for name in members]
    return ObservedCluster(
        via="cp1",
        version="v1.37.2",
        record={"format": 1, "fan_out": dict.fromkeys(members, known)},
        nodes=tuple(
            ObservedNode(host.node_name, host.main_ip.value, True, "v1.37.2", host.is_control_plane) for host in hosts
        ),
        etcd_members=tuple(
            EtcdMember(host.node_name, host.name, host.main_ip.value, learner=False, healthy=True)
            for host in hosts
            if host.is_control_plane
        ),
    )


def plan(verb: str, shape: Topology, **situation: Any) -> Plan:
    names = tuple(host.name for host in shape.hosts)
    values: dict[str, Any] = {"scope": names, "fan_out": dict.fromkeys(names, "all"), **situation}
    return compute(Situation(verb=verb, version="1.37.2", topology=shape, cluster_name="factory", **values))


def new_cluster() -> Plan:
    shape = topology()
    inspections = {name: everything(shape, name) for name in MEMBERS}
    return plan("deploy", shape, inspections=inspections, notices=("etcd_version: is not a setting of kubewright's",))


def one_more_worker() -> Plan:
    shape = topology(3)
    return plan(
        "scale",
        shape,
        scope=("worker3",),
        limit=("worker3",),
        cluster=live(shape, *MEMBERS, known="all but worker3"),
        inspections={"worker3": everything(shape, "worker3")},
        object_changes=(),
    )


def one_more_worker_under_ansibles_limit() -> Plan:
    shape = topology(3)
    return plan(
        "scale",
        shape,
        scope=("worker3",),
        limit=("worker3",),
        fan_out_allowed=False,
        cluster=live(shape, *MEMBERS, known="all but worker3"),
        inspections={"worker3": everything(shape, "worker3")},
        object_changes=(),
    )


def drift() -> Plan:
    shape = topology()
    config = Change("file:/etc/containerd/config.toml", "update", "content differs", DIFF)
    gone = Change("file:/etc/sysctl.d/98-old.conf", "remove", "is no longer wanted")
    replicas = Change("object:apps/v1/Deployment/kube-system/coredns", "update", "1 fields", "spec.replicas: 1 -> 2")
    taint = Change("object:Node/worker1", "update", "1 fields", "spec.taints: [] -> ['press=heavy:NoSchedule']")
    return plan(
        "deploy",
        shape,
        cluster=live(shape, *MEMBERS, "worker2"),
        inspections={"worker1": Inspection((config, gone), restarts=("containerd",))},
        object_changes=(replicas,),
        metadata_changes={"worker1": (taint,)},
        unreachable={"worker2": "no SSH connection: timed out"},
    )


API_SERVER_DIFF = """\
--- /etc/kubernetes/manifests/kube-apiserver.yaml
+++ /etc/kubernetes/manifests/kube-apiserver.yaml
@@ -16,4 +16,5 @@
     - kube-apiserver
     - --advertise-address=10.7.0.1
     - --allow-privileged=true
+    - --audit-log-maxage=7
     - --authorization-mode=Node,RBAC
"""
NAMES_DIFF = """\
--- /etc/kubernetes/ssl/apiserver.crt
+++ /etc/kubernetes/ssl/apiserver.crt
@@ -2,2 +2,3 @@
 127.0.0.1
+api.example.org
 cp1
"""
KUBELET_DIFF = """\
--- /var/lib/kubelet/config.yaml
+++ /var/lib/kubelet/config.yaml
@@ -44,3 +44,3 @@
   verbosity: 0
-maxPods: 110
+maxPods: 200
 memorySwap: {}
"""


def config_map(name: str, diff: str) -> Change:
    """A change of one of kubeadm's objects."""
    return Change(f"object:v1/ConfigMap/kube-system/{name}", "update", "", diff)


def changed_settings() -> Plan:
    """Flags of the API servers, a name in their certificates, the kubelets' configuration, kube-proxy's mode."""
    shape = topology(10)
    members = tuple(host.name for host in shape.hosts)
    kubelet = Change("kubelet_configuration:/var/lib/kubelet/config.yaml", "update", "update it", KUBELET_DIFF)
    certificate = Change("certificate:apiserver", "update", "issue it anew, for other names", NAMES_DIFF)
    server = Change("static_pod:kube-apiserver", "update", "restarts kube-apiserver", API_SERVER_DIFF)
    planes = dict.fromkeys(members[:3], Inspection((kubelet, certificate, server), restarts=("kubelet",)))
    return plan(
        "deploy",
        shape,
        cluster=live(shape, *members),
        object_changes=(),
        inspections=planes | dict.fromkeys(members[3:], Inspection((kubelet,), restarts=("kubelet",))),
        configuration_changes=(
            config_map("kubeadm-config", "@@ -1,3 +1,4 @@\n   - 127.0.0.1\n+  - api.example.org\n"),
            config_map("kubelet-config", "@@ -44,3 +44,3 @@\n-maxPods: 110\n+maxPods: 200\n"),
            config_map("kube-proxy", "@@ -53,3 +53,3 @@\n-mode: iptables\n+mode: nftables\n"),
        ),
    )


def nothing() -> Plan:
    shape = topology()
    return plan("deploy", shape, cluster=live(shape, *MEMBERS), object_changes=())


@pytest.mark.parametrize(
    "make",
    [new_cluster, one_more_worker, one_more_worker_under_ansibles_limit, drift, changed_settings, nothing],
    ids=lambda f: f.__name__,
)
def test_plans_are_as_in_the_golden_files(make: Callable[[], Plan], golden: Golden) -> None:
    golden(f"plan/{make.__name__.replace('_', '-')}", rendered(make()))


def rendered(made: Plan) -> dict[str, str]:
    """A plan as text and as JSON, by the name of its golden file."""
    texts = {
        "plan.txt": _text(plan_lines(made)),
        "plan.json": json.dumps(made.to_json(), indent=1) + "\n",
    }
    if made.steps:
        texts["verbose.txt"] = _text(plan_lines(made, verbose=True))
    return texts


def test_plans_come_back_from_json() -> None:
    for make in (new_cluster, one_more_worker, drift, changed_settings, nothing):
        made = make()
        assert Plan.from_json(json.loads(json.dumps(made.to_json()))) == made


def _text(lines: list[str]) -> str:
    return "\n".join(lines) + "\n"
