"""A run's folder filled with answers as nodes give them, so that decisions between remote calls need no nodes."""

from __future__ import annotations

import copy
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import yaml

from kubewright.documents import cluster_document
from kubewright.engine.actions.looking import COMPARED
from kubewright.engine.inputs import Inputs
from kubewright.engine.record import Run, error_to_json
from kubewright.engine.request import Request
from kubewright.errors import KubewrightError
from kubewright.lifetime import process_start
from kubewright.topology import GroupNames, Topology, build
from tests.golden.clusters import artifacts, release
from tests.unit.plan.test_rules_host import NOW, PROBED
from tests.unit.topology.helpers import settings

NAMES = GroupNames(control_plane=("cp1", "cp2", "cp3"), worker=("w1", "w2"))
SMALL = GroupNames(control_plane=("cp1",), worker=("w1", "w2"))

ABSENT: Mapping[str, Any] = {
    "changed": False,
    "present": False,
    "answers": False,
    "unfinished": {},
    "reason": "no /etc/kubernetes/admin.conf",
}
"""What a control plane says on which there is no cluster."""

SILENT: Mapping[str, Any] = {**ABSENT, "present": True, "reason": "https://127.0.0.1:6443: connection refused"}
"""What a control plane says whose API server does not answer."""


RECORD_DAMAGED: Mapping[str, Any] = {
    **SILENT,
    "reason": "ConfigMap kube-system/kubewright: it cannot be read",
    "record_error": {
        "subject": "ConfigMap kube-system/kubewright",
        "cause": "it cannot be read",
        "remedy": "Restore it",
        "exit_code": 7,
    },
    "etcd_members": [],
    "etcd_status": [],
    "certificates": [],
}
"""What a control plane says of a cluster whose record is damaged."""


class Recorded:
    """The folder of a run whose answers came from nowhere."""

    def __init__(
        self,
        folder: Path,
        verb: str = "deploy",
        *,
        limit: tuple[str, ...] | None = None,
        ansible_limited: bool = False,
        names: GroupNames = SMALL,
        cluster: dict[str, Any] | None = None,
        hosts: Mapping[str, dict[str, Any]] | None = None,
    ) -> None:
        self.run = Run(folder / "run")
        self.run.directory.mkdir()
        self.inputs = Inputs(
            request=Request(verb, limit, ansible_limited),
            settings=settings(names, cluster, **(hosts or {})),
            names=names,
            inventory_directory=str(folder),
            state_directory=str(folder / "state"),
        )
        self.inputs.kubeconfig.parent.mkdir(parents=True)
        self.inputs.kubeconfig.touch()
        self.inputs.save(self.run)

    @property
    def topology(self) -> Topology:
        """The topology where every host has an address in the inventory."""
        return build(self.inputs.names, self.inputs.settings, {}, existing_etcd=True)

    def told(self, host: str, state: Mapping[str, Any]) -> None:
        """A control plane answered."""
        self.run.write(f"observations/{host}", {"reachable": True, "state": dict(state)})

    def locked(self, host: str = "cp1", state: str = "held") -> None:
        """The run took the cluster's lock, and this process stands in for what keeps it."""
        own = os.getpid()
        self.run.write("lock", {"holder": {"id": "run-1"}, "hosts": [host], "new_cluster": False})
        self.run.write(f"lock_kept/{host}", {"state": state, "pid": own, "started": process_start(own)})

    def unreached(self, host: str, reason: str = "no SSH connection: No route to host") -> None:
        """A control plane did not answer."""
        self.run.write(f"observations/{host}", {"reachable": False, "error": reason, "remedy": "Check that it is up"})

    def failed(self, host: str, error: KubewrightError) -> None:
        """A control plane could be logged in to, and could not tell."""
        self.run.write(f"observations/{host}", {"reachable": True, "state": {}, "failed": error_to_json(error)})

    def probed(self, *hosts: str, **changes: Any) -> None:
        """Hosts were probed."""
        for host in hosts:
            facts = {**copy.deepcopy(dict(PROBED)), "machine_id": f"machine-{host}", **changes}
            self.run.write(f"hosts/{host}", {"reachable": True, "facts": facts, "time": NOW})

    def dead(self, *hosts: str) -> None:
        """Hosts were probed and did not answer."""
        for host in hosts:
            answer = {"reachable": False, "cause": "no SSH connection: timed out", "remedy": "Check it"}
            self.run.write(f"hosts/{host}", {**answer, "answered": False, "time": NOW})

    def live(self, *members: str, record: dict[str, Any] | None = None, **changes: Any) -> dict[str, Any]:
        """The state of a live cluster that this inventory made, with these members."""
        topology = self.topology
        document = cluster_document(
            topology=topology, settings=self.inputs.settings, release=release(), artifacts=artifacts()
        )
        parts = yaml.safe_load_all(document.kubeadm_init["cp1"])
        configuration = next(part for part in parts if part["kind"] == "ClusterConfiguration")
        nodes = [topology[name] for name in members]
        return {
            "changed": False,
            "present": True,
            "answers": True,
            "reason": "",
            "unfinished": {},
            "server": "https://127.0.0.1:6443",
            "version": "v1.37.2",
            "record": {"format": 1, "fan_out": dict.fromkeys((node.node_name for node in nodes), "d0")}
            if record is None
            else record,
            "nodes": [
                {
                    "name": node.node_name,
                    "uid": f"uid-{node.name}",
                    "internal_ip": node.main_ip.value,
                    "ready": True,
                    "kubelet_version": "v1.37.2",
                    "labels": {"kubernetes.io/arch": "amd64"},
                    "os_image": "Debian GNU/Linux 12 (bookworm)",
                    "taints": [],
                    "unschedulable": False,
                    "control_plane": node.is_control_plane,
                    "addresses": [["InternalIP", node.main_ip.value]],
                    "conditions": [{"kind": "Ready", "status": "True"}],
                    "pod_cidrs": [],
                    "architecture": "amd64",
                    "machine_id": f"machine-{node.name}",
                }
                for node in nodes
            ],
            "etcd_members": [
                {
                    "name": node.node_name,
                    "member_id": str(number),
                    "peer_ip": node.main_ip.value,
                    "learner": False,
                    "healthy": True,
                    "started": True,
                }
                for number, node in enumerate(nodes)
                if node.is_control_plane
            ],
            "etcd_error": "",
            "cluster_configuration": yaml.safe_dump(configuration, sort_keys=False),
            "kubelet_configuration": "",
            "bootstrap_tokens": [],
            "kubeadm_certs_secret": False,
            "check_pods": 0,
            "objects": {},
            "workloads": [],
            "certificates": [],
            "kube_proxy_configuration": "",
            "etcd_status": [],
            "etcd_alarms": [],
            "api_servers": [],
            "serving": [],
            "lock": None,
            **changes,
        }

    def inspected(self, *hosts: str, changes: Iterable[str] = (), restarted: Iterable[str] = ()) -> None:
        """Hosts were compared with their documents."""
        made = [{"id": name, "action": "create", "summary": "", "diff": ""} for name in changes]
        for host in hosts:
            self.run.write(f"inspections/{host}", {"changes": made, "restarted": list(restarted)})

    def compared(self, **answer: Any) -> None:
        """The cluster's objects were compared."""
        nothing: dict[str, Any] = {name: [] for name in COMPARED} | {"proxy_stale": False, "not_compared": ""}
        self.run.write("objects", {**nothing, **answer})
