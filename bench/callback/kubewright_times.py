"""Ansible callback plugin that notes the CPU time of every task: that of Ansible's main process and of its forks."""

from __future__ import annotations

import json
import multiprocessing
import os
import resource
import time
from pathlib import Path
from typing import Any

from ansible.plugins.callback import CallbackBase

DOCUMENTATION = """
name: kubewright_times
type: aggregate
short_description: CPU time of every task
description:
  - Writes a JSON line for each task, to the file that the environment variable KUBEWRIGHT_BENCH_TIMES names.
"""


def _cpu_of(child: multiprocessing.process.BaseProcess) -> float:
    """CPU seconds of a fork that may end meanwhile, with what it waited for itself."""
    try:
        fields = Path(f"/proc/{child.pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return sum(map(int, fields[11:15])) / os.sysconf("SC_CLK_TCK")


class CallbackModule(CallbackBase):  # type: ignore[misc]
    """Writes a line with the CPU seconds so far where a task begins and where the playbook ends."""

    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "aggregate"
    CALLBACK_NAME = "kubewright_times"

    def _note(self, what: str) -> None:
        # This waits for those forks that have ended; Ansible does so no sooner than it needs their places.
        running = multiprocessing.active_children()
        usage = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
        own, forks = (each.ru_utime + each.ru_stime for each in usage)
        forks += sum(map(_cpu_of, running))
        line = json.dumps({"what": what, "own": own, "forks": forks, "wall": time.time()})
        with Path(os.environ["KUBEWRIGHT_BENCH_TIMES"]).open("a") as stream:
            stream.write(f"{line}\n")

    def v2_playbook_on_start(self, playbook: Any) -> None:  # noqa: ARG002  Ansible's signature, as below
        """Everything before the first play is Ansible's own start."""
        self._note("start")

    def v2_playbook_on_play_start(self, play: Any) -> None:
        """Between tasks."""
        self._note(f"play {play.get_name()}")

    def v2_playbook_on_task_start(self, task: Any, is_conditional: bool) -> None:  # noqa: ARG002
        """A task begins, so the one before has ended."""
        self._note(task.get_name())

    def v2_playbook_on_stats(self, stats: Any) -> None:  # noqa: ARG002
        """All is over but Ansible's own end."""
        self._note("end")
