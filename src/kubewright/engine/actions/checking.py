"""Check the cluster from each touched node."""

from __future__ import annotations

from typing import Any

from kubewright.documents.inputs import cluster_dns
from kubewright.engine.actions.base import RunAction
from kubewright.engine.actions.steps import NOTHING
from kubewright.engine.flow import find_cluster, load_topology
from kubewright.engine.inputs import Inputs
from kubewright.engine.lock import require_lock
from kubewright.engine.record import Run
from kubewright.errors import KubewrightError, StepFailedError
from kubewright.plan import Plan, Stage
from kubewright.topology import node_name


class CheckPodsPresent(RunAction):
    """Start the pods that the check asks: one on each of two nodes, so that every node has one on another."""

    stage = Stage.CHECK.value

    def act(self, run: Run) -> dict[str, Any]:
        """Write ``check_pods``."""
        plan = Plan.from_json(run.read("plan"))
        nodes = check_nodes(run, plan, Inputs.load(run))
        if not plan.stage(Stage.CHECK) or not nodes:
            return NOTHING
        require_lock(run)
        create = [{"name": f"kubewright-check-{number}", "node": node} for number, node in enumerate(nodes, 1)]
        answer = self.call_when_free(run, "check_pods", {"create": create, "image": _check_image(run)})
        addresses = answer["pods"]
        for name, reason in answer["silent"].items():
            run.fail(
                StepFailedError(f"check pod {name}", reason, "Look at: kubectl -n kube-system get events"),
                stage=self.stage,
            )
        run.write("check_pods", [{**pod, "ip": addresses[pod["name"]]} for pod in create if pod["name"] in addresses])
        return {"changed": False}


def check_nodes(run: Run, plan: Plan, inputs: Inputs) -> list[str]:
    """Two nodes that can run a pod now; fewer in a smaller cluster.

    Those that this run has just spoken to come first: a node that died a moment ago still looks Ready in the cluster.
    """
    found = find_cluster(run, inputs)
    cluster = found.cluster
    down = {**found.unreachable, **run.read("unreachable")}
    topology = load_topology(run, inputs)
    ready = {node.name for node in (cluster.nodes if cluster else ()) if node.ready}
    arrived = [
        host
        for stage in (Stage.INIT, Stage.JOIN_CONTROL_PLANE, Stage.JOIN_WORKER)
        for host in plan.hosts(stage)
        if run.has(f"done/{stage.value}/{host}")
    ]
    answered = [name for name, probe in run.read_all("hosts").items() if probe["reachable"]]
    order = [topology[name].node_name for name in (plan.via, *arrived, *answered) if name not in down]
    others = [host.node_name for host in topology.hosts if host.name not in down]
    new = {topology[name].node_name for name in arrived}
    return [name for name in dict.fromkeys([*order, *others]) if name in ready | new][:2]


def _check_image(run: Run) -> str:
    """The DNS server's image.

    It is on every node, and without a configuration it answers DNS questions on its own address.
    """
    for document in run.read_all("documents").values():
        for resource in document["resources"]:
            if resource["type"] == "image" and "coredns" in resource["reference"]:
                return str(resource["reference"])
    raise StepFailedError("check", "no document has the CoreDNS image")


class CheckHost(RunAction):
    """Check the cluster from one touched node."""

    stage = Stage.CHECK.value

    def act(self, run: Run) -> dict[str, Any]:
        """Every check that failed is a failure of the run, with its remedy."""
        plan = Plan.from_json(run.read("plan"))
        if self.host not in plan.hosts(Stage.CHECK):
            return NOTHING
        inputs = Inputs.load(run)
        with run.step(Stage.CHECK.value, self.host) as outcome:
            arguments = check_arguments(run, inputs, node_name(self.host, inputs.settings))
            answer = self.call("check_node", arguments)
            outcome["ok"] = all(check["ok"] for check in answer["checks"])
        run.write(f"checks/{self.host}", answer["checks"])
        errors = check_errors(self.host, answer["checks"])
        for error in errors[1:]:
            run.fail(error, host=self.host, stage=self.stage)
        if errors:
            raise errors[0]
        return {"changed": False, "checks": answer["checks"]}


def check_arguments(run: Run, inputs: Inputs, node: str) -> dict[str, Any]:
    """What a node needs to know to check itself."""
    pods = run.read("check_pods") if run.has("check_pods") else []
    return {
        "node_name": node,
        "endpoint": run.read("endpoint")["url"],
        "dns_server": load_dns_server(inputs),
        "dns_domain": inputs.settings.cluster.dns_domain,
        "peers": [{"name": pod["node"], "ip": pod["ip"]} for pod in pods if pod["node"] != node],
    }


def load_dns_server(inputs: Inputs) -> str:
    """The service address of the cluster DNS."""
    return cluster_dns(inputs.settings.cluster)


def check_errors(host: str, checks: list[dict[str, Any]]) -> list[KubewrightError]:
    """One error for each check that failed."""
    return [
        StepFailedError(f"host {host}, check {check['check']}", str(check["detail"]), str(check.get("remedy", "")))
        for check in checks
        if not check["ok"]
    ]
