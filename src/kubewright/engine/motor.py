"""Run a playbook of the collection by ansible-runner, on a leash, and tell what happens while it runs."""

from __future__ import annotations

import getpass
import os
import shlex
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any

import pexpect
from ansible_runner import Runner, RunnerConfig
from ptyprocess import PtyProcess

import kubewright
from kubewright.engine import early
from kubewright.engine.leash import children
from kubewright.engine.private_folder import private_folder
from kubewright.engine.record import Run, error_from_json
from kubewright.errors import BadInputError, KubewrightError, StepFailedError

FORKS = 20
TAIL_LINES = 30


@dataclass(frozen=True)
class Connection:
    """How hosts are reached, as ``ansible-playbook`` takes it.

    Passwords are asked for here and travel by the terminal, never by a file.
    """

    user: str = ""
    private_key: str = ""
    ask_pass: bool = False
    ask_become_pass: bool = False
    vault_password_files: tuple[str, ...] = ()
    ask_vault_pass: bool = False
    extra_vars: tuple[str, ...] = ()
    forks: int = FORKS


@dataclass(frozen=True)
class Outcome:
    """How a playbook ended. ``output`` is Ansible's own text; ``presses`` is how often Ctrl-C was pressed meanwhile."""

    status: str
    return_code: int
    output: str
    presses: int = 0


Listener = Callable[[dict[str, Any]], None]


def run_playbook(
    playbook: str,
    inventories: Sequence[str],
    *,
    variables: dict[str, Any],
    connection: Connection,
    listener: Listener,
    stop: Callable[[], None],
) -> Outcome:
    """Run ``kubewright.cluster.PLAYBOOK``; each runner event goes to ``listener``.

    The first Ctrl-C (or SIGTERM) calls ``stop``, which lets the run end in good order; the second one ends it at once.

    Passwords are never in ansible-runner's folder; what it notes there of the user's environment is removed at once.
    """
    lines: list[str] = []
    with private_folder() as folder:
        config = _config(folder, playbook, inventories, variables, connection)

        def handle(event: dict[str, Any]) -> bool:
            (Path(config.artifact_dir) / "command").unlink(missing_ok=True)
            lines.extend(event.get("stdout", "").splitlines())
            listener(event)
            return False  # what matters is in the journal; runner's own copy of each event is not kept

        with _interruptible(stop) as presses, _begun_already(config.command[len(_program()) :]):
            runner = Runner(config=config, event_handler=handle)
            runner.run()
    return Outcome(str(runner.status), int(runner.rc or 0), "\n".join(lines), presses())


def _config(
    folder: Path, playbook: str, inventories: Sequence[str], variables: dict[str, Any], connection: Connection
) -> RunnerConfig:
    command_line, passwords = _command_line(connection)
    config = RunnerConfig(
        private_data_dir=str(folder),
        playbook=f"kubewright.cluster.{playbook}",
        inventory=[str(Path(source).absolute()) if Path(source).exists() else source for source in inventories],
        extravars=variables,
        cmdline=command_line,
        passwords=passwords,
        envvars=_environment(),
        fact_cache_type="memory",
        quiet=True,
        rotate_artifacts=0,
    )
    config.prepare()
    config.cwd = str(Path.cwd())
    config.suppress_ansible_output = True
    if "ANSIBLE_HOST_KEY_CHECKING" not in os.environ:
        # ansible-runner turns the check of host keys off; that is for the user to decide, who has Ansible's settings.
        del config.env["ANSIBLE_HOST_KEY_CHECKING"]
    config.command = [*_program(), *config.command[1:]]
    return config


def _program() -> list[str]:
    return [sys.executable, "-m", "kubewright.engine.ansible_process", str(os.getpid())]


@contextmanager
def _begun_already(arguments: list[str]) -> Iterator[None]:
    """Have pexpect, by which ansible-runner starts a process, take the one that the command began with, if it did."""

    class Taking(pexpect.spawn):  # type: ignore[misc]
        def _spawnpty(self, args: list[bytes], **options: Any) -> Any:
            begun = early.order(arguments, options["env"], options["cwd"])
            process = super()._spawnpty(args, **options) if begun is None else PtyProcess(*begun)
            # ansible-runner closes the terminal of one that has ended: nothing is to be waited for.
            process.delayafterclose = 0.0
            return process

    usual, pexpect.spawn = pexpect.spawn, Taking
    try:
        yield
    finally:
        pexpect.spawn = usual


def _environment() -> dict[str, str]:
    """Settings of Ansible's that are ours to choose; everything else stays as the user has it."""
    source = str(Path(kubewright.__file__).parent.parent)
    paths = [path for path in (source, os.environ.get("PYTHONPATH", "")) if path]
    return {
        "PYTHONPATH": os.pathsep.join(paths),
        "ANSIBLE_RETRY_FILES_ENABLED": "0",
        "ANSIBLE_LOCALHOST_WARNING": "0",
        "ANSIBLE_INVENTORY_IGNORE_REGEX": os.environ.get("ANSIBLE_INVENTORY_IGNORE_REGEX", "^artifacts$"),
        "ANSIBLE_CALLBACK_RESULT_FORMAT": "yaml",
        # No play gathers facts: looking for some once a host and task is what a large inventory waits for.
        "ANSIBLE_CACHE_PLUGIN": "memory",
        "ANSIBLE_INJECT_FACT_VARS": "0",
    }


def _command_line(connection: Connection) -> tuple[str, dict[str, str]]:
    """Options for ``ansible-playbook`` and what to answer when it asks."""
    options = [f"--forks {connection.forks}"]
    passwords: dict[str, str] = {}
    if connection.user:
        options.append(f"-u {shlex.quote(connection.user)}")
    if connection.private_key:
        options.append(f"--private-key {shlex.quote(connection.private_key)}")
    options += [f"--vault-password-file {shlex.quote(path)}" for path in connection.vault_password_files]
    options += [f"-e {shlex.quote(extra)}" for extra in connection.extra_vars]
    if connection.ask_pass:
        options.append("-k")
        passwords[r"SSH password:\s*$"] = getpass.getpass("SSH password: ")
    if connection.ask_become_pass:
        options.append("-K")
        passwords[r"BECOME password.*:\s*$"] = getpass.getpass("BECOME password: ")
    if connection.ask_vault_pass:
        options.append("--ask-vault-pass")
        passwords[r"Vault password.*:\s*$"] = getpass.getpass("Vault password: ")
    return " ".join(options), passwords


@contextmanager
def _interruptible(stop: Callable[[], None]) -> Iterator[Callable[[], int]]:
    """Let the first Ctrl-C stop the run, and the second end it: the leash is told to end Ansible with all its workers.

    ansible-runner's own way to cancel kills the leash, and what it holds would run on. What is under way on a node
    there ends, or is finished by the next run.
    """
    pressed: list[int] = []

    def note(number: int, _frame: FrameType | None) -> None:
        pressed.append(number)
        if len(pressed) == 1:
            stop()
            return
        for child in children(os.getpid()):
            os.kill(child, signal.SIGTERM)

    previous = {number: signal.signal(number, note) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield lambda: len(pressed)
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)


def judge(outcome: Outcome, run: Run) -> KubewrightError | None:
    """The error that a run ended with, or None. The first failure decides the exit code."""
    failures = [error_from_json(event["error"]) for event in run.failures()]
    if failures:
        return failures[0] if len(failures) == 1 else _several(failures)
    if outcome.return_code == 0 and outcome.status == "successful":
        return (
            None if run.has("inputs") else BadInputError("inventory", "it has no hosts", "Check the path given with -i")
        )
    tail = "\n".join(outcome.output.splitlines()[-TAIL_LINES:])
    return StepFailedError(
        "ansible-playbook", f"it ended with status {outcome.status} ({outcome.return_code}):\n{tail}"
    )


def _several(failures: list[KubewrightError]) -> KubewrightError:
    first = failures[0]
    others = "\n".join(str(error) for error in failures[1:])
    return type(first)(
        first.subject, first.cause, f"{first.remedy}.\nAlso:\n{others}" if first.remedy else f"Also:\n{others}"
    )
