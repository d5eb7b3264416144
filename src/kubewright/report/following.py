"""Follow a run's journal while the run goes on."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

POLL_SECONDS = 0.1
Event = dict[str, Any]


class Following:
    """Hands each event of a journal on, once and in order. Sub-classes say what is shown of it."""

    def __init__(
        self, read: Callable[[], list[Event]], ask: Callable[[Callable[[], bool]], None] | None = None
    ) -> None:
        """Take what is needed.

        Args:
            read: returns all events so far (:meth:`kubewright.engine.record.Run.events`).
            ask: is called when the run asks something; its argument says whether the run is over meanwhile.

        """
        self._read = read
        self._ask = ask
        self._seen = 0
        self._stop = threading.Event()

    @contextmanager
    def shown(self) -> Iterator[None]:
        """Show the run inside the block, and at its end what came last."""
        thread = threading.Thread(target=self._follow, daemon=True)
        thread.start()
        try:
            yield
        finally:
            self._stop.set()
            thread.join()
            self._drain()

    def task(self, name: str) -> None:
        """Take note of the name of the task that Ansible began."""

    def output(self, text: str) -> None:
        """Show Ansible's own output."""
        raise NotImplementedError

    def warn(self, text: str) -> None:
        """Show a warning that is no event of the journal."""
        raise NotImplementedError

    def event(self, event: Event) -> None:
        """Show one event."""
        raise NotImplementedError

    def tick(self) -> None:
        """Show that time goes on."""

    def question(self) -> None:
        """Have the run's question asked, unless nobody is to be asked or the run is over."""
        if self._ask is not None and not self._stop.is_set():
            self._ask(self._stop.is_set)

    def _follow(self) -> None:
        while not self._stop.wait(POLL_SECONDS):
            self._drain()
            self.tick()

    def _drain(self) -> None:
        events = self._read()
        for event in events[self._seen :]:
            self.event(event)
        self._seen = len(events)
