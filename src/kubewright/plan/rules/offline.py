"""Whether a host that is said to be dead is dead: its pods are deleted without its kubelet having ended them.

Source: Kubernetes, "Force Delete StatefulSet Pods": a forced deletion does not wait for the kubelet's word that the pod
has ended, so that where its host lives the same pod may run twice.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from kubewright.plan.rules.refusals import Refusal, Rule

_SOURCE = "Kubernetes, Force Delete StatefulSet Pods"
ALIVE = Rule("offline-host-alive", "--offline for a host that answers and has Kubernetes on it", _SOURCE)
UNSURE = Rule("offline-host-unsure", "--offline for a host of which something answers and tells nothing", _SOURCE, True)
RULES = (ALIVE, UNSURE)


@dataclass(frozen=True)
class Sign:
    """A sign of life of a host that is said to be dead; ``cause`` is why it could not be looked at, else empty."""

    host: str
    cause: str = ""


def refuse(signs: Iterable[Sign]) -> Iterator[Refusal]:
    """Hosts that live, or may."""
    for sign in signs:
        subject = f"--offline, host {sign.host}"
        off = "switch it off first"
        if sign.cause:
            cause = f"something answers there, so that its pods may still run: {sign.cause}"
            yield Refusal(UNSURE, subject, cause, f"Make sure that it is dead, or {off}")
        else:
            cause = "it answers, and Kubernetes is on it: its pods would run twice"
            yield Refusal(
                ALIVE, subject, cause, f"Run the same command without --offline; if it cannot be drained, {off}"
            )
