"""What a look at a cluster found out, as the state of the cluster is judged from it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from kubewright.observe.model import EtcdMember, EtcdStatus, ObservedCluster


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong: what, why, and what to do about it; sentences without a full stop."""

    subject: str
    cause: str
    remedy: str


@dataclass(frozen=True)
class Disk:
    """What a control plane's own disk and etcd member tell, whether or not its API answers.

    ``present`` is whether there is a cluster at all; ``api_error`` says why its API server gave no answer, empty where
    it did or was not asked; ``etcd_error`` why the etcd member there gave none. ``certificates`` are as in
    :class:`~kubewright.observe.model.ObservedCluster`. ``damaged`` is what cannot be read there.
    """

    present: bool
    api_error: str = ""
    certificates: tuple[Mapping[str, Any], ...] = ()
    etcd_members: tuple[EtcdMember, ...] = ()
    etcd_status: tuple[EtcdStatus, ...] = ()
    unfinished: Mapping[str, str] = field(default_factory=dict)
    etcd_error: str = ""
    damaged: tuple[Finding, ...] = ()


@dataclass(frozen=True)
class Evidence:
    """All that was found out.

    ``disks`` are by control plane, of those that were looked at; ``unreachable`` has why others did not answer, and
    ``failed`` why looking at one that did failed. Control planes in none of them were not looked at. ``half_made`` is
    the host on which a killed run began ``kubeadm init``. ``now`` is the time that certificates are judged by.
    """

    cluster: ObservedCluster | None
    now: dt.datetime
    half_made: str = ""
    disks: Mapping[str, Disk] = field(default_factory=dict)
    unreachable: Mapping[str, str] = field(default_factory=dict)
    failed: Mapping[str, Finding] = field(default_factory=dict)
