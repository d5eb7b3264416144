"""Carry out the plan: each action does its host's step of one stage, or nothing where the plan has none."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from kubewright import artifacts
from kubewright.documents.inputs import cluster_dns
from kubewright.engine.actions.base import RunAction
from kubewright.engine.flow import configuration_for_joins, find_cluster, load_cluster_document, load_topology
from kubewright.engine.inputs import Inputs
from kubewright.engine.record import Run
from kubewright.errors import KubewrightError, StepFailedError, UnreachableError
from kubewright.observe.model import EtcdMember
from kubewright.plan import Plan, Stage, Step
from kubewright.topology import Host

NOTHING: dict[str, Any] = {"changed": False, "skipped": True, "skip_reason": "the plan has nothing to do here"}


class StepAction(RunAction):
    """An action that does the plan's step of a stage on its host."""

    fixed_stage: Stage | None = None

    def act(self, run: Run) -> dict[str, Any]:
        """Find the host's step and do it, journalled."""
        stage = self.fixed_stage or Stage(self._task.args["stage"])
        plan = Plan.from_json(run.read("plan"))
        step = next((step for step in plan.stage(stage) if step.host == self.host), None)
        if step is None:
            return {**NOTHING, "material": {}}
        with run.step(stage.value, self.host) as outcome:
            outcome["ok"] = False
            result = self.carry_out(run, step)
            outcome.update(ok=True, changed=bool(result.get("changed", True)))
        run.write(f"done/{stage.value}/{self.host}", {"changed": outcome["changed"]})
        return {"changed": True, **result}

    def carry_out(self, run: Run, step: Step) -> dict[str, Any]:
        """Do the step; return result fields."""
        raise NotImplementedError


class ConvergeHost(StepAction):
    """Bring one host to its document, or only to the part of it that depends on other hosts."""

    def carry_out(self, run: Run, step: Step) -> dict[str, Any]:
        """Fetch by HTTP from the controller; what cannot be had that way is sent over SSH."""
        whole = step.stage is Stage.CONVERGE
        document = run.read(f"documents/{self.host}")["document" if whole else "fan_out"]
        arguments = {
            "document": document,
            "urls": self._urls(run),
            "partial": not whole,
            "record": {"cluster": Inputs.load(run).settings.cluster.cluster_name},
            "action_name": step.title,
            "run": run.directory.name,
        }
        try:
            answer = self.module("converge", arguments)
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
            run.event("note", host=self.host, text=warning_text(warning))
        return {"changed": bool(answer["changed"]), "changes": [change["id"] for change in answer["changes"]]}

    def _urls(self, run: Run) -> list[str]:
        """The controller's server as this host sees the controller: the address that its SSH connection comes from."""
        offer = self._task.args.get("urls") or {}
        if not offer.get("port") or Inputs.load(run).settings.cluster.kubewright_artifact_delivery == "ssh":
            return []
        client = (
            (run.read(f"hosts/{self.host}").get("facts") or {}).get("ssh_client")
            if run.has(f"hosts/{self.host}")
            else None
        )
        if not client:
            return []
        return [
            f"http://[{client}]:{offer['port']}/{offer['path']}"
            if ":" in client
            else f"http://{client}:{offer['port']}/{offer['path']}"
        ]

    def _send(self, run: Run, missing: list[Any], arguments: dict[str, Any]) -> dict[str, Any]:
        """Send artifacts over SSH into a folder of the login user's, then converge from there."""
        folder = self._make_tmp_path()
        try:
            for item in missing:
                sha256 = item["sha256"] if isinstance(item, dict) else item
                run.event("sending", host=self.host, sha256=sha256)
                self._transfer_file(
                    str(artifacts.cached_file(sha256)), self._connection._shell.join_path(folder, sha256)
                )  # noqa: SLF001  Ansible's own way to name a remote path
            answer = self.module("converge", {**arguments, "staging": folder, "urls": []})
        finally:
            self._remove_tmp_path(folder)
        if answer.get("missing"):
            raise StepFailedError(f"host {self.host}", f"artifacts did not arrive: {answer['missing']}")
        return answer


def warning_text(warning: object) -> str:
    """A module's warning as text; ansible-core hands it on as an object of its own since 2.19."""
    event = getattr(warning, "event", None)
    return str(getattr(event, "msg", warning))


class Initialise(StepAction):
    """``kubeadm init`` on the first control plane of a new cluster."""

    fixed_stage = Stage.INIT

    def carry_out(self, run: Run, step: Step) -> dict[str, Any]:
        """The record that makes the cluster ours is written by the same call."""
        inputs = Inputs.load(run)
        answer = self.module(
            "kubeadm_init",
            {
                "config": load_cluster_document(run).kubeadm_init[self.host],
                "ignore_preflight_errors": list(inputs.settings.cluster.kubeadm_ignore_preflight_errors),
                "record": new_record(inputs),
                "run": run.directory.name,
            },
        )
        return {"changed": answer["changed"]}


def new_record(inputs: Inputs) -> dict[str, Any]:
    """kubewright's record in the cluster: its format, and by Node what it knows of the others (see ``fan_out`` in the plan)."""
    return {"format": 1, "cluster": inputs.settings.cluster.cluster_name, "fan_out": {}}


class ApplyObjects(StepAction):
    """Server-side apply of the cluster's objects, or of labels and taints."""

    def carry_out(self, run: Run, step: Step) -> dict[str, Any]:
        """The pod network comes before the joins and all else after them: a pod that starts before its node has a network is tried again only after seconds."""
        document = load_cluster_document(run)
        arguments: dict[str, Any] = {"node_metadata": document.node_metadata, "run": run.directory.name}
        if step.stage is Stage.OBJECTS:
            arguments = {"objects": list(document.objects), "run": run.directory.name}
        if step.stage is Stage.NETWORK:
            arguments = {
                "objects": list(document.network_objects),
                "wait_file": document.network_ready_file,
                "run": run.directory.name,
            }
        answer = self.module("objects", arguments)
        return {"changed": answer["changed"]}


class PrepareJoin(StepAction):
    """Create what joining needs; the result is secret and short-lived."""

    fixed_stage = Stage.PREPARE_JOIN

    def carry_out(self, run: Run, step: Step) -> dict[str, Any]:
        """The discovery file names the control plane that speaks for the cluster, at the address that other hosts use."""
        inputs = Inputs.load(run)
        plan = Plan.from_json(run.read("plan"))
        topology = load_topology(run, inputs)
        joining = [topology[name] for name in plan.hosts(Stage.JOIN_CONTROL_PLANE)]
        cluster = find_cluster(run, inputs).cluster
        members = cluster.etcd_members if cluster else ()
        server = (
            f"https://{_bracket(topology[plan.via].main_access_ip.value)}:{inputs.settings.cluster.kube_apiserver_port}"
        )
        answer = self.module(
            "join_prepare",
            {
                "control_planes": bool(joining),
                "cluster_configuration": configuration_for_joins(run) if joining else None,
                "server": server,
                "replace_members": [
                    {"name": host.node_name, "peer_ip": host.main_ip.value, "empty": not _has_etcd_data(run, host.name)}
                    for host in joining
                    if _in_the_way(host, members, has_data=_has_etcd_data(run, host.name))
                ],
                "run": run.directory.name,
            },
        )
        material = {"discovery": answer["discovery"], "certificate_key": answer["certificate_key"] or ""}
        return {"changed": True, "material": material}


def _has_etcd_data(run: Run, host: str) -> bool:
    return bool(run.read(f"hosts/{host}")["facts"]["kubernetes"]["etcd_data"])


def _in_the_way(host: Host, members: Sequence[EtcdMember], *, has_data: bool) -> bool:
    """Whether a host that joins has an etcd member that an earlier, unfinished join left: not started, or without its data."""
    own = [member for member in members if member.peer_ip == host.main_ip.value]
    return any(not member.started or not has_data for member in own)


def _bracket(address: str) -> str:
    return f"[{address}]" if ":" in address else address


class Join(StepAction):
    """``kubeadm join``. A control plane does not begin while an earlier one of this run failed: quorum is not to be risked twice."""

    def carry_out(self, run: Run, step: Step) -> dict[str, Any]:
        """A worker's kubelet is moved to the endpoint of all workers in the same call."""
        if step.stage is Stage.JOIN_CONTROL_PLANE:
            self._refuse_after_failure(run)
        inputs = Inputs.load(run)
        material = self._task.args.get("material") or {}
        control_plane = step.stage is Stage.JOIN_CONTROL_PLANE
        answer = self.module(
            "kubeadm_join",
            {
                "config": load_cluster_document(run).kubeadm_join[self.host],
                "discovery": material["discovery"],
                "certificate_key": material["certificate_key"] if control_plane else None,
                "ignore_preflight_errors": list(inputs.settings.cluster.kubeadm_ignore_preflight_errors),
                "endpoint": run.read("endpoint")["url"],
                "node_name": load_topology(run, inputs)[self.host].node_name,
                "network_ready_file": load_cluster_document(run).network_ready_file,
                "etcd_data_directory": inputs.settings.cluster.etcd_data_dir,
                "run": run.directory.name,
            },
        )
        return {"changed": answer["changed"]}

    def _refuse_after_failure(self, run: Run) -> None:
        failed = [event["host"] for event in run.failures() if event["stage"] == Stage.JOIN_CONTROL_PLANE.value]
        if failed:
            raise StepFailedError(
                f"host {self.host}",
                f"not joined because {failed[0]} failed to join before it",
                "Mend that one first, then run again",
            )


class CheckPodsPresent(RunAction):
    """Start the pods that the check asks: one on each of two nodes, so that every node has one on another."""

    stage = Stage.CHECK.value

    def act(self, run: Run) -> dict[str, Any]:
        """Write ``check_pods``."""
        plan = Plan.from_json(run.read("plan"))
        nodes = check_nodes(run, plan, Inputs.load(run))
        if not plan.stage(Stage.CHECK) or not nodes:
            return NOTHING
        create = [{"name": f"kubewright-check-{number}", "node": node} for number, node in enumerate(nodes, 1)]
        answer = self.module("check_pods", {"create": create, "image": _check_image(run), "run": run.directory.name})
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
    """The DNS server's image: it is on every node, and without a configuration it answers DNS questions on its own address."""
    for document in run.read_all("documents").values():
        for resource in document["document"]["resources"]:
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
        node_name = load_topology(run, inputs)[self.host].node_name
        with run.step(Stage.CHECK.value, self.host) as outcome:
            answer = self.module("check_node", check_arguments(run, inputs, node_name))
            outcome["ok"] = all(check["ok"] for check in answer["checks"])
        run.write(f"checks/{self.host}", answer["checks"])
        errors = check_errors(self.host, answer["checks"])
        for error in errors[1:]:
            run.fail(error, host=self.host, stage=self.stage)
        if errors:
            raise errors[0]
        return {"changed": False, "checks": answer["checks"]}


def check_arguments(run: Run, inputs: Inputs, node_name: str) -> dict[str, Any]:
    """What a node needs to know to check itself."""
    pods = run.read("check_pods") if run.has("check_pods") else []
    return {
        "node_name": node_name,
        "endpoint": run.read("endpoint")["url"],
        "dns_server": load_dns_server(inputs),
        "dns_domain": inputs.settings.cluster.dns_domain,
        "peers": [{"name": pod["node"], "ip": pod["ip"]} for pod in pods if pod["node"] != node_name],
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


class Offer(RunAction):
    """Start the controller's artifact server, if any host is to be brought to its document."""

    def act(self, run: Run) -> dict[str, Any]:
        """The server ends with Ansible's main process, however that ends."""
        plan = Plan.from_json(run.read("plan"))
        hosts = plan.hosts(Stage.CONVERGE)
        wanted = sorted(
            {
                resource["sha256"]
                for host in hosts
                for resource in run.read(f"documents/{host}")["document"]["resources"]
                if resource.get("sha256")
            }
        )
        if not wanted:
            return {"changed": False, "port": 0, "path": ""}
        from kubewright.artifacts.server import start  # noqa: PLC0415  only runs that install anything need it

        ready = start(wanted, parent=main_process(), ready_file=run.directory / "server.json")
        return {"changed": False, "port": ready["port"], "path": ready["path"]}


def main_process() -> int:
    """The process id of Ansible's main process, whose fork runs this action."""
    return os.getppid()


class CleanUp(RunAction):
    """Remove what only this run needed, and record which nodes know of which others. Runs after a failure, too."""

    stage = Stage.CLEANUP.value

    def act(self, run: Run) -> dict[str, Any]:
        """One call; nothing where there is no cluster yet."""
        plan = Plan.from_json(run.read("plan"))
        begun = not plan.stage(Stage.INIT) or run.has(f"done/{Stage.INIT.value}/{plan.via}")
        if not begun:
            return NOTHING
        inputs = Inputs.load(run)
        answer = self.module(
            "clean_up",
            {
                "tokens": bool(plan.stage(Stage.CLEANUP)),
                "check_pods": bool(plan.stage(Stage.CHECK)),
                "fan_out": {} if plan.verb == "check" else fan_out_done(run, plan, inputs),
                "kubeconfig": not inputs.kubeconfig.exists() or bool(plan.stage(Stage.INIT)),
                "run": run.directory.name,
            },
        )
        if answer.get("kubeconfig"):
            topology = load_topology(run, inputs)
            server = f"https://{_bracket(topology[plan.via].main_access_ip.value)}:{inputs.settings.cluster.kube_apiserver_port}"
            if not topology.endpoint.local:
                server = topology.endpoint.url
            save_kubeconfig(inputs.kubeconfig, answer["kubeconfig"], topology.endpoint.url, server)
            run.event("kubeconfig", path=str(inputs.kubeconfig))
        return {"changed": bool(answer["changed"])}


def save_kubeconfig(path: Path, text: str, inside: str, outside: str) -> None:
    """Write the administrator's kubeconfig, mode 0600, with a server address that works from outside of the nodes."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(handle, "w") as stream:
        stream.write(text.replace(inside, outside))
    temporary.replace(path)


def fan_out_done(run: Run, plan: Plan, inputs: Inputs) -> dict[str, str]:
    """By Node, the digest of what it knows of the others: for hosts that are complete members after this run."""
    topology = load_topology(run, inputs)
    done = {}
    for host in topology.hosts:
        stages = [step.stage for step in plan.steps if step.host == host.name and step.stage is not Stage.CHECK]
        own = [
            stage
            for stage in stages
            if stage in (Stage.CONVERGE, Stage.INIT, Stage.JOIN_CONTROL_PLANE, Stage.JOIN_WORKER, Stage.FAN_OUT)
        ]
        complete = all(run.has(f"done/{stage.value}/{host.name}") for stage in own)
        left = any(event["event"] == "left" and event["host"] == host.name for event in run.events())
        inspected = run.has(f"inspections/{host.name}")
        if complete and not left and (inspected or Stage.FAN_OUT in own):
            done[host.node_name] = run.read(f"documents/{host.name}")["fan_out_digest"]
    return done


class Finish(RunAction):
    """Say how the run ended. A failure anywhere makes the run a failed one."""

    def act(self, run: Run) -> dict[str, Any]:
        """Write ``result``."""
        plan = Plan.from_json(run.read("plan"))
        failures = run.failures()
        left = [event for event in run.events() if event["event"] == "left"]
        run.write("result", {"failures": [event["error"] for event in failures], "left": left})
        run.event("finished", failed=len(failures))
        if failures:
            texts = [event["error"]["text"] for event in failures]
            advice = "Mend it and run the same command again; it goes on where this one stopped."
            return {"failed": True, "msg": "\n".join([f"{plan.verb} {plan.cluster} failed:", *texts, advice])}
        return {
            "changed": False,
            "msg": [f"{event['host']} was left for the next run: {event['cause']}" for event in left],
        }
