"""The first actions of a run: read the inventory, ask a control plane, choose whom to look at.

Nothing is changed anywhere.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from ansible.module_utils.parsing.convert_bool import boolean
from ansible.utils.vars import load_extra_vars

from kubewright import __version__
from kubewright.engine.actions.base import RunAction
from kubewright.engine.aside import begin_aside, has_failed_aside, wait_for_aside
from kubewright.engine.documenting import DOCUMENTED
from kubewright.engine.finding import only_leaving_are_probed
from kubewright.engine.flow import choose_scope, find_cluster, known_addresses, make_documents, remember_addresses
from kubewright.engine.folders import create_run
from kubewright.engine.inputs import (
    INPUTS,
    Inputs,
    additions,
    number_of_failures,
    read_inputs,
    seconds_of_a_drain,
    split_names,
)
from kubewright.engine.leaving import asked_to_remove, refuse_unconfirmed
from kubewright.engine.record import Run, error_to_json
from kubewright.engine.request import Request
from kubewright.engine.saving import check_asked
from kubewright.errors import KubewrightError, UnreachableError
from kubewright.inventory import canonical_groups, from_hostvars, missing_groups
from kubewright.inventory.groups import CLUSTER, CONTROL_PLANE, ETCD
from kubewright.settings.names import RUN_NAMES

READ_ASIDE = 200
"""From how many hosts on an inventory is read while the control planes are asked, and so on: each takes a fork."""


class Begin(RunAction):
    """Read inventory and settings and open the run's folder."""

    def begin(self) -> dict[str, Any]:
        """Runs on the controller only; every host of the inventory is read, whatever the limit.

        Where the playbook says that it goes on with asking the control planes (``aside``), a large inventory is read
        meanwhile, and :class:`Scope` waits for it.

        ``outside`` are control planes that the play does not have, because of Ansible's own limit.
        ``additions`` are groups of hosts for the playbook to add: what this process adds to Ansible's inventory ends
        with it, and how a host is reached may be said in the ``group_vars`` of those groups.
        """
        variables = self.variables
        given = variables.get("kubewright_run_directory")
        run = Run(Path(str(given))) if given else None
        try:
            return self._begin(run)
        except KubewrightError as error:
            if run:
                run.event("failed", host="", stage="", error=error_to_json(error))
            raise

    def _begin(self, run: Run | None) -> dict[str, Any]:
        variables = self.variables
        ansible_limited = variables.get("ansible_limit") is not None
        played = tuple(str(name) for name in variables.get("ansible_play_hosts_all", ()))
        members = canonical_groups(variables["groups"])
        request = self._request(members, played if ansible_limited else None)
        control_planes = members[CONTROL_PLANE]
        missing: Mapping[str, Sequence[str]]
        if run and len(members[CLUSTER]) > READ_ASIDE and self._may_be_read_aside(request, control_planes):
            request.save(run)
            begin_aside(run, INPUTS, lambda: self._read(run, request, played))
            missing = missing_groups(variables["groups"], members)
        else:
            run, inputs = self._read(run, request, played)
            control_planes, missing = inputs.names.control_plane, inputs.missing_groups
        # A reset asks every host next, all other verbs the control planes.
        reached = inputs.names.all if request.verb == "reset" else control_planes
        return {
            "directory": str(run.directory),
            "control_planes": list(control_planes),
            "outside": [name for name in control_planes if ansible_limited and name not in played],
            "additions": additions(missing, reached),
            "changed": False,
        }

    def _request(self, members: Mapping[str, Sequence[str]], limited: tuple[str, ...] | None) -> Request:
        """What is asked for; ``limited`` are the hosts of the play under Ansible's own limit."""
        variables = self.variables
        limit = split_names(variables.get("kubewright_limit"))
        if limited is not None:
            cluster_hosts = {*members[CLUSTER], *members[ETCD]}
            limit = tuple(name for name in limited if name in cluster_hosts)
        verb = str(self._task.args["verb"])
        removing: tuple[str, ...] = ()
        if verb == "remove":
            removing = asked_to_remove(variables.get("node"), limit, limited)
            limit = None
        return Request(
            verb=verb,
            limit=limit,
            removing=removing,
            offline=boolean(variables.get("kubewright_offline", False)),
            ansible_limited=limited is not None,
            dry_run=bool(self._task.check_mode or boolean(variables.get("kubewright_dry_run", False))),
            force=_names(variables.get("kubewright_force")),
            drain_timeout=seconds_of_a_drain(variables.get("kubewright_drain_timeout")),
            max_failures=number_of_failures(variables.get("kubewright_max_failures")),
        )

    def _may_be_read_aside(self, request: Request, control_planes: Sequence[str]) -> bool:
        """Whether what comes next is to ask the control planes, and all of them."""
        if not control_planes or not boolean(self._task.args.get("aside", False)):
            return False
        if not request.removing:
            return True
        hostvars = self.variables["hostvars"]
        return not any(
            name in request.removing or "kube_override_hostname" in hostvars[name] for name in control_planes
        )

    def _read(self, run: Run | None, request: Request, played: tuple[str, ...]) -> tuple[Run, Inputs]:
        """Read inventory and settings; the run's folder, made where there is none yet."""
        variables = self.variables
        sources = [str(source) for source in variables.get("ansible_inventory_sources") or ()]
        inventory = from_hostvars(
            variables["hostvars"],
            variables["groups"],
            inventory_sources=sources,
            limited=played if request.ansible_limited else None,
        )
        inputs = read_inputs(
            inventory,
            request,
            str(variables.get("kubewright_state_directory") or ""),
            sources=sources,
            strict=str(variables.get("kubewright_strict", False)).lower() in ("true", "yes", "on", "1"),
        )
        inputs = replace(inputs, missing_groups=missing_groups(variables["groups"], inventory.groups))
        refuse_unconfirmed(request, inputs, variables)
        # This action runs in a fork of Ansible's main process, which lives as long as the run.
        run = run or create_run(Path(inputs.state_directory), request.verb, os.getppid())
        inputs.save(run)
        run.write("extra_vars", sorted(set(load_extra_vars(self._loader)) - RUN_NAMES))
        if plan_file := variables.get("kubewright_plan_file"):
            check_asked(Path(str(plan_file)), inputs, run.read("extra_vars"))
        run.event("begun", verb=request.verb, limit=request.limit, dry_run=request.dry_run, kubewright=__version__)
        return run, inputs


class Observe(RunAction):
    """Ask one control plane for the state of the cluster. One that does not answer, or cannot, is an answer, too."""

    def act(self, run: Run) -> dict[str, Any]:
        """``found`` ends the playbook's loop over the control planes, as does an inventory that cannot be read.

        Given the ``last`` of them, what ends the loop also chooses the hosts, as :class:`Scope` does where documents
        come next.
        """
        found = has_failed_aside(run, INPUTS) or ask_for_state(self, run)
        result = {"found": found, "changed": False}
        if "last" not in self._task.args or not (found or self.host == self._task.args["last"]):
            return result
        return {**result, **looking(self, run)}


def looking(action: RunAction, run: Run) -> dict[str, Any]:
    """The part of a result by which one host carries to the plays that follow what :func:`scope_of` gave.

    Ansible adds it to its inventory as if its own ``add_host`` had said so, which is an action and a process of its
    own. It is the one host of ``kubewright_looking``, for to add each of a thousand takes ten seconds. Where others are
    to be put into groups of today's names before they are reached, it is in ``kubewright_regrouping`` too, and
    ``kubewright_others`` are those. Nobody is it where a limit leaves no host of the cluster.
    """
    scope = scope_of(action, run, goes_on=True)
    if not scope["hosts"]:
        return {}
    inputs = Inputs.load(run)
    first = scope["hosts"][0]
    added = [
        *inputs.additions([first], "kubewright_looking"),
        *inputs.additions(scope["hosts"][1:]),
        *_outside(action, inputs, scope),
    ]
    groups = [name for each in added if each["host"] == first for name in each["groups"]]
    others = [each for each in added if each["host"] != first]
    variables = {
        "kubewright_others": others,
        "kubewright_looked_at": scope["hosts"],
        "kubewright_probed": scope["probed"],
        "kubewright_undocumented": scope["undocumented"],
        "kubewright_run_at": str(run.directory),
        "kubewright_spoken_for_by": scope["via"],
        "kubewright_outside": scope["delegated"],
    }
    if others:
        groups.append("kubewright_regrouping")
    return {"add_host": {"host_name": first, "groups": groups, "host_vars": variables}}


def ask_for_state(action: RunAction, run: Run) -> bool:
    """Ask the action's host and write ``observations/HOST``; whether the cluster's API answered."""
    asked = time.time()
    answer: dict[str, Any] = {"reachable": True, "state": {}}
    # Only status tells them.
    details = Request.load(run).verb == "status"
    try:
        told = action.call("cluster_state", {"timeout": 10, "details": details})
        answer["state"] = json.loads(told["state"])
    except UnreachableError as error:
        answer = {"reachable": False, "error": error.cause, "remedy": error.remedy}
    except KubewrightError as error:
        # A full disk, no Python: another control plane can tell as well, and this one is shown with its reason.
        run.event("note", host=action.host, text=f"it was asked for the cluster's state and failed: {error}")
        answer["failed"] = error_to_json(error)
    run.write(f"observations/{action.host}", {**answer, "time": asked})
    return bool(answer.get("state", {}).get("answers"))


def ask_again_after_waiting(action: RunAction, run: Run) -> bool:
    """Ask the action's host again where an earlier run's call was waited for since; whether it was.

    That call may have changed the cluster meanwhile: a member that was being restarted is healthy now.
    """
    if not run.has(f"observations/{action.host}"):
        return False
    waited = max((host["until"] for host in run.read_all("waited").values()), default=0.0)
    if waited <= run.read(f"observations/{action.host}")["time"]:
        return False
    ask_for_state(action, run)
    return True


def _names(value: Any) -> tuple[str, ...]:
    """Names as given by ``-e kubewright_force=a,b`` or as a list."""
    parts = value.split(",") if isinstance(value, str) else value or ()
    return tuple(str(part).strip() for part in parts if str(part).strip())


class Scope(RunAction):
    """Decide which hosts this run looks at."""

    def act(self, run: Run) -> dict[str, Any]:
        """See :func:`scope_of`; ``aside`` says that documents come next. ``additions``: see :class:`Begin`."""
        scope = scope_of(self, run, goes_on=boolean(self._task.args.get("aside", False)))
        inputs = Inputs.load(run)
        additions = [
            *inputs.additions(dict.fromkeys(scope["told"]), "kubewright_scope"),
            *inputs.additions(scope["probed"], "kubewright_scope", "kubewright_unknown"),
            *_outside(self, inputs, scope),
        ]
        return {**scope, "additions": additions, "changed": False}


def scope_of(action: RunAction, run: Run, *, goes_on: bool) -> dict[str, Any]:
    """See :func:`kubewright.engine.flow.choose_scope`; ``probed`` are those of its hosts that are.

    Of hosts that need no probe ``hosts/HOST`` is written here: to compare them is the first call.

    Where documents come next (``goes_on``) and need not wait for a probe, they are made here; where they need only not
    wait for the probes of hosts that leave, they are begun aside, by a run of the command's: what it leaves running
    ends with it. ``undocumented`` are the hosts whose play has :class:`.looking.Document`, none where that was all.
    """
    wait_for_aside(run, INPUTS)
    scope = choose_scope(run, action.variables.get("groups", {}).get("all", ()))
    for name in scope["told"]:
        run.write(f"hosts/{name}", {"reachable": True, "time": time.time()})
    told = frozenset(scope["told"])
    probed = [name for name in scope["hosts"] if name not in told]
    documented = goes_on and bool(scope["hosts"]) and not probed and not scope["delegated"]
    by_command = "kubewright_run_directory" in action.variables
    if documented:
        run.write(DOCUMENTED, make_documents(run))
    elif goes_on and by_command and only_leaving_are_probed(Inputs.load(run), scope):
        begin_aside(run, DOCUMENTED, lambda: run.write(DOCUMENTED, make_documents(run)))
    return {**scope, "probed": probed, "undocumented": [] if documented else scope["hosts"]}


def _outside(action: RunAction, inputs: Inputs, scope: Mapping[str, Any]) -> list[dict[str, Any]]:
    """What is to be added for hosts that the play has not: one that it has, in ``kubewright_prober``, asks for them."""
    played = action.variables.get("ansible_play_hosts_all", ())
    return [
        *inputs.additions(scope["delegated"]),
        *inputs.additions(played[:1] if scope["delegated"] else (), "kubewright_prober"),
    ]


class Remember(RunAction):
    """Keep the addresses that this run found."""

    def act(self, run: Run) -> dict[str, Any]:
        """Runs on the controller only."""
        inputs = Inputs.load(run)
        cluster = find_cluster(run, inputs).cluster
        remember_addresses(run, inputs, known_addresses(run, inputs, cluster))
        return {"changed": False}
