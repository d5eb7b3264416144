"""End a run: remove what only it needed, record what it achieved, say how it ended."""

from __future__ import annotations

import datetime as dt
import getpass
import os
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from kubewright import __version__
from kubewright.engine.actions.base import RunAction
from kubewright.engine.actions.reporting import EndingAction
from kubewright.engine.actions.steps import NOTHING
from kubewright.engine.fan_out import fan_out_digests
from kubewright.engine.flow import api_url, load_topology
from kubewright.engine.inputs import Inputs, leaving_hosts
from kubewright.engine.lock import lock_id, lock_lost
from kubewright.engine.planning import node_reference
from kubewright.engine.record import Run
from kubewright.errors import KubewrightError
from kubewright.plan import Plan, Stage, Step
from kubewright.report.outcome import changed_steps
from kubewright.topology import node_name


class CleanUp(RunAction):
    """Remove what only this run needed, and record which nodes know of which others. Runs after a failure, too."""

    stage = Stage.CLEANUP.value
    ends_run = True

    def act(self, run: Run) -> dict[str, Any]:
        """One call, which gives the cluster's lock up as well; none where the run does not hold it."""
        if not run.has("lock") or lock_lost(run):
            # What is there now, tokens and check pods, may be another run's.
            return NOTHING
        run.write("lock_ending", {})
        try:
            if not Plan.from_json(run.read("plan")).stage(Stage.CLEANUP):
                return self._clean_up(run)
            with run.step(self.stage, self.host) as outcome:
                outcome["ok"] = False
                result = self._clean_up(run)
                outcome.update(ok=True, changed=bool(result["changed"]))
            return result
        finally:
            if not run.has("lock_released"):
                # There is no cluster yet, or cleaning up failed.
                give_up_lock(self, run)

    def _clean_up(self, run: Run) -> dict[str, Any]:
        plan = Plan.from_json(run.read("plan"))
        begun = not plan.stage(Stage.INIT) or run.has(f"done/{Stage.INIT.value}/{plan.via}")
        if not begun:
            return NOTHING
        inputs = Inputs.load(run)
        answer = self.call_when_free(
            run,
            "clean_up",
            {
                "tokens": bool(plan.stage(Stage.CLEANUP)),
                "check_pods": bool(plan.stage(Stage.CHECK) or plan.stage(Stage.CLEANUP)),
                "fan_out": {} if plan.verb == "check" else fan_out_done(run, plan, inputs),
                "removed": removed_nodes(run, plan, inputs),
                "last": {} if plan.verb == "check" else this_run(plan.verb),
                "changed_before": changed_steps(run.events()) > 0,
                # It may name the control plane that left.
                "kubeconfig": not inputs.kubeconfig.exists()
                or bool(plan.stage(Stage.INIT) or plan.stage(Stage.REMOVE_MEMBER)),
                "lock_id": lock_id(run),
            },
        )
        run.write("lock_released", {})
        if answer.get("kubeconfig"):
            topology = load_topology(run, inputs)
            local = topology.endpoint.local
            server = api_url(topology[plan.via], inputs) if local else topology.endpoint.url
            save_kubeconfig(inputs.kubeconfig, answer["kubeconfig"], topology.endpoint.url, server)
            run.event("kubeconfig", path=str(inputs.kubeconfig))
        return {"changed": bool(answer["changed"])}


def give_up_lock(action: RunAction, run: Run) -> None:
    """Give the lock up on the action's host by a call of its own.

    That it fails is said and is no failure of the run: nobody renews the lock any more, so it expires by itself.
    """
    run.write("lock_released", {})
    try:
        action.call("run_lock", {"action": "release", "id": lock_id(run)})
    except KubewrightError as error:
        text = f"the cluster's lock was not given up, so the next run has to see that it has expired: {error}"
        action.warn(run, text, host=action.host)


class GiveUpLock(RunAction):
    """Give the lock up on one of several control planes, at the end of a run that outlives the cluster."""

    ends_run = True

    def act(self, run: Run) -> dict[str, Any]:
        """Nothing where the run did not take it there."""
        if not run.has("lock") or self.host not in run.read("lock")["hosts"]:
            return NOTHING
        give_up_lock(self, run)
        return {"changed": False}


def this_run(verb: str) -> dict[str, str]:
    """What the cluster's record says of a run that changed something: verb, user, host, time (UTC) and version."""
    return {
        "verb": verb,
        "user": _user(),
        "host": socket.gethostname(),
        "time": dt.datetime.now(dt.UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "version": __version__,
    }


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        # A container's user need not have a name.
        return str(os.getuid())


def save_kubeconfig(path: Path, text: str, inside: str, outside: str) -> None:
    """Write the administrator's kubeconfig, mode 0600, with a server address that works from outside of the nodes."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(handle, "w") as stream:
        stream.write(text.replace(inside, outside))
    temporary.replace(path)


_OF_DOCUMENTS = frozenset(
    {
        Stage.CONVERGE,
        Stage.CONTROL_PLANE_CONFIG,
        Stage.KUBELET_CONFIG,
        Stage.INIT,
        Stage.JOIN_CONTROL_PLANE,
        Stage.JOIN_WORKER,
        Stage.FAN_OUT,
    }
)
"""Stages after which a host is as its document says."""


def fan_out_done(run: Run, plan: Plan, inputs: Inputs) -> dict[str, str]:
    """By Node, the digest of what it knows of the others: for hosts that are complete members after this run."""
    digests = fan_out_digests(run)
    left = {event["host"] for event in run.events() if event["event"] == "left"}
    unlabelled = set(_unlabelled(run, plan))
    own: dict[str, list[Stage]] = {}
    for step in plan.steps:
        if step.stage in _OF_DOCUMENTS:
            own.setdefault(step.host, []).append(step.stage)
    told = {name for name, stages in own.items() if Stage.FAN_OUT in stages} | run.names("inspections")
    ended = {name for name in told - left if all(run.has(f"done/{stage}/{name}") for stage in own.get(name, ()))}
    nodes = {name: node_name(name, inputs.settings) for name in inputs.names.all if name in ended}
    return {node: digests[name] for name, node in nodes.items() if f"object:{node_reference(node)}" not in unlabelled}


def _unlabelled(run: Run, plan: Plan) -> Iterator[str]:
    """Nodes whose labels and taints were to be set and are not: one step of the speaker's for all of them."""
    for step in plan.stage(Stage.METADATA):
        if not run.has(f"done/{step.stage.value}/{step.host}"):
            yield from (change.id for change in step.changes)


def removed_nodes(run: Run, plan: Plan, inputs: Inputs) -> list[str]:
    """Names of the Nodes whose removal is complete: all that was planned for them is done, and the others were told."""

    def done(step: Step) -> bool:
        return run.has(f"done/{step.stage.value}/{step.host}")

    if plan.verb != "remove" or not all(done(step) for step in plan.stage(Stage.FAN_OUT)):
        return []
    hosts = {host.name: host.node_name for host in leaving_hosts(inputs)}
    return [node for name, node in hosts.items() if all(done(step) for step in plan.steps if step.host == name)]


class Finish(EndingAction):
    """Say how the run ended and leave its report. A failure anywhere makes the run a failed one."""

    ends_run = True

    def act(self, run: Run) -> dict[str, Any]:
        """Write ``result``."""
        plan = Plan.from_json(run.read("plan"))
        failures = run.failures()
        left = [event for event in run.events() if event["event"] == "left"]
        run.write("result", {"failures": [event["error"] for event in failures], "left": left})
        self.end(run)
        if failures:
            texts = [event["error"]["text"] for event in failures]
            advice = "Mend it and run the same command again; it goes on where this one stopped."
            return {"failed": True, "msg": "\n".join([f"{plan.verb} {plan.cluster} failed:", *texts, advice])}
        if untold := _untold(run, plan):
            return {
                "failed": True,
                "msg": f"{', '.join(untold)} {'were' if untold[1:] else 'was'} not told of the others",
            }
        said = {
            "changed": False,
            "msg": [f"{event['host']} was left for the next run: {event['cause']}" for event in left],
        }
        return self.failed_by_hosts_left_out(run) or said


def _untold(run: Run, plan: Plan) -> list[str]:
    """Hosts whose fan-out did not come to an end and was not left, as where the run was to stop.

    The playbook goes on after it, so that nothing else would tell.
    """
    left = {event["host"] for event in run.events() if event["event"] == "left"}
    stage = Stage.FAN_OUT
    return [name for name in plan.hosts(stage) if name not in left and not run.has(f"done/{stage.value}/{name}")]
