"""systemd's units: their state, and restarts gathered so that each unit is restarted at most once, at the right time.

A restart that is due is written to the manifest before the change that makes it due, so that a run that was killed
between the two is completed by the next: the file is then as it should be, and only the manifest still knows that the
unit runs with the old one.
"""

from __future__ import annotations

import time
from typing import Iterable, Optional

from ansible_collections.kubewright.cluster.plugins.module_utils.errors import NodeError
from ansible_collections.kubewright.cluster.plugins.module_utils.frozen import frozen
from ansible_collections.kubewright.cluster.plugins.module_utils.manifest import Manifest
from ansible_collections.kubewright.cluster.plugins.module_utils.process import System

LAST = "kubelet"
"""The unit that is restarted after all others: it needs the engine to answer."""

_RUNNING = frozenset({"active", "activating", "reloading"})


@frozen
class UnitState:
    """A unit as systemd sees it: LoadState, ActiveState and UnitFileState."""

    load: str
    active: str
    enabled: str

    @property
    def running(self) -> bool:
        """Whether it runs or is about to."""
        return self.active in _RUNNING


def plain_name(name: str) -> str:
    """Return a unit's name without ``.service``."""
    return name.removesuffix(".service")


def unit_state(system: System, name: str) -> UnitState:
    """Return the unit's state; a unit that systemd does not know is inactive."""
    done = system.run("systemctl", "show", "--property=LoadState,ActiveState,UnitFileState", name)
    if not done.ok:
        raise NodeError("unit %s" % name, "systemd does not answer: %s" % done.complaint, "The node needs systemd")
    values = dict(line.partition("=")[::2] for line in done.stdout.splitlines() if "=" in line)
    return UnitState(values.get("LoadState", ""), values.get("ActiveState", ""), values.get("UnitFileState", ""))


class Units:
    """Starts and restarts of one run. ``dry`` runs tell the same and do nothing.

    ``restarted`` are the units restarted so far, in order, ``restarted_at`` when the last one of them was, in seconds
    since the epoch.
    """

    def __init__(self, system: System, manifest: Manifest, *, dry: bool) -> None:
        self._system = system
        self._manifest = manifest
        self._dry = dry
        self._due: list[str] = list(manifest.pending_restarts)
        self._started: set[str] = set()
        # Where a killed run left restarts, it may have changed unit files as well.
        self._stale = bool(self._due)
        self.restarted: list[str] = []
        self.restarted_at = 0.0

    def due(self, names: Iterable[str]) -> None:
        """Note that the units are to be restarted, durably, before what they are restarted for is changed."""
        for name in map(plain_name, names):
            if name not in self._due:
                self._due.append(name)
        self._note()

    def unit_files_changed(self) -> None:
        """Note that systemd has to read its unit files again."""
        self._stale = True

    def configure(self, name: str, *, enabled: Optional[bool], start: bool) -> None:
        """Enable or disable a unit (None: leave it) and start it; a start makes its restart needless."""
        if not self._dry and enabled is not None:
            # It would reload by itself each time: seconds on a busy node. Ours comes once before the next start.
            self._system.must("systemctl", "enable" if enabled else "disable", "--no-reload", name)
            self._stale = True
        if start:
            self._act("start", name)
            self._started.add(plain_name(name))
            self._drop(plain_name(name))

    def flush(self, only: Optional[Iterable[str]] = None) -> list[str]:
        """Restart the units that are due (of ``only``, if given) and run; the names of those restarted.

        Without ``only`` it ends the run: systemd knows all unit files afterwards.
        """
        chosen = [name for name in self._due if only is None or name in only]
        done = []
        for name in sorted(chosen, key=lambda unit: unit == LAST):
            if self._runs(name):
                self.restarted_at = time.time()
                self._act("restart", name)
                done.append(name)
            self._drop(name)
        self.restarted.extend(done)
        if only is None and not self._dry:
            self._reload()
        return done

    def _runs(self, name: str) -> bool:
        return (self._dry and name in self._started) or unit_state(self._system, name).running

    def _act(self, verb: str, name: str) -> None:
        if self._dry:
            return
        self._reload()
        done = self._system.run("systemctl", verb, name)
        state = unit_state(self._system, name)
        if not done.ok or not state.running:
            raise NodeError("unit %s" % name, "%s failed, it is %s: %s" % (verb, state.active, self._why(name)))

    def _why(self, name: str) -> str:
        log = self._system.run("journalctl", "--unit", name, "--lines=5", "--no-pager", "--output=cat")
        return " / ".join(log.stdout.strip().splitlines()) or "its journal is empty"

    def _reload(self) -> None:
        if self._stale:
            self._system.must("systemctl", "daemon-reload")
            self._stale = False

    def _drop(self, name: str) -> None:
        if name in self._due:
            self._due.remove(name)
            self._note()

    def _note(self) -> None:
        if not self._dry and self._manifest.pending_restarts != self._due:
            self._manifest.pending_restarts = list(self._due)
            self._manifest.save(sync=False)
