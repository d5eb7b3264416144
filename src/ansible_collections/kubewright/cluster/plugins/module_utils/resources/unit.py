"""A systemd unit: enabled or not, started or as it is."""

from __future__ import annotations

from typing import Any, Optional

from ansible_collections.kubewright.cluster.plugins.module_utils import controlplane
from ansible_collections.kubewright.cluster.plugins.module_utils.resources.base import Change, Resource
from ansible_collections.kubewright.cluster.plugins.module_utils.units import unit_state

_ENABLED = frozenset({"enabled", "enabled-runtime", "static", "alias", "indirect", "generated"})
"""UnitFileStates in which enabling changes nothing (static units have nothing to enable)."""


class Unit(Resource):
    """``name``; ``enabled`` and ``state``, each left as it is when absent.

    A ``state`` is ``started``, or ``member`` for started on a member of a cluster: elsewhere kubeadm starts it.

    The convergence carries its change out (:class:`~.units.Units`), for starts and restarts go together.
    """

    type = "unit"

    def find(self) -> Any:
        """Return whether it is enabled and runs."""
        state = unit_state(self.system, str(self.need("name")))
        return {"enabled": state.enabled in _ENABLED, "running": state.running}

    def diff(self, found: Any) -> Optional[Change]:
        """Compare what is asked for."""
        after = dict(found)
        verbs = []
        enabled = self.spec.get("enabled")
        if enabled is not None and found["enabled"] != enabled:
            after["enabled"] = enabled
            verbs.append("enable" if enabled else "disable")
        if self._should_run() and not found["running"]:
            after["running"] = True
            verbs.append("start")
        if not verbs:
            return None
        return self.change("update", found, after, "%s unit %s" % (" and ".join(verbs), self.spec["name"]))

    def _should_run(self) -> bool:
        state = self.spec.get("state")
        return state == "started" or (state == "member" and controlplane.is_member(self.system))

    def apply(self, change: Change) -> None:
        """Remember it; see the class."""
        del change
        self.remember(name=self.spec["name"])

    def details(self) -> dict[str, Any]:
        """Return the unit's name."""
        return {"name": self.spec["name"]}
