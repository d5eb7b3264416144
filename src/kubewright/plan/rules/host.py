"""What a host must be before kubewright changes it: judged from its probe, before anything is written.

Sources: Kubernetes' own preflight checks (kubeadm ``app/preflight/checks.go``) for ports, swap and clock; k0sctl's 30 s
for clock skew.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from kubewright.errors import BadInputError, ForeignError, KubewrightError

CLOCK_SKEW_SECONDS = 30.0
SUPPORTED_OS_FAMILIES = frozenset({"debian", "ubuntu", "rhel", "fedora", "centos"})
TESTED_OS = frozenset({"debian", "ubuntu"})
ARCHITECTURES = frozenset({"amd64", "arm64"})
MINIMUM_PYTHON = (3, 9)
API_PORTS = (2379, 2380)


@dataclass(frozen=True)
class Expectation:
    """What the host is going to be: ``new`` when it is not part of the cluster yet.

    ``local_balancer`` says that a worker listens on the API port itself; ``controller_time`` is when it was asked, in
    seconds since the epoch.
    """

    host: str
    new: bool
    control_plane: bool
    api_port: int
    swap_allowed: bool
    controller_time: float
    local_balancer: bool = True


def check(facts: Mapping[str, Any], expected: Expectation) -> tuple[KubewrightError, ...]:
    """All that is wrong with a probed host; empty when it can be used."""
    return tuple(error for rule in _RULES for error in rule(facts, expected))


def check_disk(facts: Mapping[str, Any], host: str, needed: Mapping[str, int]) -> tuple[KubewrightError, ...]:
    """What a probed host lacks of disk: ``needed`` are bytes by path."""
    return tuple(
        BadInputError(
            f"host {host}",
            f"{path} has {facts['disk_free'][path] // 2**20} MiB free and {size // 2**20} MiB are needed "
            "for binaries and images",
            "Free space there or give it a larger disk",
        )
        for path, size in needed.items()
        if path in facts["disk_free"] and facts["disk_free"][path] < size
    )


def _operating_system(facts: Mapping[str, Any], expected: Expectation) -> Iterable[KubewrightError]:
    system = facts["os"]
    family = {system["id"], *str(system.get("id_like", "")).split()}
    if not family & TESTED_OS:
        yield BadInputError(
            f"host {expected.host}",
            f"operating system {system.get('pretty') or system['id']!r} is not supported",
            "Use Debian or Ubuntu, or one derived from them",
        )


def _architecture(facts: Mapping[str, Any], expected: Expectation) -> Iterable[KubewrightError]:
    if facts["architecture"] not in ARCHITECTURES:
        yield BadInputError(
            f"host {expected.host}",
            f"architecture {facts['architecture']!r} is not supported",
            f"Use one of {', '.join(sorted(ARCHITECTURES))}",
        )


def _python(facts: Mapping[str, Any], expected: Expectation) -> Iterable[KubewrightError]:
    version = tuple(int(part) for part in str(facts["python"]).split(".")[:2])
    if version < MINIMUM_PYTHON:
        yield BadInputError(
            f"host {expected.host}",
            f"Python {facts['python']} is too old",
            "Install Python 3.9 or newer, or name one with ansible_python_interpreter",
        )


def _privilege(facts: Mapping[str, Any], expected: Expectation) -> Iterable[KubewrightError]:
    if facts["uid"] != 0:
        yield BadInputError(
            f"host {expected.host}",
            f"commands run as uid {facts['uid']}, not as root",
            "Give the SSH user sudo rights (ansible_become_password or -K where sudo asks), or log in as root",
        )


def _clock(facts: Mapping[str, Any], expected: Expectation) -> Iterable[KubewrightError]:
    skew = float(facts["time"]) - expected.controller_time
    if abs(skew) > CLOCK_SKEW_SECONDS:
        yield BadInputError(
            f"host {expected.host}",
            f"its clock is {abs(skew):.0f} s {'ahead of' if skew > 0 else 'behind'} this machine's; "
            "certificates and etcd need it right",
            "Set the time, and keep it with an NTP client (chrony, systemd-timesyncd)",
        )


def _swap(facts: Mapping[str, Any], expected: Expectation) -> Iterable[KubewrightError]:
    if facts["swap_total_kb"] and not expected.swap_allowed:
        yield BadInputError(
            f"host {expected.host}",
            f"swap is on ({facts['swap_total_kb'] // 1024} MiB) and the kubelet would refuse to run",
            "Turn it off (swapoff -a and /etc/fstab), or set kubelet_fail_swap_on: false",
        )


def _ports(facts: Mapping[str, Any], expected: Expectation) -> Iterable[KubewrightError]:
    if not expected.new or _begun(facts):
        return
    local = (expected.api_port,) if expected.control_plane or expected.local_balancer else ()
    wanted = (*local, *API_PORTS) if expected.control_plane else local
    taken = sorted(set(wanted) & {int(port) for port in facts["listening_ports"]})
    if taken:
        yield BadInputError(
            f"host {expected.host}",
            f"port {', '.join(map(str, taken))} is taken by another process",
            f"Find it with: ss -ltnp 'sport = :{taken[0]}'; stop it, or choose another kube_apiserver_port",
        )


def _foreign(facts: Mapping[str, Any], expected: Expectation) -> Iterable[KubewrightError]:
    kubernetes = facts["kubernetes"]
    foreign = kubernetes["kubelet_conf"] or kubernetes["admin_conf"] or kubernetes["manifests"]
    if foreign and not facts["kubewright"]["present"]:
        yield ForeignError(
            f"host {expected.host}",
            "it is a Kubernetes node that kubewright did not make "
            "(there is /etc/kubernetes, and no /etc/kubewright/manifest.json); nothing was changed",
            "Take it out of the inventory, or reset it with the tool that made it (for kubeadm: kubeadm reset)",
        )


def _begun(facts: Mapping[str, Any]) -> bool:
    """Whether an earlier run of ours was here, so that a taken port may be our own."""
    return bool(facts["kubewright"]["present"])


_RULES: tuple[Callable[[Mapping[str, Any], Expectation], Iterable[KubewrightError]], ...] = (
    _operating_system,
    _architecture,
    _python,
    _privilege,
    _foreign,
    _clock,
    _swap,
    _ports,
)
