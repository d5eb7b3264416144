"""The cluster's lock: who may change the cluster now. One writer at a time, by compare-and-swap on two places.

While there is an API it is the Lease ``kube-system/kubewright``; before, it is a file on the control planes. A place
shows its holder and a *version* that every write changes, renewals too. Whether a holder is gone is judged by how long
no renewal was seen, never by comparing clocks of two machines.
"""

from __future__ import annotations

import contextlib
import enum
import fcntl
import json
import os
import time
from typing import Any, Callable, Iterator, Optional, Protocol

from ansible_collections.kubewright.cluster.plugins.module_utils import files, kubeconfig
from ansible_collections.kubewright.cluster.plugins.module_utils.errors import LOCKED, NodeError
from ansible_collections.kubewright.cluster.plugins.module_utils.frozen import field, frozen
from ansible_collections.kubewright.cluster.plugins.module_utils.kubeapi import ApiError, Client, admin_client
from ansible_collections.kubewright.cluster.plugins.module_utils.process import System

LEASES = "/apis/coordination.k8s.io/v1/namespaces/kube-system/leases"
LEASE = LEASES + "/kubewright"
FILE = "/run/kubewright/run-lock.json"
DURATION = 15.0
"""Seconds without a renewal after which a holder is taken for gone."""
LOOK_SECONDS = 0.5
FIELDS = ("user", "host", "boot", "pid", "started", "command", "since")
"""What a holder tells of itself beside its id, all texts."""

_ANNOTATION = "kubewright.io/lock-"
_ATTEMPTS = 5

Holder = dict[str, str]


@frozen
class Seen:
    """A place at one moment: its holder (None: free) and its version, empty where there was nothing at all."""

    holder: Optional[Holder]
    version: str
    raw: dict[str, Any] = field(default_factory=dict, compare=False)

    @property
    def identity(self) -> str:
        """The holder's id, empty where it is free."""
        return self.holder["id"] if self.holder else ""


class Place(Protocol):
    """Where a lock lies."""

    def read(self) -> Seen:
        """What is there now."""

    def swap(self, seen: Seen, holder: Optional[Holder]) -> bool:
        """Put ``holder`` there (None: free it; the same: renew it) if nothing was written since ``seen``."""


class LeasePlace:
    """The Lease in the cluster; its resourceVersion is the version."""

    def __init__(self, client: Client) -> None:
        self._client = client

    def read(self) -> Seen:
        """See :class:`Place`; ApiError where the API does not answer."""
        found = self._client.find(LEASE)
        return Seen(None, "") if found is None else _from_lease(found)

    def swap(self, seen: Seen, holder: Optional[Holder]) -> bool:
        """See :class:`Place`; ApiError where the API refuses for another reason than another writer."""
        body = _to_lease(seen, holder)
        try:
            if seen.version:
                self._client.replace(LEASE, body)
            else:
                self._client.create(LEASES, body)
        except ApiError as error:
            if error.status in (404, 409):
                return False
            raise
        return True


def _from_lease(lease: dict[str, Any]) -> Seen:
    metadata = lease.get("metadata") or {}
    identity = (lease.get("spec") or {}).get("holderIdentity") or ""
    notes = metadata.get("annotations") or {}
    holder = {name: str(notes.get(_ANNOTATION + name, "")) for name in FIELDS} if identity else None
    return Seen(dict(holder, id=identity) if holder else None, str(metadata.get("resourceVersion", "")), lease)


def _to_lease(seen: Seen, holder: Optional[Holder]) -> dict[str, Any]:
    before = seen.raw.get("spec") or {}
    # For people who look at it; nothing here ever reads a time.
    now = time.strftime("%Y-%m-%dT%H:%M:%S.000000Z", time.gmtime())
    renewed = holder is not None and holder["id"] == seen.identity
    spec: dict[str, Any] = {
        "leaseDurationSeconds": int(DURATION),
        "renewTime": now,
        "acquireTime": before.get("acquireTime", now) if renewed else now,
        "leaseTransitions": int(before.get("leaseTransitions") or 0) + (0 if renewed or holder is None else 1),
    }
    metadata: dict[str, Any] = {
        "name": "kubewright",
        "namespace": "kube-system",
        "labels": {"app.kubernetes.io/managed-by": "kubewright"},
    }
    if holder is not None:
        spec["holderIdentity"] = holder["id"]
        metadata["annotations"] = {_ANNOTATION + name: holder.get(name, "") for name in FIELDS}
    if seen.version:
        metadata["resourceVersion"] = seen.version
    return {"apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": metadata, "spec": spec}


class FilePlace:
    """A file on a control plane; its version is a counter of writes.

    Comparing and writing happen under a ``flock`` on its folder, which the kernel gives up when its holder dies.
    """

    def __init__(self, system: System) -> None:
        self._system = system

    def read(self) -> Seen:
        """See :class:`Place`."""
        text = files.read_text(self._system.path(FILE))
        if not text:
            return Seen(None, "")
        try:
            value = json.loads(text)
            holder = {name: str(value["holder"].get(name, "")) for name in ("id", *FIELDS)}
            return Seen(holder, "%s %d" % (holder["id"], value["beat"]), {"beat": value["beat"]})
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            remedy = "Remove it when no run is under way"
            raise NodeError(FILE, "the lock cannot be read: %s" % error, remedy) from error

    def swap(self, seen: Seen, holder: Optional[Holder]) -> bool:
        """See :class:`Place`."""
        path = self._system.path(FILE)
        with self._guard():
            if self.read() != seen:
                return False
            if holder is None:
                with contextlib.suppress(FileNotFoundError):
                    path.unlink()
                return True
            content = json.dumps({"holder": holder, "beat": int(seen.raw.get("beat", 0)) + 1}, sort_keys=True)
            temporary = path.with_name(".run-lock.%d" % os.getpid())
            temporary.write_text(content + "\n", encoding="utf-8")
            os.replace(str(temporary), str(path))
        return True

    @contextlib.contextmanager
    def _guard(self) -> Iterator[None]:
        folder = self._system.path(FILE).parent
        folder.mkdir(mode=0o755, parents=True, exist_ok=True)
        descriptor = os.open(str(folder), os.O_RDONLY | os.O_CLOEXEC)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)


class Verdict(enum.Enum):
    """What one who wants the lock does now."""

    TAKE = "take"
    OURS = "ours"
    HELD = "held"
    CHANGED = "changed"
    SILENT = "silent"
    WATCH = "watch"


@frozen
class Wish:
    """Who wants the lock, and what it knows.

    Attributes:
        holder: itself.
        dead: the id of a holder whose process is known to have ended.
        watch: whether to see for :data:`DURATION` seconds whether a holder still renews.
        expected: the place's version when the cluster was looked at; None where that is not known. Where it is another
            one now, some other run worked in between, and a plan made of what was seen may be old.

    """

    holder: Holder
    dead: str = ""
    watch: bool = False
    expected: Optional[str] = None


def judge(wish: Wish, first: Seen, now: Seen, waited: float) -> Verdict:
    """Decide what to do; pure.

    Args:
        wish: who wants it.
        first: the place when the watch began.
        now: the place now.
        waited: seconds between the two, on one clock.

    """
    if now.holder is None:
        return Verdict.TAKE if wish.expected in (None, now.version) else Verdict.CHANGED
    if now.identity == wish.holder["id"]:
        return Verdict.OURS
    if now.identity == wish.dead:
        return Verdict.TAKE
    if not wish.watch or now != first:
        return Verdict.HELD
    if waited < DURATION:
        return Verdict.WATCH
    return Verdict.TAKE if wish.expected == now.version else Verdict.SILENT


@frozen
class Answer:
    """How wanting the lock ended: the verdict that ended it, and who held it before, or holds it."""

    verdict: Verdict
    holder: Optional[Holder]
    waited: float = 0.0

    @property
    def taken(self) -> bool:
        """Whether the one who asked holds it now."""
        return self.verdict in (Verdict.TAKE, Verdict.OURS)

    def to_json(self) -> dict[str, Any]:
        """As the module returns it."""
        waited = round(self.waited, 1)
        return {"taken": self.taken, "verdict": self.verdict.value, "holder": self.holder, "seconds": waited}


def acquire(
    place: Place,
    wish: Wish,
    *,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> Answer:
    """Take the lock, or tell who holds it. A silent holder whose run may have made the plan old is only removed."""
    first, began = place.read(), clock()
    now = first
    while True:
        waited = clock() - began
        verdict = judge(wish, first, now, waited)
        if verdict is Verdict.WATCH:
            sleep(LOOK_SECONDS)
        else:
            writes = verdict in (Verdict.TAKE, Verdict.SILENT)
            if not writes or place.swap(now, wish.holder if verdict is Verdict.TAKE else None):
                return Answer(verdict, now.holder, waited)
        now = place.read()


def renew(place: Place, identity: str) -> Seen:
    """Renew the lock where it is ours; the place as it was seen last, whoever has it."""
    for _attempt in range(_ATTEMPTS):
        seen = place.read()
        if seen.identity != identity or place.swap(seen, seen.holder):
            break
    return seen


def free(place: Place, identity: str) -> bool:
    """Give the lock up, or break it, where this holder has it; whether it did."""
    for _attempt in range(_ATTEMPTS):
        seen = place.read()
        if seen.identity != identity:
            return False
        if place.swap(seen, None):
            return True
    raise NodeError("the cluster's lock", "it changes too fast to be given up", "Run the same command again", LOCKED)


def forget_file(system: System, identity: str) -> bool:
    """Remove the file of a run that began the cluster and is gone; not the caller's own. Whether there was one.

    The caller, ``identity``, has the cluster's Lease. A file is the lock only while there is no cluster, and the run
    that had it here would have the Lease if it lived.
    """
    place = FilePlace(system)
    found = place.read().identity
    return found not in ("", identity) and free(place, found)


def put(place: Place, holder: Holder) -> None:
    """Put a holder there whoever was there before: into a cluster that nobody but the holder can have begun."""
    while not place.swap(place.read(), holder):
        pass


def place_of_cluster(system: System, *, server: str = "", timeout: float = 5.0) -> Optional[LeasePlace]:
    """The Lease as this control plane reaches it, through another API server if named; None where it is none yet."""
    if not system.path(kubeconfig.ADMIN_CONF).exists():
        return None
    return LeasePlace(admin_client(system, server=server, timeout=timeout))


def require(system: System, client: Client, identity: str) -> None:
    """Refuse to go on where a run does not hold the lock any more. An empty id stands for a call outside of a run.

    Raises:
        NodeError: it was broken or taken over (exit code 6).
        ApiError: the API does not answer.

    """
    if not identity:
        return
    seen = LeasePlace(client).read()
    if seen.identity == identity or (seen.holder is None and FilePlace(system).read().identity == identity):
        return
    raise NodeError("the cluster's lock", "this run does not hold it any more: %s" % told(seen.holder), "", LOCKED)


def told(holder: Optional[Holder]) -> str:
    """The holder in words."""
    if holder is None:
        return "it was broken"
    return "%s on %s has it since %s with: %s" % (
        holder.get("user") or "somebody",
        holder.get("host") or "an unknown machine",
        holder.get("since") or "an unknown time",
        holder.get("command") or "an unknown command",
    )
