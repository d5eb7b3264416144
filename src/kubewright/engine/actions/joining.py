"""Join control planes and workers, by means that are secret and short-lived."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from kubewright.engine.actions.steps import StepAction
from kubewright.engine.flow import api_url, configuration_for_joins, find_cluster, load_cluster_document, load_topology
from kubewright.engine.inputs import Inputs
from kubewright.engine.lock import lock_id
from kubewright.engine.record import Run
from kubewright.errors import StepFailedError
from kubewright.observe.model import EtcdMember
from kubewright.plan import Plan, Stage, Step
from kubewright.topology import Host, node_name

LEAST_MINUTES = 15
LONGEST_MINUTES = 120
"""kubeadm lets uploaded keys expire after as long (``init phase upload-certs``)."""
CONTROL_PLANE_MINUTES = 3
ROUND_MINUTES = 2
"""For as many workers as Ansible has forks, on slow disks."""


def key_minutes(control_planes: int) -> int:
    """For how long the uploaded keys are good: control planes join one after the other, before all workers."""
    return min(LONGEST_MINUTES, LEAST_MINUTES + CONTROL_PLANE_MINUTES * control_planes)


def token_minutes(control_planes: int, workers: int, forks: int) -> int:
    """For how long the join token is good: until the last of the workers has joined, ``forks`` at the same time."""
    rounds = -(-workers // max(1, forks))
    return min(LONGEST_MINUTES, key_minutes(control_planes) + ROUND_MINUTES * rounds)


class PrepareJoin(StepAction):
    """Create what joining needs; the result is secret and short-lived."""

    fixed_stage = Stage.PREPARE_JOIN

    def carry_out(self, run: Run, _step: Step) -> dict[str, Any]:
        """The discovery file names the control plane that speaks for the cluster, at its address for others."""
        inputs = Inputs.load(run)
        plan = Plan.from_json(run.read("plan"))
        topology = load_topology(run, inputs)
        joining = [topology[name] for name in plan.hosts(Stage.JOIN_CONTROL_PLANE)]
        cluster = find_cluster(run, inputs).cluster
        members = cluster.etcd_members if cluster else ()
        server = api_url(topology[plan.via], inputs)
        workers = len(plan.hosts(Stage.JOIN_WORKER))
        answer = self.call_when_free(
            run,
            "join_prepare",
            {
                "control_planes": bool(joining),
                "ttl_minutes": token_minutes(len(joining), workers, int(self.variables["ansible_forks"])),
                "keys_ttl_minutes": key_minutes(len(joining)),
                "cluster_configuration": configuration_for_joins(run) if joining else None,
                "server": server,
                "lock_id": lock_id(run),
                "replace_members": [
                    {"name": host.node_name, "peer_ip": host.main_ip.value, "empty": not _has_etcd_data(run, host.name)}
                    for host in joining
                    if _in_the_way(host, members, has_data=_has_etcd_data(run, host.name))
                ],
            },
        )
        material = {"discovery": answer["discovery"], "certificate_key": answer["certificate_key"] or ""}
        return {"changed": True, "material": material}


def _has_etcd_data(run: Run, host: str) -> bool:
    """Whether etcd's data directory holds something; a host that was not probed is a member and has data."""
    facts = run.read(f"hosts/{host}").get("facts")
    return bool(facts["kubernetes"]["etcd_data"]) if facts else True


def _in_the_way(host: Host, members: Sequence[EtcdMember], *, has_data: bool) -> bool:
    """Whether a host that joins has an etcd member that an earlier, unfinished join left.

    Not started, or without its data.
    """
    own = [member for member in members if member.peer_ip == host.main_ip.value]
    return any(not member.started or not has_data for member in own)


class Join(StepAction):
    """``kubeadm join``. A control plane does not begin while an earlier one of this run failed.

    Quorum is not to be risked twice.
    """

    def refuse(self, run: Run, step: Step) -> None:
        """Refuse a control plane after another one failed."""
        failed = [event["host"] for event in run.failures() if event["stage"] == Stage.JOIN_CONTROL_PLANE.value]
        if step.stage is Stage.JOIN_CONTROL_PLANE and failed:
            raise StepFailedError(
                f"host {self.host}",
                f"not joined because {failed[0]} failed to join before it",
                "Mend that one first, then run again",
            )

    def carry_out(self, run: Run, step: Step) -> dict[str, Any]:
        """A worker's kubelet is moved to the endpoint of all workers in the same call."""
        inputs = Inputs.load(run)
        document = load_cluster_document(run)
        material = self._task.args.get("material") or {}
        control_plane = step.stage is Stage.JOIN_CONTROL_PLANE
        answer = self.call_when_free(
            run,
            "kubeadm_join",
            {
                "config": document.kubeadm_join[self.host],
                "discovery": material["discovery"],
                "certificate_key": material["certificate_key"] if control_plane else None,
                "ignore_preflight_errors": list(inputs.settings.cluster.kubeadm_ignore_preflight_errors),
                "endpoint": run.read("endpoint")["url"],
                "node_name": node_name(self.host, inputs.settings),
                "network_ready_file": document.network_ready_file,
                "etcd_data_directory": inputs.settings.cluster.etcd_data_dir,
                "lock_id": lock_id(run),
            },
        )
        return {"changed": answer["changed"]}
