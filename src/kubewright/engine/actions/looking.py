"""Probe, compare and plan. Nothing is changed anywhere."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from ansible.module_utils.parsing.convert_bool import boolean

from kubewright.engine.actions.base import LOCK_WAIT_SECONDS, RunAction
from kubewright.engine.actions.failures import NO_CONNECTION
from kubewright.engine.actions.reporting import EndingAction
from kubewright.engine.actions.understanding import ask_again_after_waiting
from kubewright.engine.aside import wait_for_aside
from kubewright.engine.documenting import DOCUMENTED
from kubewright.engine.finding import find_cluster
from kubewright.engine.flow import load_cluster_document, make_documents, make_plan
from kubewright.engine.inputs import Inputs, leaving_hosts
from kubewright.engine.keeping import keep_inventory
from kubewright.engine.record import ANSWER_SECONDS, Run, error_to_json
from kubewright.engine.saving import refuse_stale
from kubewright.engine.time_limit import OutOfTimeError, at_most
from kubewright.errors import BadInputError, KubewrightError, StepFailedError, UnreachableError
from kubewright.plan import Plan, Stage
from kubewright.report.text import plan_lines

CONNECT_SECONDS = 5
"""How long a host that is said to be dead may take to answer SSH."""
ANSWER_OF_THE_DEAD_SECONDS = 20
"""How long all of that attempt may take: half a host may take connections and never answer."""


class Examine(RunAction):
    """Probe one host; if another run's module still works there, wait for it and say so.

    Of a host that is said to be dead it is only asked, once and shortly, whether it answers.
    """

    def act(self, run: Run) -> dict[str, Any]:
        """Write ``hosts/HOST``."""
        inputs = Inputs.load(run)
        leaving = self.host in {host.name for host in leaving_hosts(inputs)}
        if leaving and inputs.request.offline:
            return self._ask_shortly(run)
        try:
            return self._probe(run)
        except KubewrightError as error:
            answer = leave_out(run, self.host, error)
            known = self.host in {host.name for host in inputs.leaving}
            if known and not isinstance(error, UnreachableError):
                raise  # it is to be cleaned, which is nothing to be left; one that the inventory lacks may be anything
            return answer

    def _ask_shortly(self, run: Run) -> dict[str, Any]:
        if getattr(self._connection, "transport", "") == "ssh":
            self._connection.set_option("timeout", CONNECT_SECONDS)
            self._connection.set_option("reconnection_retries", 0)
        try:
            with at_most(ANSWER_OF_THE_DEAD_SECONDS):
                facts = self.call("probe", {})["facts"]
        except (BadInputError, StepFailedError, UnreachableError) as error:
            silent = error.cause.startswith(NO_CONNECTION) and "refused" not in error.cause
            note_unreachable(run, self.host, error, answered=not silent)
            return {"changed": False, "reachable": False}
        except OutOfTimeError:
            hanging = UnreachableError(f"host {self.host}", "it took the connection and did not answer any more")
            note_unreachable(run, self.host, hanging, answered=True)
            return {"changed": False, "reachable": False}
        run.write(f"hosts/{self.host}", {"reachable": True, "facts": facts, "time": time.time()})
        return {"changed": False, "reachable": True}

    def _probe(self, run: Run) -> dict[str, Any]:
        deadline = time.monotonic() + LOCK_WAIT_SECONDS
        while True:
            asked = time.time()
            facts = self.call("probe", {})["facts"]
            busy = facts.get("busy")
            if not busy:
                break
            self._wait(run, busy, deadline)
        now = (asked + time.time()) / 2
        run.write(f"hosts/{self.host}", {"reachable": True, "facts": facts, "time": now})
        return {"changed": False, "reachable": True}

    def _wait(self, run: Run, busy: dict[str, Any], deadline: float) -> None:
        what = f"{busy.get('action', 'a change')} (process {busy.get('pid', '?')}) of an earlier run still works there"
        self.wait_for_host(run, what, deadline)


def note_unreachable(run: Run, host: str, error: KubewrightError, *, answered: bool = False) -> None:
    """Write that a host could not be looked at; whether that matters is decided for all hosts together.

    ``answered`` says that something is there all the same; noted of hosts that are said to be dead.
    """
    noted = {"reachable": False, "cause": error.cause, "remedy": error.remedy, "time": time.time()}
    if isinstance(error, UnreachableError):
        run.event("unreachable", host=host, cause=error.cause)
    else:
        answered = True
        noted["failed"] = error_to_json(error)
        run.event("note", host=host, text=f"it could not be looked at: {error}")
    run.write(f"hosts/{host}", {**noted, "answered": answered})


def leave_out(run: Run, host: str, error: KubewrightError) -> dict[str, Any]:
    """Write that a host could not be looked at, so that no step is planned on it; the action's result.

    Raises:
        KubewrightError: the error, where it is more than this host's trouble: another run is at work, the host is
            somebody else's.

    """
    note_unreachable(run, host, error)
    if not isinstance(error, (UnreachableError, StepFailedError, BadInputError)):
        raise error
    return {"changed": False, "reachable": False}


class Document(RunAction):
    """Compute topology and documents.

    Where an earlier run was waited for on a host, that one may have changed the cluster meanwhile: then the control
    plane that speaks is first asked again, and what :class:`Scope` had begun is not good any more.
    """

    def act(self, run: Run) -> dict[str, Any]:
        """See :func:`kubewright.engine.flow.make_documents`."""
        asked_again = ask_again_after_waiting(self, run)
        try:
            wait_for_aside(run, DOCUMENTED)
        except KubewrightError:
            if not asked_again:
                raise
        if asked_again or not run.has(DOCUMENTED):
            return {**make_documents(run), "changed": False}
        return {**run.read(DOCUMENTED), "changed": False}


class Inspect(RunAction):
    """Compare one host with its document, by the code that would change it."""

    def act(self, run: Run) -> dict[str, Any]:
        """Write ``inspections/HOST``; under ``--check --diff`` the differences are the result."""
        wanted = self.host in run.read("scope")["scope"] and Inputs.load(run).request.verb != "check"
        if not wanted or not run.read(f"hosts/{self.host}")["reachable"]:
            return {"changed": False, "skipped": True}
        arguments = {"document": run.read(f"documents/{self.host}")}
        speaks = self.host == run.read("scope")["via"]
        objects = _objects_arguments(run, self.host) if speaks else None
        if objects is not None:
            arguments["cluster_objects"] = objects
        try:
            answer = self.call_when_free(run, "converge", arguments, check=True)
        except KubewrightError as error:
            return leave_out(run, self.host, error)
        if objects is not None and "cluster_objects" in answer:
            run.write("objects", {key: answer["cluster_objects"][key] for key in COMPARED})
        found = {name: answer[name] for name in ("changes", "restarted", "replaced", "credentials", "ssh_client")}
        warnings = list(answer.get("warnings", ()))
        run.write(f"inspections/{self.host}", {**found, "warnings": warnings})
        shown: dict[str, Any] = {"changed": False}
        if self._task.check_mode:
            shown = {"changed": bool(answer["changes"]), "diff": answer["diff"]}
        return shown


COMPARED = ("changes", "node_changes", "missing_nodes", "configuration_changes", "proxy_stale", "not_compared")


def compare_objects(action: RunAction, run: Run, *, again: bool = False) -> None:
    """Compare the cluster's objects, labels and taints with what they should be, and write ``objects``.

    The action's host is the control plane that speaks. Where that is in scope this was done with its comparison, if it
    could be; then only ``again``.
    """
    arguments = None if run.has("objects") and not again else _objects_arguments(run, action.host)
    if arguments is None:
        return
    unfit = _unfit_kubeadm(run, action.host)
    if unfit:
        del arguments["kubeadm_configuration"]
    answer = action.call_when_free(run, "objects", arguments, check=True)
    run.write("objects", {key: answer[key] for key in COMPARED} | ({"not_compared": unfit} if unfit else {}))


def _objects_arguments(run: Run, host: str) -> dict[str, Any] | None:
    """What a control plane is asked to compare; None in a cluster that is not there or not ours, and for scale."""
    inputs = Inputs.load(run)
    cluster = find_cluster(run, inputs).cluster
    if cluster is None or not cluster.ours or inputs.request.verb in ("scale", "remove"):
        return None
    document = load_cluster_document(run)
    return {
        "objects": list(document.objects),
        "node_metadata": document.node_metadata,
        "former_names": run.read("former_names"),
        "kubeadm_configuration": document.kubeadm_init.get(host, ""),
    }


def _unfit_kubeadm(run: Run, host: str) -> str:
    """Why kubeadm on a host cannot be asked what it would upload; empty where it can."""
    inspected = run.has(f"inspections/{host}")
    if not inspected or "kubeadm" not in run.read(f"inspections/{host}")["replaced"]:
        return ""
    return "kubeadm is not the one that should be, so its objects in the cluster were not compared"


class MakePlan(EndingAction):
    """Compute the plan, show it, and say which hosts it touches. Where nothing follows, it ends the run.

    Given a ``host``, that control plane is first asked to compare the cluster's objects, if that was not done; and to
    tell the cluster's state once more, where an earlier run was waited for since.
    """

    def act(self, run: Run) -> dict[str, Any]:
        """``hosts`` is empty for a dry run and for an empty plan; ``additions`` are for the playbook to add.

        Under ``--check`` what differs of the cluster's objects is the result, as hosts show what differs of them.
        """
        if "host" in self._task.args:
            compare_objects(self, run, again=ask_again_after_waiting(self, run))
        plan = make_plan(run)
        if plan_file := self.variables.get("kubewright_plan_file"):
            refuse_stale(Path(str(plan_file)), run, plan)
        inputs = Inputs.load(run)
        lines = plan_lines(plan)
        run.event("planned", steps=len(plan.steps))
        for line in lines:
            self.say(line)
        go = not plan.empty and not inputs.request.dry_run and self._confirmed(run)
        played = [str(name) for name in self.variables.get("ansible_play_hosts_all", ())]
        if go:
            self._keep_inventory(run, inputs)
        hosts = _hosts(plan, played) if go else []
        told = plan.hosts(Stage.FAN_OUT) if go else ()
        additions = [
            *inputs.additions(hosts, "kubewright_active"),
            *inputs.additions(name for name in told if name not in hosts),
        ]
        result = {
            "changed": False,
            "hosts": hosts,
            # One host knows the names of those that are told: to add a thousand hosts takes Ansible ten seconds.
            "additions": [{**each, "told": [] if number else list(told)} for number, each in enumerate(additions)],
            "plan": lines,
        }
        if self._task.check_mode:
            result |= _shown(plan)
        if hosts:
            return result
        self.end(run)
        return self.failed_by_hosts_left_out(run) or result

    def _keep_inventory(self, run: Run, inputs: Inputs) -> None:
        kept = keep_inventory(run, inputs.sources)
        if kept.refusal:
            self.warn(run, kept.refusal)
        if kept.folder:
            run.event("inventory", path=str(kept.folder))
            self.say(f"inventory kept: {kept.folder}")

    def after_failure(self, run: Run) -> None:
        """A plan that was refused has a report, too."""
        if run.has("plan"):
            self.end(run)

    def _confirmed(self, run: Run) -> bool:
        """Whether the one who sits before the command says yes; asked only where the command wants it.

        Ansible's own input is not the user's terminal, so the answer comes by a file in the run's folder.
        """
        by_command = self.variables.get("kubewright_run_directory")
        if not by_command or not boolean(self.variables.get("kubewright_confirm", False)):
            return True
        run.event("asked")
        answer = run.wait_for("answer", ANSWER_SECONDS)
        if answer is not None and answer["go"] is True:
            return True
        run.event("declined", cause="the answer was no" if answer else "nobody answered")
        return False


def _shown(plan: Plan) -> dict[str, Any]:
    """Changes of API objects as Ansible shows differences."""
    changes = [change for step in plan.steps for change in step.changes if change.id.startswith("object:")]
    texts = (f"{change.id}: {change.action}\n{change.diff}".rstrip("\n") + "\n" for change in changes)
    return {"changed": bool(changes), "diff": [{"prepared": text} for text in texts]}


def _hosts(plan: Plan, played: list[str]) -> list[str]:
    """The hosts that have steps of their own besides being told of others; one at least, for what is delegated.

    Being told is one task, in a play of its own. These go through every task there is.
    """
    own = (
        Stage.CONVERGE,
        Stage.CONTROL_PLANE_CONFIG,
        Stage.KUBELET_CONFIG,
        Stage.JOIN_CONTROL_PLANE,
        Stage.JOIN_WORKER,
        Stage.CLEAN_NODE,
        Stage.CHECK,
    )
    hosts = list(dict.fromkeys(step.host for step in plan.steps if step.stage in own))
    return hosts or played[:1]
