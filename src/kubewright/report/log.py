"""A run for machines: each event of its journal, and each error, as a line of JSON. Keys are in ``docs/reports.md``."""

from __future__ import annotations

import datetime as dt
import json
import threading
import time
from collections.abc import Callable
from typing import IO

from kubewright.errors import KubewrightError
from kubewright.report.following import Event, Following


def rfc3339(seconds: float) -> str:
    """A moment, given in seconds since 1970, in UTC with milliseconds."""
    return dt.datetime.fromtimestamp(seconds, dt.UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def event_line(event: Event, run: str) -> str:
    """An event of the journal: when, what and of which run, then its own fields by name."""
    fields = {name: event[name] for name in sorted(event) if name not in ("time", "event")}
    return json.dumps({"time": rfc3339(event["time"]), "event": event["event"], "run": run, **fields})


def error_lines(error: KubewrightError, now: float) -> list[str]:
    """What a command ended with: one line for each of the problems that are told together."""
    return [
        json.dumps(
            {
                "time": rfc3339(now),
                "event": "error",
                "subject": each.subject,
                "cause": each.cause,
                "remedy": each.remedy,
                "exit_code": int(error.exit_code),
            }
        )
        for each in getattr(error, "errors", ()) or (error,)
    ]


class JsonLines(Following):
    """Writes each event of a run as one line; ``run`` is the name of its folder."""

    def __init__(
        self,
        read: Callable[[], list[Event]],
        stream: IO[str],
        run: str,
        ask: Callable[[Callable[[], bool]], None] | None = None,
    ) -> None:
        super().__init__(read, ask)
        self._stream = stream
        self._run = run
        self._writing = threading.Lock()

    def output(self, text: str) -> None:
        """Write Ansible's own output, which is no event of the journal."""
        self.event({"time": time.time(), "event": "ansible", "text": text})

    def warn(self, text: str) -> None:
        """Write a warning, which is no event of the journal either."""
        self.event({"time": time.time(), "event": "warning", "text": text})

    def event(self, event: Event) -> None:
        """Write one event; whoever reads has it at once."""
        with self._writing:
            self._stream.write(event_line(event, self._run) + "\n")
            self._stream.flush()
        if event["event"] == "asked":
            self.question()
