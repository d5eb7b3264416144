"""The common part of all actions: run folder, errors as results, and calls of the node side."""

from __future__ import annotations

import dataclasses
import gc
import shlex
import time
from pathlib import Path
from typing import Any, ClassVar

from ansible.plugins.action import ActionBase

from kubewright.engine.actions.failures import ansible_failures, call_error
from kubewright.engine.bastion import bastion_for, has_own_way
from kubewright.engine.giving_up import give_up_after_failures
from kubewright.engine.leftout import left_out
from kubewright.engine.lock import refuse_while_busy
from kubewright.engine.packing import COMPILED, answer_in, program
from kubewright.engine.record import Run, error_to_json
from kubewright.errors import KubewrightError, LockedError, StepFailedError

PYTHON = "/usr/bin/python3"
KEEP_ALIVE = "-o ServerAliveInterval=15 -o ServerAliveCountMax=4"
"""Nothing else ends a call to a host whose network was cut: nobody tells SSH, which only waits for the answer."""
LOCK_WAIT_SECONDS = 900
NOT_BEGUN: dict[str, Any] = {"failed": True, "msg": "not begun: the run is to stop"}
"""What an action answers, in part at least, where no further step is to begin."""
POLL_SECONDS = 2


class RunAction(ActionBase):  # type: ignore[misc]
    """An action of a run. Sub-classes implement :meth:`act` and may return any result fields."""

    _supports_check_mode = True
    _supports_diff = True
    stage: str = ""
    """The stage that a failure is journalled with; of an action of several stages, the one that it is at."""
    one_per_run: ClassVar[bool] = False
    ends_run: ClassVar[bool] = False
    """Whether it belongs to the end of a run, so that it also acts when the run is to stop."""
    through_another_host: bool = False
    """Whether SSH reaches the host through another one, so that the host does not see the controller."""

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Carry out the action; every KubewrightError becomes a failed result and a line in the journal."""
        # A fork of Ansible's main process that ends with the action: collecting what it inherited would only write to
        # all of its pages, and so have the machine keep a copy of them for each host.
        gc.freeze()
        result: dict[str, Any] = super().run(tmp, task_vars)
        self.variables: dict[str, Any] = task_vars or {}
        run = Run(Path(self._task.args["run"])) if "run" in self._task.args else None
        if run and run.has("stop") and not self.ends_run:
            result.update(NOT_BEGUN)
            return result
        try:
            # What Ansible itself raises on the way is told like everything else, wherever it comes from.
            with ansible_failures(self.host):
                self._prepare_ssh()
                result.update(self.act(run) if run else self.begin())
        except KubewrightError as error:
            if run:
                run.fail(error, host=self.host, stage=self.stage)
                give_up_after_failures(run)
                self.after_failure(run)
            result.update(failed=True, msg=str(error), kubewright_error=error_to_json(error))
        return result

    def _prepare_ssh(self) -> None:
        """Tell SSH which way to go and how long to wait for a host that has gone silent."""
        connection = self._connection
        if getattr(connection, "transport", "") != "ssh":
            return
        self._go_through_bastion(connection)
        # Of options that are given twice SSH takes the first, so the inventory's own count.
        common = str(connection.get_option("ssh_common_args") or "")
        connection.set_option("ssh_common_args", f"{common} {KEEP_ALIVE}".strip())

    def _go_through_bastion(self, connection: Any) -> None:
        """Have SSH go through the inventory's bastion, unless the host has a way of its own."""
        bastion = bastion_for(self.host, self.variables.get("groups", {}), self.variables.get("hostvars", {}))
        common = str(connection.get_option("ssh_common_args") or "")
        own_way = has_own_way(f"{common} {connection.get_option('ssh_extra_args') or ''}")
        self.through_another_host = own_way or bastion is not None
        if bastion is None or own_way:
            return
        bastion = dataclasses.replace(
            bastion,
            user=bastion.user or str(connection.get_option("remote_user") or ""),
            private_key=bastion.private_key or str(connection.get_option("private_key_file") or ""),
            check_host_key=bool(connection.get_option("host_key_checking")),
        )
        option = bastion.option(str(connection.get_option("ssh_executable") or "ssh"))
        connection.set_option("ssh_common_args", f"{common} {option}".strip())

    def after_failure(self, run: Run) -> None:
        """Do what is left to do when a failure of this action was journalled."""

    def begin(self) -> dict[str, Any]:
        """Act without a run's folder: only the first action of a run does."""
        raise StepFailedError(type(self).__name__, "argument run is missing")

    def act(self, run: Run) -> dict[str, Any]:
        """Do the work; return result fields."""
        raise NotImplementedError

    @property
    def host(self) -> str:
        """The inventory name of the host that calls are made on."""
        return str(self._task.args.get("host") or self.variables["inventory_hostname"])

    def call(self, name: str, arguments: dict[str, Any], *, check: bool = False) -> dict[str, Any]:
        """Have the host do a piece of work, by the name of the node side's call; one remote call.

        Raises:
            UnreachableError: no connection, or the login or sudo was refused.
            StepFailedError: the call failed; its own message is the cause.

        """
        with ansible_failures(self.host):
            done = self._run_program(program(name, arguments, check=check, kept=COMPILED))
        answered = answer_in(done["stdout"])
        if answered is None or answered.get("failed"):
            raise call_error(self.host, name, answered, done)
        return answered

    def _run_program(self, text: bytes) -> dict[str, Any]:
        """Have the host's Python run a program, with the task's become and environment: ``rc``, ``stdout``, ``stderr``.

        By its standard input; where the connection cannot do that, by a temporary file as Ansible's modules come.
        """
        words = [self._compute_environment_string(), *map(shlex.quote, shlex.split(self._python())), "-I", "-S"]
        python = " ".join(word for word in words if word)
        done: dict[str, Any]
        if self._connection.is_pipelining_enabled():
            done = self._low_level_execute_command(f"{python} -", in_data=text)
            return done
        folder = self._make_tmp_path()
        try:
            path = self._connection._shell.join_path(folder, "call.py")  # noqa: SLF001
            self._transfer_data(path, text)
            self._fixup_perms2((folder, path))
            done = self._low_level_execute_command(f"{python} {shlex.quote(path)}")
        finally:
            self._remove_tmp_path(folder)
        return done

    def _python(self) -> str:
        """The host's interpreter as the inventory names it, else :data:`PYTHON`: to look for one is a call."""
        delegated = self.variables.get("ansible_delegated_vars", {}).get(self._task.delegate_to or "")
        scope = self.variables if delegated is None else delegated
        named = str(self._templar.template(scope.get("ansible_python_interpreter") or ""))
        return PYTHON if not named or named.startswith("auto") else named

    def call_when_free(self, run: Run, name: str, arguments: dict[str, Any], *, check: bool = False) -> dict[str, Any]:
        """Make a call that needs the host's lock; while an earlier run's call holds it, wait and say so.

        Raises:
            LockedError: it was held for too long.
            UnreachableError, StepFailedError: as :meth:`call`.

        """
        deadline = time.monotonic() + LOCK_WAIT_SECONDS
        arguments = {**arguments, "run": run.directory.name, "lock_timeout": 0}
        while True:
            try:
                return self.call(name, arguments, check=check)
            except LockedError as error:
                self.wait_for_host(run, f"an earlier run still works there: {error.cause}", deadline)

    def wait_for_host(self, run: Run, what: str, deadline: float) -> None:
        """Say what is waited for, and wait a little.

        Raises:
            LockedError: the deadline, in monotonic seconds, has passed, or another run holds the cluster's lock.

        """
        if time.monotonic() > deadline or (run.has("stop") and not self.ends_run):
            raise LockedError(f"host {self.host}", what, "Wait for it, or look at that process")
        refuse_while_busy(run)
        run.event("waiting", host=self.host, what=what)
        self.say(f"{self.host}: waiting, {what}")
        time.sleep(POLL_SECONDS)
        run.write(f"waited/{self.host}", {"until": time.time()})

    def failed_by_hosts_left_out(self, run: Run) -> dict[str, Any] | None:
        """The result that ends a playbook which left hosts out; None where all were reached.

        The command line ends with an exit code of its own for it, after everything that it has to say.
        """
        error = None if self.variables.get("kubewright_run_directory") else left_out(run)
        if error is None:
            return None
        return {"failed": True, "msg": str(error), "kubewright_error": error_to_json(error)}

    def warn(self, run: Run, text: str, *, host: str = "") -> None:
        """Say something that went wrong without ending the run: in the journal, and in Ansible's output.

        ``host`` is where, empty for the controller.
        """
        run.event("note", host=host, text=text)
        self.say(f"Warning: {host}: {text}" if host else f"Warning: {text}")

    def say(self, line: str) -> None:
        """Print a line in Ansible's output."""
        self._display.display(line)
