"""What a run was asked to do."""

from __future__ import annotations

from dataclasses import dataclass

from kubewright.engine.record import Run

DRAIN_SECONDS = 600
"""How long a drain may take unless it is said."""


@dataclass(frozen=True)
class Request:
    """What was asked.

    ``limit`` are host names or None; ``ansible_limited`` says that the limit is Ansible's own, so that other hosts
    cannot be played on and fan-outs are left for a run without it. ``dry_run`` stops after the plan; ``check`` does too
    and comes from ``--check``. ``force`` names the rules that may be skipped. ``removing`` are hosts or Nodes that
    leave the cluster; ``offline``: they are dead. ``drain_timeout`` is in seconds. ``max_failures`` is how many hosts
    may fail before no further step begins; None for any number.
    """

    verb: str
    limit: tuple[str, ...] | None = None
    ansible_limited: bool = False
    dry_run: bool = False
    force: tuple[str, ...] = ()
    removing: tuple[str, ...] = ()
    offline: bool = False
    drain_timeout: int = DRAIN_SECONDS
    max_failures: int | None = None

    def save(self, run: Run) -> None:
        """Write to the run's folder."""
        run.write("request", vars(self))

    @classmethod
    def load(cls, run: Run) -> Request:
        """Read from the run's folder."""
        raw = run.read("request")
        limit = raw["limit"]
        lists = {"limit": None if limit is None else tuple(limit)}
        return cls(**{**raw, **lists, "force": tuple(raw["force"]), "removing": tuple(raw["removing"])})
