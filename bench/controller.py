"""Measure what the controller itself takes for a run, in inventories of few and of many hosts, without any node.

``python -m bench.controller`` prints CPU seconds of the real command with the real playbooks. Only ``ssh`` is imitated:
a program in its place gives recorded answers (:mod:`bench.imitated_ssh`), so no second of a node is in the figures and
no cluster is there. It fails if a figure is above its bound. Binaries and images are taken from the user's cache, as
``kubewright artifacts build`` left them.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from tests.unit.plan.test_rules_host import PROBED

HERE = Path(__file__).parent
SIZES = (10, 1000)
MORE_SECONDS = 1.1
"""How much more CPU time the largest inventory may take than the smallest, for one host that comes or goes."""
IDLE_HOSTS = 5
NEW = "new1"
SETTINGS = {"kube_network_plugin": "flannel", "kube_proxy_mode": "iptables", "etcd_deployment_type": "kubeadm"}
MANY = {"kube_pods_subnet": "10.96.0.0/12", "populate_inventory_to_hosts_file": False}
CHANGE = {"id": "file:/etc/crictl.yaml", "action": "create", "summary": "", "diff": ""}
VERSION = "v1.37.2"


@dataclass(frozen=True)
class Times:
    """What one run took: CPU seconds of all processes, wall clock, and CPU seconds by task."""

    cpu: float
    wall: float
    tasks: dict[str, float]
    calls: tuple[str, ...]


class Imitation:
    """An inventory whose hosts are answered for by files: three control planes, workers, and one host that may come."""

    def __init__(self, folder: Path, size: int, *, many: bool, hosts_file: bool = False) -> None:
        self._folder = folder
        self._inventory = folder / "inventory"
        self._answers = folder / "answers"
        self.planes = [f"cp{number}" for number in (1, 2, 3)]
        self.workers = [f"worker{number:04}" for number in range(size - len(self.planes) - 1)]
        self.hosts = [*self.planes, *self.workers, NEW]
        self.addresses = {name: f"10.64.{number // 250}.{number % 250 + 1}" for number, name in enumerate(self.hosts)}
        for path in (self._inventory / "group_vars", self._inventory / ".artifacts", self._answers):
            path.mkdir(parents=True)
        (self._inventory / ".artifacts" / "admin.conf").touch()
        program = folder / "ssh"
        program.write_text(f"#!{sys.executable} -SE\n{(HERE / 'imitated_ssh.py').read_text()}")
        program.chmod(0o700)
        settings: dict[str, Any] = {**SETTINGS, **(MANY if many else {}), "ansible_ssh_executable": str(program)}
        self._write_inventory({**settings, "populate_inventory_to_hosts_file": True} if hosts_file else settings)
        self._answer_everything(changes=[CHANGE] if many else [])

    @property
    def last_run(self) -> Path:
        """The folder of the last run."""
        return max((self._inventory / ".kubewright" / "runs").iterdir(), key=lambda folder: folder.stat().st_mtime_ns)

    def _write_inventory(self, settings: dict[str, Any]) -> None:
        lines = [f"{name} ip={address}" for name, address in self.addresses.items()]
        # Without k8s_cluster: a group that every host lacks must not be added for those that are not touched.
        groups = {"all": lines, "kube_control_plane": self.planes, "kube_node": [*self.workers, NEW]}
        parts = [f"[{group}]\n" + "\n".join(members) for group, members in groups.items()]
        (self._inventory / "hosts.ini").write_text("\n\n".join(parts) + "\n")
        (self._inventory / "group_vars" / "all.yml").write_text(yaml.safe_dump(settings))

    def answer(self, module: str, **answer: Any) -> None:
        """Have a module answer so."""
        (self._answers / f"{module}.json").write_text(json.dumps({"changed": False, "invocation": {}, **answer}))

    def _answer_everything(self, changes: list[dict[str, str]]) -> None:
        facts = {**PROBED, "machine_id": "machine-new", "time": "NOW"}
        self.answer("probe", facts=facts)
        converged: dict[str, Any] = {"restarted": [], "missing": [], "diff": [], "ssh_client": "10.0.0.1"}
        converged |= {"replaced": [], "credentials": not changes}
        self.answer("converge", changes=changes, **{**converged, "changed": True})
        applied: dict[str, Any] = {"changes": [], "record_changed": False, "node_changes": [], "missing_nodes": []}
        applied |= {"configuration_changes": [], "proxy_stale": False, "not_compared": ""}
        self.answer("objects", **applied)
        self.answer("converge-check", changes=changes, **converged, cluster_objects=applied)
        self.answer("run_lock-acquire", taken=True, verdict="free", holder=None, seconds=0.0)
        self.answer("run_lock-release", changed=True)
        self.answer("join_prepare", changed=True, discovery="secret", certificate_key=None)
        self.answer("kubeadm_join", changed=True)
        pods = {f"kubewright-check-{number}": f"10.96.0.{number}" for number in (1, 2)}
        self.answer("check_pods", changed=True, pods=pods, silent={})
        self.answer("check_node", checks=[{"check": "dns", "ok": True, "detail": ""}], ok=True)
        self.answer("clean_up", changed=True, kubeconfig="")
        self.answer("remove_node", changed=True)
        self.answer("remove_node-check", pods=[], lost_pods=[], budgets=[])
        self.answer("clean_node", changed=True, others=[])

    def settle(self, members: Sequence[str], *, told: bool = True) -> None:
        """Have a cluster of these members that is as the inventory wants it, as a first look at another one tells.

        Members that are not ``told`` know of other hosts than there are.
        """
        self._observed(members, {}, {})
        self.run("plan", "scale", "--limit", NEW, "-o", "json", expected=None)
        (run,) = (self._inventory / ".kubewright" / "runs").iterdir()
        document = json.loads((run / "cluster_document.json").read_text())
        written = json.loads((run / "fan_out.json").read_text())
        digests = {host: written["kinds"][kind]["digest"] for host, kind in written["hosts"].items() if told}
        configuration = {part["kind"]: part for part in yaml.safe_load_all(document["kubeadm_init"]["cp1"])}
        shutil.rmtree(run)
        self._observed(members, configuration, digests)

    def _observed(self, members: Sequence[str], configuration: dict[str, Any], digests: dict[str, str]) -> None:
        def text(kind: str) -> str:
            return yaml.safe_dump(configuration[kind]) if configuration else ""

        planes = [
            {"name": name, "member_id": name, "peer_ip": self.addresses[name], "learner": False, "healthy": True}
            for name in self.planes
        ]
        fan_out = {name: digests.get(name, "unknown") for name in members}
        lists = (
            "etcd_status",
            "etcd_alarms",
            "bootstrap_tokens",
            "workloads",
            "certificates",
            "api_servers",
            "serving",
        )
        state = {
            **{name: [] for name in lists},
            **dict.fromkeys(("reason", "etcd_error"), ""),
            **dict.fromkeys(("run_lock", "lock"), None),
            "present": True,
            "answers": True,
            "unfinished": {},
            "server": "https://127.0.0.1:6443",
            "version": VERSION,
            "record": {"format": 1, "cluster": "cluster.local", "fan_out": fan_out},
            "nodes": [self._node(name) for name in members],
            "etcd_members": planes,
            "cluster_configuration": text("ClusterConfiguration"),
            "kubelet_configuration": text("KubeletConfiguration"),
            "kube_proxy_configuration": text("KubeProxyConfiguration"),
            "kubeadm_certs_secret": False,
            "check_pods": 0,
            "objects": {},
            "lock_version": "1",
        }
        self.answer("cluster_state", state=json.dumps(state))

    def _node(self, name: str) -> dict[str, Any]:
        labels = {
            **{f"{prefix}kubernetes.io/arch": "amd64" for prefix in ("", "beta.")},
            **{f"{prefix}kubernetes.io/os": "linux" for prefix in ("", "beta.")},
            "kubernetes.io/hostname": name,
        }
        return {
            "name": name,
            "uid": f"uid-{name}",
            "internal_ip": self.addresses[name],
            "ready": True,
            "addresses": [["InternalIP", self.addresses[name]], ["Hostname", name]],
            "conditions": [],
            "pod_cidrs": ["10.96.0.0/24"],
            "architecture": "amd64",
            "machine_id": f"machine-{name}",
            "kubelet_version": VERSION,
            "os_image": "Debian GNU/Linux 12 (bookworm)",
            "labels": labels,
            "taints": [],
            "unschedulable": False,
            "control_plane": name in self.planes,
        }

    def run(self, verb: str, *arguments: str, expected: int | None = 0) -> Times:
        """Run the command; what it took."""
        times, calls = self._folder / "times.jsonl", self._folder / "calls"
        for path in (times, calls):
            path.unlink(missing_ok=True)
        environment = {
            **os.environ,
            "ANSIBLE_CALLBACK_PLUGINS": str(HERE / "callback"),
            "ANSIBLE_CALLBACKS_ENABLED": "kubewright_times",
            "KUBEWRIGHT_BENCH_TIMES": str(times),
        }
        command = [str(Path(sys.executable).with_name("kubewright")), verb, *arguments, "-i", str(self._inventory)]
        before, began = _children_cpu(), time.monotonic()
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        wall, cpu = time.monotonic() - began, _children_cpu() - before
        if expected is not None and done.returncode != expected:
            sys.exit(f"{' '.join(command)} ended with {done.returncode}:\n{done.stdout}{done.stderr}")
        noted = [json.loads(line) for line in times.read_text().splitlines()]
        # The call that keeps the lock goes on beside the others.
        return Times(cpu, wall, _by_task(noted, cpu), tuple(calls.read_text().splitlines()))


def _children_cpu() -> float:
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def _by_task(noted: Sequence[dict[str, Any]], whole: float) -> dict[str, float]:
    """CPU seconds by task; what is before the first and outside of Ansible's main process is the start's."""
    tasks: dict[str, float] = {}
    for one, other in itertools.pairwise(noted):
        spent = other["own"] + other["forks"] - one["own"] - one["forks"]
        tasks[one["what"]] = tasks.get(one["what"], 0.0) + spent
    return {"command, and Ansible's start": whole - sum(tasks.values()), **tasks}


@contextmanager
def imitated(size: int, *, many: bool) -> Iterator[Imitation]:
    """An imitation in a temporary folder."""
    with tempfile.TemporaryDirectory(prefix="kubewright-bench-") as folder:
        yield Imitation(Path(folder), size, many=many)


@dataclass(frozen=True)
class Case:
    """A verb, with what is in the cluster beforehand."""

    name: str
    arguments: tuple[str, ...]
    member: bool

    def times(self, size: int, runs: int, *, many: bool) -> list[Times]:
        """Carry it out so often, in an inventory of that size."""
        with imitated(size, many=many) as imitation:
            imitation.settle([name for name in imitation.hosts if self.member or name != NEW])
            return [imitation.run(*self.arguments) for _ in range(runs)]


GROWING = (
    Case("add a worker", ("scale", "--limit", NEW), member=False),
    Case("remove a worker", ("remove", "--limit", NEW, "--yes"), member=True),
)
IDLE = (
    Case("plan, nothing to do", ("plan",), member=True),
    Case("deploy, nothing to do", ("deploy",), member=True),
)


def main() -> int:
    """Return 1 if a bound is broken."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=3, help="runs of each, of which the median counts")
    parser.add_argument("--tasks", action="store_true", help="show each task")
    parser.add_argument("--only", default="", help="only what has this in its name")
    arguments = parser.parse_args()
    broken = []
    wanted = arguments.only
    for case in IDLE:
        if wanted and wanted not in case.name:
            continue
        _show(case.name, {IDLE_HOSTS: case.times(IDLE_HOSTS, arguments.runs, many=False)}, tasks=arguments.tasks)
    for case in GROWING:
        if wanted and wanted not in case.name:
            continue
        found = {size: case.times(size, arguments.runs, many=True) for size in SIZES}
        _show(case.name, found, tasks=arguments.tasks)
        small, large = (statistics.median(each.cpu for each in found[size]) for size in SIZES)
        if large - small > MORE_SECONDS:
            broken.append(f"Above its bound of {MORE_SECONDS} s: {case.name}, {large - small:.1f} s more")
        if len({tuple(sorted(times.calls)) for runs in found.values() for times in runs}) > 1:
            broken.append(f"Remote calls differ: {case.name}")
    print("\n".join(broken) or "All within their bounds.")
    return int(bool(broken))


def _show(name: str, found: dict[int, list[Times]], *, tasks: bool) -> None:
    sizes = list(found)
    print(f"{name:<44} " + " ".join(f"{f'{size} hosts':>14}" for size in sizes))

    def line(what: str, figures: Sequence[float]) -> None:
        more = f" {figures[-1] - figures[0]:>+8.2f}" if len(figures) > 1 else ""
        print(f"  {what:<42} " + " ".join(f"{figure:>12.2f} s" for figure in figures) + more)

    line("CPU", [statistics.median(each.cpu for each in found[size]) for size in sizes])
    line("wall clock", [statistics.median(each.wall for each in found[size]) for size in sizes])
    if tasks:
        for task in found[sizes[0]][0].tasks:
            line(task, [statistics.median(each.tasks[task] for each in found[size]) for size in sizes])


if __name__ == "__main__":
    sys.exit(main())
