"""Bring hosts to their documents: the artifact server, and one call a host."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from kubewright import artifacts
from kubewright.artifacts.server import start
from kubewright.engine.actions.base import RunAction
from kubewright.engine.actions.failures import ansible_failures
from kubewright.engine.actions.steps import StepAction
from kubewright.engine.fan_out import fan_out_document
from kubewright.engine.flow import url_host
from kubewright.engine.inputs import Inputs
from kubewright.engine.record import Run
from kubewright.errors import StepFailedError, UnreachableError
from kubewright.plan import Plan, Stage, Step
from kubewright.plan.rollout import MEMBERS_TYPES, ROLLED_OUT, at_once
from kubewright.settings import ClusterSettings
from kubewright.topology import node_name


class ConvergeHost(StepAction):
    """Bring one host to its document, or only to the part of it that depends on other hosts."""

    def left_out(self, run: Run, plan: Plan) -> str:
        """Hosts that are only told are not told that a node left which is in the cluster still.

        What failed before that is told, and a next run goes on there.
        """
        if self.stage != Stage.FAN_OUT.value:
            return ""
        left = Stage.DELETE_NODE
        still = [name for name in plan.hosts(left) if not run.has(f"done/{left.value}/{name}")]
        return f"still in the cluster: {', '.join(still)}" if still else ""

    def carry_out(self, run: Run, step: Step) -> dict[str, Any]:
        """Fetch by HTTP from the controller; what cannot be had that way is sent over SSH."""
        whole = step.stage is not Stage.FAN_OUT
        settings = Inputs.load(run).settings
        arguments = {
            "document": _document(run, self.host, step.stage),
            "urls": self._urls(run, settings.cluster),
            "partial": not whole,
            "record": {"cluster": settings.cluster.cluster_name},
            "action_name": step.title,
            "ready": node_name(self.host, settings) if step.stage in ROLLED_OUT else "",
        }
        try:
            answer = self.call_when_free(run, "converge", arguments)
            if answer.get("missing"):
                before = answer["changes"]
                answer = self._send(run, answer["missing"], arguments)
                answer["changes"] = [*before, *answer["changes"]]
        except UnreachableError as error:
            if whole:
                raise
            run.event("left", host=self.host, cause=error.cause)
            return {"changed": False, "msg": f"left for the next run: {error.cause}"}
        for warning in answer.get("warnings", ()):
            run.event("note", host=self.host, text=warning)
        return {"changed": bool(answer["changed"]), "changes": [change["id"] for change in answer["changes"]]}

    def _urls(self, run: Run, cluster: ClusterSettings) -> list[str]:
        inspection = f"inspections/{self.host}"
        seen = run.has(inspection) and not self.through_another_host
        client = run.read(inspection)["ssh_client"] if seen else None
        return artifact_urls(cluster, client, self._task.args.get("urls") or {})

    def _send(self, run: Run, missing: list[dict[str, Any]], arguments: dict[str, Any]) -> dict[str, Any]:
        """Send artifacts over SSH into a folder of the login user's, then converge from there."""
        with ansible_failures(self.host):
            folder = self._make_tmp_path()
            try:
                for item in missing:
                    run.event("sending", host=self.host, artifact=item["name"])
                    target = self._connection._shell.join_path(folder, item["sha256"])  # noqa: SLF001  Ansible's own way
                    self._transfer_file(str(artifacts.cached_file(item["sha256"])), target)
                answer = self.call_when_free(run, "converge", {**arguments, "staging": folder, "urls": []})
            finally:
                self._remove_tmp_path(folder)
        if answer.get("missing"):
            raise StepFailedError(f"host {self.host}", f"artifacts did not arrive: {answer['missing']}")
        return answer


def _document(run: Run, host: str, stage: Stage) -> dict[str, Any]:
    """What of a host's document a stage brings about.

    Where nothing was to be restarted, what could restart something is left out: it may differ since it was compared.
    """
    if stage is Stage.FAN_OUT:
        return fan_out_document(run, host)
    document = dict(run.read(f"documents/{host}"))
    if stage is Stage.CONVERGE:
        document["resources"] = [each for each in document["resources"] if each["type"] not in MEMBERS_TYPES]
    return document


def artifact_urls(cluster: ClusterSettings, client: str | None, offer: Mapping[str, Any]) -> list[str]:
    """Where a host may fetch artifacts from: what the settings name, then the controller's server.

    Args:
        cluster: says which ways there are.
        client: the controller as the host sees it, which is where its SSH connection comes from; None if not known.
        offer: port and path of the controller's server; empty where there is none.

    """
    if cluster.kubewright_artifact_delivery == "ssh":
        return []
    own = [f"http://{url_host(client)}:{offer['port']}/{offer['path']}"] if client and offer.get("port") else []
    named = () if cluster.kubewright_artifact_delivery == "controller" else cluster.kubewright_artifact_urls
    return [*(url.rstrip("/") for url in named), *own]


class Offer(RunAction):
    """Start the controller's artifact server, if any host is to be brought to its document."""

    def act(self, run: Run) -> dict[str, Any]:
        """The server ends with Ansible's main process, however that ends."""
        plan = Plan.from_json(run.read("plan"))
        stages = (Stage.CONVERGE, Stage.CONTROL_PLANE_CONFIG, Stage.KUBELET_CONFIG)
        hosts = [host for stage in stages for host in plan.hosts(stage)]
        wanted = sorted(
            {
                resource["sha256"]
                for host in hosts
                for resource in run.read(f"documents/{host}")["resources"]
                if resource.get("sha256")
            }
        )
        at_most = at_once(Inputs.load(run).settings.cluster.serial, len(plan.hosts(Stage.KUBELET_CONFIG)))
        result = {"changed": False, "at_once": at_most, "port": 0, "path": ""}
        if not wanted:
            return result
        # This action runs in a fork of Ansible's main process, and the server must live as long as that one.
        ready = start(wanted, parent=os.getppid(), ready_file=run.directory / "server.json")
        return {**result, "port": ready["port"], "path": ready["path"]}
