"""A run's folder on the controller: small JSON files that one action hands on to the next, and the journal.

Ansible runs each action in a process of its own, so what one finds and another needs must lie somewhere. Tokens and
certificate keys never do: they travel in memory only. The one secret that can lie here is the password in a proxy's
address that the settings name, so the folder is 0700 and its files are 0600. No later run needs the folder; what resume
needs is in the cluster and on the nodes.
"""

from __future__ import annotations

import json
import os
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kubewright.errors import ERRORS_BY_EXIT_CODE, BadInputError, BadInputErrors, KubewrightError

WAIT_SECONDS = 0.1
ANSWER_SECONDS = 900
"""How long a question to the user may stay open. What was seen of the cluster grows old, too."""


def write_json(path: Path, value: object, *, indent: int | None = None, durable: bool = True) -> None:
    """Write a JSON file atomically with mode 0600; the same value gives the same bytes.

    Args:
        path: the file.
        value: what it says.
        indent: for a file that people read; without one it is written and read many times as fast.
        durable: see :func:`write_text`.

    """
    separators = (",", ":") if indent is None else None
    write_text(path, json.dumps(value, indent=indent, separators=separators, sort_keys=True), durable=durable)


def write_text(path: Path, text: str, *, durable: bool = True) -> None:
    """Write a file atomically with mode 0600; one that is ``durable`` outlives a loss of power, too."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as stream:
            stream.write(text)
            if durable:
                stream.flush()
                os.fsync(stream.fileno())
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def error_to_json(error: KubewrightError) -> dict[str, Any]:
    """An error as it crosses a process boundary."""
    several = error.errors if isinstance(error, BadInputErrors) else ()
    return {
        "subject": error.subject,
        "cause": error.cause,
        "remedy": error.remedy,
        "exit_code": int(error.exit_code),
        "text": str(error),
        "errors": [error_to_json(each) for each in several],
    }


def error_from_json(raw: dict[str, Any]) -> KubewrightError:
    """The inverse of :func:`error_to_json`."""
    if raw.get("errors"):
        return BadInputErrors(
            tuple(BadInputError(each["subject"], each["cause"], each["remedy"]) for each in raw["errors"])
        )
    kind = ERRORS_BY_EXIT_CODE.get(raw["exit_code"], KubewrightError)
    return kind(raw["subject"], raw["cause"], raw["remedy"])


@dataclass(frozen=True)
class Run:
    """The folder of one run."""

    directory: Path

    def write(self, name: str, value: object) -> None:
        """Write ``NAME.json``, for this run's own processes: what they need after a loss of power is elsewhere."""
        write_json(self.directory / f"{name}.json", value, durable=False)

    def read(self, name: str) -> Any:
        """Read ``NAME.json``; FileNotFoundError where there is none."""
        return json.loads((self.directory / f"{name}.json").read_text())

    def has(self, name: str) -> bool:
        """Whether ``NAME.json`` was written."""
        return (self.directory / f"{name}.json").exists()

    def read_all(self, folder: str) -> dict[str, Any]:
        """All JSON files of a sub-folder by name (host)."""
        found = sorted((self.directory / folder).glob("*.json"))
        return {path.stem: json.loads(path.read_text()) for path in found}

    def names(self, folder: str) -> set[str]:
        """The names (hosts) of all JSON files of a sub-folder."""
        return {path.stem for path in (self.directory / folder).glob("*.json")}

    def event(self, kind: str, **fields: object) -> None:
        """Append one line to the journal. One write of one line is atomic between processes."""
        line = json.dumps({"time": round(time.time(), 3), "event": kind, **fields}, sort_keys=True) + "\n"
        handle = os.open(self.directory / "journal.jsonl", os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        try:
            os.write(handle, line.encode())
        finally:
            os.close(handle)

    def events(self) -> list[dict[str, Any]]:
        """The journal so far. A line cut off by a kill or a full disk is left out."""
        path = self.directory / "journal.jsonl"
        if not path.exists():
            return []
        return [event for line in path.read_text().splitlines() for event in _parsed(line)]

    def fail(self, error: KubewrightError, *, host: str = "", stage: str = "") -> None:
        """Journal a failure; what the run ends with is decided from these."""
        self.event("failed", host=host, stage=stage, error=error_to_json(error))

    @contextmanager
    def step(self, stage: str, host: str) -> Iterator[dict[str, Any]]:
        """Journal the begin and the end of a step; the yielded dict's items are added to the end event."""
        self.event("begin", stage=stage, host=host)
        began = time.monotonic()
        outcome: dict[str, Any] = {}
        try:
            yield outcome
        finally:
            seconds = round(time.monotonic() - began, 3)
            self.event("end", stage=stage, host=host, seconds=seconds, **outcome)

    def stop(self, cause: str, hint: str = "") -> bool:
        """Have no further step begin, and journal why and what may be done meanwhile; whether this call did so."""
        try:
            handle = os.open(self.directory / "stop.json", os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except FileExistsError:
            return False
        with os.fdopen(handle, "w") as stream:
            json.dump({"cause": cause}, stream)
        self.event("stopping", cause=cause, hint=hint)
        return True

    def wait_for(self, name: str, seconds: float) -> Any:
        """Read ``NAME.json`` once it is there; None where it was not after so many seconds."""
        deadline = time.monotonic() + seconds
        while not self.has(name):
            if time.monotonic() > deadline:
                return None
            time.sleep(WAIT_SECONDS)
        return self.read(name)

    def failures(self) -> list[dict[str, Any]]:
        """Failures journalled so far: first those of the whole run, then those of hosts, each in order."""
        failures = [event for event in self.events() if event["event"] == "failed"]
        return sorted(failures, key=lambda event: bool(event["host"]))


def _parsed(line: str) -> list[dict[str, Any]]:
    try:
        return [json.loads(line)]
    except json.JSONDecodeError:
        return []
