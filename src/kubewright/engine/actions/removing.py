"""Take nodes out of the cluster, and take from hosts what was put there."""

from __future__ import annotations

from typing import Any

from kubewright.engine.actions.base import NOT_BEGUN, RunAction
from kubewright.engine.actions.steps import NOTHING, StepAction
from kubewright.engine.finding import find_cluster, leaving_addresses
from kubewright.engine.former import names_of_leaving
from kubewright.engine.giving_up import give_up_after_failures
from kubewright.engine.inputs import Inputs, LeavingHost, leaving_hosts
from kubewright.engine.leaving import members_of
from kubewright.engine.lock import require_lock
from kubewright.engine.record import Run
from kubewright.errors import KubewrightError, LockedError, StepFailedError, UnreachableError
from kubewright.observe.model import EtcdMember
from kubewright.plan import Plan, Stage, Step

PARTS = {Stage.DRAIN: "drain", Stage.REMOVE_MEMBER: "members", Stage.DELETE_NODE: "node"}
"""Stages on the control plane that speaks, in their order, and the module's part for each."""


class LookAtLeaving(RunAction):
    """Ask what a drain of the nodes that leave would meet; runs on the control plane that speaks."""

    def act(self, run: Run) -> dict[str, Any]:
        """Write ``removals/NODE``."""
        inputs = Inputs.load(run)
        cluster = find_cluster(run, inputs).cluster
        if cluster is None or not cluster.ours or inputs.request.offline:
            return NOTHING
        there = {node.name for node in cluster.nodes}
        for node in (host.node_name for host in leaving_hosts(inputs)):
            if node in there:
                answer = self.call_when_free(run, "remove_node", {"node": node}, check=True)
                run.write(f"removals/{node}", {key: answer[key] for key in ("pods", "lost_pods", "budgets")})
        return {"changed": False}


class RemoveNodes(RunAction):
    """Cordon and drain, then the etcd member, then the Node; one node after the other.

    Runs on the control plane that speaks. A node that cannot be removed does not keep others from being removed; but
    after one with an etcd member no other one with a member is: quorum is not to be risked twice.
    """

    def act(self, run: Run) -> dict[str, Any]:
        """Do the plan's steps of the three stages, journalled.

        Raises:
            LockedError, UnreachableError: the lock is lost, or the control plane that speaks does not answer:
                nothing more may or can be done.

        """
        plan = Plan.from_json(run.read("plan"))
        inputs = Inputs.load(run)
        hosts = {host.name: host for host in leaving_hosts(inputs)}
        members = plan.hosts(Stage.REMOVE_MEMBER)
        failed: list[str] = []
        for name in dict.fromkeys((*members, *hosts)):
            before = next((each for each in failed if name in members and each in members), "")
            if before:
                run.fail(_not_after(name, before), host=name, stage=Stage.REMOVE_MEMBER.value)
            elif not self._removed(run, inputs, plan, hosts[name]):
                failed.append(name)
            if run.has("stop"):
                return NOT_BEGUN
        return {"changed": any(run.has(f"done/{step.stage.value}/{step.host}") for step in plan.steps)}

    def _removed(self, run: Run, inputs: Inputs, plan: Plan, host: LeavingHost) -> bool:
        """Remove one node as far as the plan says and the run goes on; whether nothing failed."""
        for step in (step for stage in PARTS for step in plan.stage(stage) if step.host == host.name):
            if run.has("stop"):
                return True
            try:
                self._part(run, inputs, step, host)
            except (LockedError, UnreachableError):
                raise
            except KubewrightError as error:
                run.fail(error, host=host.name, stage=step.stage.value)
                give_up_after_failures(run)
                return False
        return True

    def _part(self, run: Run, inputs: Inputs, step: Step, host: LeavingHost) -> None:
        stage = step.stage
        self.stage = stage.value
        require_lock(run)
        members: tuple[EtcdMember, ...] = ()
        certificate_names: tuple[str, ...] = ()
        if stage is Stage.REMOVE_MEMBER:
            cluster = find_cluster(run, inputs).cluster
            members = members_of(host, leaving_addresses(run, inputs, cluster)[host.name], cluster)
        elif stage is Stage.DELETE_NODE:
            certificate_names = names_of_leaving(host, inputs, find_cluster(run, inputs).cluster)
        arguments = {
            "node": host.node_name,
            "part": PARTS[stage],
            "offline": inputs.request.offline,
            "members": [member.member_id for member in members],
            "certificate_names": list(certificate_names),
            "drain_timeout": inputs.request.drain_timeout,
        }
        with run.step(stage.value, step.host) as outcome:
            outcome["ok"] = False
            answer = self.call_when_free(run, "remove_node", arguments)
            outcome.update(ok=True, changed=bool(answer["changed"]))
        run.write(f"done/{stage.value}/{step.host}", {"changed": outcome["changed"]})


def _not_after(name: str, before: str) -> StepFailedError:
    cause = f"not removed because {before}, another etcd member, could not be removed before it"
    return StepFailedError(f"host {name}", cause, "Mend that first: a majority is not to be risked twice")


class CleanHost(StepAction):
    """Take from one host what kubewright put there, when it is out of the cluster."""

    fixed_stage = Stage.CLEAN_NODE

    def refuse(self, run: Run, _step: Step) -> None:
        """Not before it is out of the cluster: its pods, or etcd's majority, would be lost with it."""
        plan = Plan.from_json(run.read("plan"))
        open_stages = [
            stage
            for stage in PARTS
            if self.host in plan.hosts(stage) and not run.has(f"done/{stage.value}/{self.host}")
        ]
        if open_stages:
            raise StepFailedError(f"host {self.host}", "not cleaned: it is still in the cluster", "Mend that first")

    def carry_out(self, run: Run, _step: Step) -> dict[str, Any]:
        """Remove it, whatever state it is in.

        Raises:
            StepFailedError: the manifest is damaged, so that not all that is there is known.

        """
        cluster = Inputs.load(run).settings.cluster
        answer = self.call_when_free(
            run,
            "clean_node",
            {
                "bin_dir": cluster.bin_dir,
                "certificates_directory": cluster.kube_cert_dir,
                "etcd_data_directory": cluster.etcd_data_dir,
            },
        )
        if answer["others"]:
            names = ", ".join(answer["others"])
            self.warn(run, f"containerd stays, for others use it (its namespaces {names})", host=self.host)
        if answer["damaged"]:
            raise StepFailedError(
                f"host {self.host}",
                f"not clean: /etc/kubewright/manifest.json is damaged ({answer['damaged']}), so kubewright's binaries, "
                "units, settings and its block in /etc/hosts stay; pods and Kubernetes' own files are removed",
                f"Remove by hand kubelet, kubeadm, kubectl and the like in {cluster.bin_dir}, the units kubelet and "
                "containerd, /etc/containerd, kubewright's files in /etc/sysctl.d and /etc/modules-load.d, the block "
                "in /etc/hosts, and at last /etc/kubewright",
            )
        return {"changed": bool(answer["changed"])}
