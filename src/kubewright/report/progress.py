"""Show a run while it goes on, from its journal: a live table of what runs on a terminal, plain lines elsewhere."""

from __future__ import annotations

import functools
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, TextIO, cast

from rich.console import Console
from rich.file_proxy import FileProxy
from rich.live import Live
from rich.table import Table

from kubewright.plan.model import Stage
from kubewright.report.following import Event, Following

if TYPE_CHECKING:
    from kubewright.artifacts.progress import Report


class Progress(Following):
    """Shows a run to a person."""

    def __init__(
        self, read: Callable[[], list[Event]], console: Console, ask: Callable[[Callable[[], bool]], None] | None = None
    ) -> None:
        super().__init__(read, ask)
        self._live: Live | None = None
        self._console = console
        self._running: dict[tuple[str, str], float] = {}
        self._began = time.monotonic()
        self._doing = "reading the inventory"

    @contextmanager
    def shown(self) -> Iterator[None]:
        """Show progress inside the block."""
        if self._console.is_terminal:
            self._live = self._new_table()
            self._live.start()
        try:
            with super().shown():
                yield
        finally:
            if self._live:
                self._live.stop()

    def task(self, name: str) -> None:
        """The name is shown while no step runs."""
        self._doing = name

    def output(self, text: str) -> None:
        """Show it as it is."""
        self._console.print(text, markup=False)

    def warn(self, text: str) -> None:
        """Show it as a line of its own."""
        self._line(f"warning: {text}", "yellow")

    def event(self, event: Event) -> None:
        """Show those events that a person wants to see."""
        handler = getattr(self, f"_on_{event['event']}", None)
        if handler:
            handler(event)

    def tick(self) -> None:
        """Bring the live table up to date."""
        if self._live:
            self._live.update(self._table())

    def _new_table(self) -> Live:
        return Live(console=self._console, refresh_per_second=8, transient=True)

    def _line(self, text: str, style: str = "") -> None:
        elapsed = time.monotonic() - self._began
        self._console.print(
            f"[{elapsed:6.1f} s] {text}", style=style or None, markup=False, highlight=False, soft_wrap=True
        )

    def _on_asked(self, _event: Event) -> None:
        """The live table is away while the question stands; it would paint over what is typed."""
        if self._live:
            self._live.stop()
        self.question()
        if self._live and not self._stop.is_set():
            self._live = self._new_table()
            self._live.start()

    def _on_stopping(self, event: Event) -> None:
        hint = f"; {event['hint']}" if event["hint"] else ""
        self._line(f"stopping: {event['cause']}; steps under way are finished, no further one begins{hint}", "yellow")

    def _on_begin(self, event: Event) -> None:
        self._running[event["stage"], event["host"]] = time.monotonic()

    def _on_end(self, event: Event) -> None:
        self._running.pop((event["stage"], event["host"]), None)
        state = "" if event.get("ok") else " FAILED"
        changed = "" if event.get("changed", True) else ", nothing changed"
        title = Stage(event["stage"]).heading
        self._line(
            f"{title}: {event['host']}{state} ({event['seconds']:.1f} s{changed})", "" if event.get("ok") else "red"
        )

    def _on_waiting(self, event: Event) -> None:
        self._line(f"waiting for {event['host']}: {event['what']}", "yellow")

    def _on_unreachable(self, event: Event) -> None:
        self._line(f"{event['host']} does not answer: {event['cause']}", "yellow")

    def _on_left(self, event: Event) -> None:
        self._line(f"{event['host']} is left for the next run: {event['cause']}", "yellow")

    def _on_note(self, event: Event) -> None:
        self._line(f"{event['host']}: {event['text']}" if event["host"] else event["text"], "yellow")

    def _on_snapshot(self, event: Event) -> None:
        self._line(f"etcd snapshot kept on {event['host']}: {event['path']} ({event['bytes'] / 10**6:.1f} MB)")

    def _on_report(self, event: Event) -> None:
        self._line(f"report: {event['path']}")

    def _on_inventory(self, event: Event) -> None:
        self._line(f"inventory kept: {event['path']}")

    @functools.cached_property
    def _artifacts(self) -> Report:
        """Tells of work on artifacts, which few runs have and whose code is large."""
        from kubewright.artifacts.progress import Lines  # noqa: PLC0415

        # Through the console: what is written past it would break the live table.
        return Lines(cast("TextIO", FileProxy(self._console, self._console.file)))

    def _on_artifact(self, event: Event) -> None:
        """Lines as ``kubewright artifacts`` prints them."""
        self._artifacts(event["component"], event["state"], event["fraction"], event["seconds"])

    def _table(self) -> Table:
        table = Table.grid(padding=(0, 2))
        now = time.monotonic()
        for (stage, host), since in list(self._running.items()):
            table.add_row(f"{now - since:5.1f} s", host, Stage(stage).heading)
        if not self._running:
            table.add_row(f"{now - self._began:5.1f} s", "", self._doing)
        return table
