"""What somebody did by hand to nodes or to the cluster: done, looked for in the plan, and looked at when it was mended.

All that is said here of nodes is read on them, never taken from kubewright.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from tests.lab.support.cluster import Cluster
from tests.lab.support.commands import Result
from tests.lab.support.plans import changes, plan
from tests.lab.support.playbooks import playbook
from tests.lab.support.snapshot import assert_unchanged, differences, snapshot
from tests.lab.support.waiting import wait_until

SETTLED_SECONDS = 120.0
UNITS = ("kubelet", "containerd")

# Prints container id → "namespace/pod" of what runs, sandboxes included.
_RUNNING = """
import json, subprocess
def ctr(*arguments):
    return subprocess.run(("ctr", "--namespace=k8s.io") + arguments, stdout=subprocess.PIPE).stdout.decode()
found = {}
for row in ctr("tasks", "list").splitlines()[1:]:
    identity, _, state = row.split()
    told = ctr("containers", "info", identity) if state == "RUNNING" else ""
    if told:  # else it has ended since
        labels = json.loads(told)["Labels"]
        found[identity] = labels["io.kubernetes.pod.namespace"] + "/" + labels["io.kubernetes.pod.name"]
print(json.dumps(found))
"""

_LISTED = re.compile(r"^    [+~!-] (\S+?)(?:: |$)", re.MULTILINE)
"""A change in a plan as people read it."""

_RECAP = re.compile(r"^(\S+)\s+:.*\bchanged=(\d+)", re.MULTILINE)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Drift:
    """One thing that somebody did.

    Attributes:
        id: of the change that the plan shows for ``host``.
        host: where it is done; for objects of the cluster the control plane that speaks for it.
        by_hand: shell script that does it there.
        look: shell script that prints what is there of it.
        shows: what ``look`` prints, among other things, once it is in effect; empty for anything else than before.
        touches: what mending it changes in a :func:`~tests.lab.support.snapshot.snapshot`: paths on ``host``,
            ``packages``, ``unit NAME``, or ``object KIND/NAMESPACE/NAME``.
        restarts: units and static pods that mending it restarts.
        pods: beginnings of ``namespace/pod`` of the pods whose containers are other ones afterwards.
        stirs: what changes by itself in a snapshot while it is in effect.

    """

    id: str
    host: str
    by_hand: str
    look: str
    shows: str = ""
    touches: tuple[str, ...] = ()
    restarts: tuple[str, ...] = ()
    pods: tuple[str, ...] = ()
    stirs: tuple[str, ...] = ()

    @property
    def keys(self) -> set[str]:
        """Keys in a snapshot of what mending it changes."""
        units = {f"unit {unit}.service" for unit in self.restarts if unit in UNITS}
        return {key if key.startswith("object ") else f"{self.host} {key}" for key in {*self.touches, *units}}


class Drifted:
    """Nodes that drifted: what they were before, what the plan has to show, and how they have to be afterwards.

    Making one carries the drifts out and waits until all are in effect.
    """

    def __init__(self, cluster: Cluster, nodes: Sequence[str], drifts: Sequence[Drift]) -> None:
        self._cluster = cluster
        self._lab = cluster.lab
        self._nodes = nodes
        self._drifts = drifts
        self._looks = {drift: self._look(drift) for drift in drifts}
        self._containers = self._running()
        for drift in drifts:
            self._lab.read(drift.host, "sh", "-ec", drift.by_hand)
        for drift in drifts:
            wait_until(partial(self._in_effect, drift), deadline=SETTLED_SECONDS, what=f"drift of {drift.id}")
        self._drifted = self._snapshot()

    @property
    def expected(self) -> dict[str, set[str]]:
        """What the plan has to show, as :func:`~tests.lab.support.plans.changes` has it, and nothing else."""
        found: dict[str, set[str]] = {}
        for drift in self._drifts:
            found.setdefault(drift.host, set()).update({drift.id, *(f"restart:{unit}" for unit in drift.restarts)})
        return found

    def assert_shown(self) -> dict[str, Any]:
        """The plan has exactly these changes and restarts, and looking touched nothing; return it."""
        made = plan(self._lab)
        assert changes(made) == self.expected
        assert_unchanged(self._drifted, self._snapshot())
        return made

    def assert_listed(self, folder: Path) -> None:
        """A dry run and plain Ansible's ``--check --diff`` list the same, and touch nothing."""
        for output in ("table", "json"):
            planned = self._lab.kubewright("plan", "-o", output).check().stdout
            assert planned == self._lab.kubewright("deploy", "--dry-run", "-o", output).check().stdout
        wanted = {name for ids in self.expected.values() for name in ids if not name.startswith("restart:")}
        table = self._lab.kubewright("plan").check().stdout
        assert set(_LISTED.findall(table)) == wanted
        checked = playbook(self._lab, folder, "cluster", "--check", "--diff").check()
        assert set(_LISTED.findall(checked.stdout)) == wanted, str(checked)
        assert _changed(checked) == set(self.expected)
        assert_unchanged(self._drifted, self._snapshot())

    def assert_mended(self) -> None:
        """Everything is as it was; the run changed what was shown, and restarted what was to be restarted."""
        for drift in self._drifts:
            wait_until(partial(self._is_mended, drift), deadline=SETTLED_SECONDS, what=f"{drift.id} mended")
        self._cluster.wait_ready(*self._nodes)
        found = differences(self._drifted, self._snapshot())
        touched = {line.split(": ")[0] for line in found if not self._of_every_run(line)}
        assert touched == {key for drift in self._drifts for key in drift.keys} - self._stirring, "\n".join(found)
        self._assert_containers()
        assert changes(plan(self._lab)) == {}

    def _assert_containers(self) -> None:
        before, after = self._containers, self._running()
        replaced = {pod for node in self._nodes for _, pod in before[node].items() ^ after[node].items()}
        wanted = tuple(pod for drift in self._drifts for pod in drift.pods)
        assert not [pod for pod in replaced if not pod.startswith(wanted)], replaced
        assert not [start for start in wanted if not any(pod.startswith(start) for pod in replaced)], replaced

    def _look(self, drift: Drift) -> str:
        return self._lab.execute(drift.host, "sh", "-c", drift.look).stdout

    def _in_effect(self, drift: Drift) -> bool:
        now = self._look(drift)
        return now != self._looks[drift] and drift.shows in now

    def _is_mended(self, drift: Drift) -> bool:
        now = self._look(drift)
        assert now == self._looks[drift], f"{drift.look}\nwas\n{self._looks[drift]}\nand is\n{now}"
        return True

    def _running(self) -> dict[str, dict[str, str]]:
        return {node: self._lab.python(node, _RUNNING) for node in self._nodes}

    @property
    def _stirring(self) -> set[str]:
        return {key for drift in self._drifts for key in drift.stirs}

    def _snapshot(self) -> dict[str, Any]:
        """What is there, without containers, which are compared by the pods that they are of."""
        found = snapshot(self._cluster, *self._nodes)
        stirring = self._stirring
        return {key: value for key, value in found.items() if " container " not in key and key not in stirring}

    def _of_every_run(self, line: str) -> bool:
        """Whether a difference is of what any run writes: its records, and etcd's data before a risky step."""
        hosts = {drift.host for drift in self._drifts}
        records = (f"{host} /etc/kubewright/manifest.json: " for host in hosts)
        kept = f"{self._cluster.control_plane} /var/lib/kubewright/snapshots/"
        return line.startswith((*records, "object ConfigMap/kube-system/kubewright: ", kept))


def _changed(done: Result) -> set[str]:
    """Hosts of which Ansible's recap says that something changed."""
    recap: Mapping[str, str] = dict(_RECAP.findall(done.stdout.partition("PLAY RECAP")[2]))
    assert recap, str(done)
    return {host for host, count in recap.items() if count != "0"}
