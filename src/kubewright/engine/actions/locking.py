"""Take the cluster's lock for a run, give it up, show and break it."""

from __future__ import annotations

import os
from typing import Any

from kubewright.engine.actions.base import RunAction
from kubewright.engine.inputs import Inputs
from kubewright.engine.lock import SUBJECT, ended_soon, held_error, this_holder
from kubewright.engine.lock_keeper import Keeper, start_keeper
from kubewright.engine.processes import has_ended, is_local
from kubewright.engine.record import Run
from kubewright.errors import LockedError, UnreachableError
from kubewright.observe import parse_cluster
from kubewright.plan import Plan, Stage

ENDING_SECONDS = 5.0
"""How long a command that was killed takes to end Ansible, at most."""


def lock_hosts(run: Run, plan: Plan, inputs: Inputs) -> list[str]:
    """Where the lock is taken.

    Where the plan says; for a reset, which outlives the cluster, on all control planes that answer, or where none does
    on the first host that is to be cleaned.
    """
    if plan.verb == "reset":
        answers = (*run.read_all("observations").items(), *run.read_all("hosts").items())
        answering = {name for name, answer in answers if answer["reachable"] and "failed" not in answer}
        return [name for name in inputs.names.control_plane if name in answering] or list(
            plan.hosts(Stage.CLEAN_NODE)[:1]
        )
    return list(plan.lock_places)


class LockPlaces(RunAction):
    """Say on which control planes the lock is taken.

    An action of the play that takes it: what an earlier play registered is known on that play's hosts only.
    """

    def act(self, run: Run) -> dict[str, Any]:
        """``hosts`` are in the order in which the lock is taken there."""
        return {"changed": False, "hosts": lock_hosts(run, Plan.from_json(run.read("plan")), Inputs.load(run))}


class TakeLock(RunAction):
    """Take the lock on one control plane and have it kept while Ansible lives."""

    def act(self, run: Run) -> dict[str, Any]:
        """One call where it is free, two where it is held. Write ``lock``."""
        plan = Plan.from_json(run.read("plan"))
        inputs = Inputs.load(run)
        # This action runs in a fork of Ansible's main process, which is what holds the lock.
        main = os.getppid()
        holder = run.read("lock")["holder"] if run.has("lock") else this_holder(run, inputs.request, main)
        new = bool(plan.stage(Stage.INIT))
        self._take(run, {"holder": holder, **_where(run, plan, self.host)})
        hosts = [*(run.read("lock")["hosts"] if run.has("lock") else ()), self.host]

        servers = _other_servers(run, self.host)

        def call(action: str) -> str:
            arguments = {"action": action, "id": holder["id"], "servers": servers}
            return str(self.call("run_lock", arguments).get("kept", "held"))

        def prepare() -> None:
            # In the keeper, which has no part in what Ansible's processes tell each other.
            self._display._final_q = None  # noqa: SLF001
            self._task.no_log = True

        kept = getattr(self._play_context, "connection_lockfd", None)
        start_keeper(
            Keeper(
                run=run,
                host=self.host,
                call=call,
                parent=main,
                # Elsewhere the run's last call gives it up, in a reset one for each host.
                release=new and self.host != plan.via,
                prepare=prepare,
                open_file=kept,
            )
        )
        run.write("lock", {"holder": holder, "hosts": hosts, "new_cluster": new})
        return {"changed": False}

    def _take(self, run: Run, arguments: dict[str, Any]) -> None:
        answer = self.call("run_lock", {"action": "acquire", **arguments})
        if not answer["taken"] and answer["verdict"] == "held":
            answer = self._insist(run, answer["holder"], arguments)
        if answer["taken"]:
            before = answer["holder"]
            if before and before["id"] != arguments["holder"]["id"]:
                run.event("note", host=self.host, text=f"took over the lock of a run that is gone: {_named(before)}")
            return
        again = "Run the same command again; it looks at the cluster anew"
        if answer["verdict"] == "changed":
            raise LockedError(SUBJECT, "another run has worked on the cluster since this one looked at it", again)
        if answer["verdict"] == "silent":
            cause = f"the run that held it is gone, and its lock was removed: {_named(answer['holder'])}"
            raise LockedError(SUBJECT, f"{cause}. It may have worked since this run looked at the cluster", again)
        raise held_error(answer["holder"])

    def _insist(self, run: Run, other: dict[str, str], arguments: dict[str, Any]) -> dict[str, Any]:
        """Ask once more with what the controller knows of the other's process, or watch whether it still renews."""
        if not has_ended(other):
            run.event("waiting", host=self.host, what=f"looking whether the lock's holder is alive: {_named(other)}")
        dead = other["id"] if ended_soon(other, ENDING_SECONDS if is_local(other) else 0.0) else ""
        return self.call("run_lock", {"action": "acquire", **arguments, "dead": dead, "watch": True})


def _other_servers(run: Run, host: str) -> list[str]:
    """URLs of the API servers that live on other control planes than the one where the lock is kept."""
    servers = run.read("endpoint")["servers"] if run.has("endpoint") else {}
    return [url for name, url in servers.items() if name != host]


def _where(run: Run, plan: Plan, host: str) -> dict[str, Any]:
    if plan.stage(Stage.INIT):
        return {"kind": "file"}
    observed = run.read(f"observations/{host}") if run.has(f"observations/{host}") else {}
    state = observed.get("state", {})
    if plan.verb != "reset":
        return {"kind": "lease", "expected": state.get("lock_version")}
    ours = bool(state.get("answers")) and parse_cluster(host, state).ours
    return {"kind": "both", "expected": state.get("lock_version")} if ours else {"kind": "file"}


def _named(holder: dict[str, str]) -> str:
    return f"{holder['command']} of {holder['user']} on {holder['host']} since {holder['since']}"


class Unlock(RunAction):
    """Show who holds the lock on one control plane, and break it where that is confirmed."""

    def act(self, run: Run) -> dict[str, Any]:
        """Write ``locks/HOST``; with ``id`` only the lock of that holder is broken."""
        try:
            seen = self.call("run_lock", {"action": "show"})
            found = {name: seen[name] for name in ("file", "lease", "silent")}
            holders = [found[name] for name in ("file", "lease") if found[name]]
            wanted = str(self._task.args.get("id") or "")
            broken = []
            if self._task.args.get("confirmed"):
                for identity in dict.fromkeys(holder["id"] for holder in holders):
                    if wanted in ("", identity):
                        self.call("run_lock", {"action": "release", "id": identity})
                        broken.append(identity)
            run.write(f"locks/{self.host}", {**found, "broken": broken})
        except UnreachableError as error:
            run.write(f"locks/{self.host}", {"unreachable": error.cause})
            return {"changed": False, "msg": f"{self.host} does not answer: {error.cause}"}
        return {"changed": bool(broken), "msg": [_named(holder) for holder in holders] or "nobody holds the lock"}


class Unlocked(RunAction):
    """Judge what showing and breaking gave."""

    def act(self, run: Run) -> dict[str, Any]:
        """Fails where no control plane could tell."""
        locks = run.read_all("locks")
        if locks and all("unreachable" in each for each in locks.values()):
            host, answer = next(iter(locks.items()))
            raise UnreachableError(f"host {host}", answer["unreachable"], "Bring a control plane back")
        return {"changed": False}


def holders_found(run: Run) -> list[dict[str, str]]:
    """Everybody who holds the lock, on whichever control plane, each once."""
    answers = run.read_all("locks").values()
    holders = [each[name] for each in answers for name in ("lease", "file") if each.get(name)]
    return list({holder["id"]: holder for holder in holders}.values())
