"""The cluster's lock: who takes it when, and never two who believe to have it."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.kubewright.cluster.plugins.module_utils import kubeconfig, lease, leasekeeping
from ansible_collections.kubewright.cluster.plugins.module_utils.errors import LOCKED, NodeError
from ansible_collections.kubewright.cluster.plugins.module_utils.kubeapi import ApiError, Client
from ansible_collections.kubewright.cluster.plugins.module_utils.lease import Seen, Verdict, Wish
from ansible_collections.kubewright.cluster.plugins.module_utils.leasekeeping import Kept
from ansible_collections.kubewright.cluster.plugins.module_utils.process import System
from tests.unit.node.api.made import kubeconfig_text, write
from tests.unit.node.api.pki import Pki, Request, serve


def person(identity: str) -> dict[str, str]:
    return {"id": identity, **{name: f"{identity}'s {name}" for name in lease.FIELDS}}


A, B, C = person("a"), person("b"), person("c")


@dataclass
class LeaseApi:
    """Leases as an API server keeps them: every write makes a new version, and an old one is refused."""

    lease: dict[str, Any] | None = None
    version: int = 0
    status: int = 0

    def answer(self, request: Request) -> tuple[int, Any]:
        if self.status:
            return self.status, {"reason": "Broken", "message": "no"}
        if request.method == "GET":
            return (200, self.lease) if self.lease else (404, {"reason": "NotFound"})
        given_version = request.body["metadata"].get("resourceVersion", "")
        if given_version != (str(self.version) if self.lease else ""):
            return 409, {"reason": "Conflict"}
        self.version += 1
        metadata = {**request.body["metadata"], "resourceVersion": str(self.version)}
        self.lease = {**request.body, "metadata": metadata}
        return 200, self.lease


@pytest.fixture
def api() -> LeaseApi:
    return LeaseApi()


@pytest.fixture
def client(api: LeaseApi, pki: Pki, system: System) -> Iterator[Client]:
    with serve(pki, api.answer) as server:
        write(system, kubeconfig.ADMIN_CONF, kubeconfig_text(pki, server.url))
        yield Client(system, kubeconfig.load(system, kubeconfig.ADMIN_CONF))


@pytest.fixture(params=["lease", "file"])
def place(request: pytest.FixtureRequest, system: System) -> lease.Place:
    if request.param == "file":
        return lease.FilePlace(system)
    return lease.LeasePlace(request.getfixturevalue("client"))


class TestPlaces:
    """Both places behave alike."""

    def test_what_was_put_there_is_read_back(self, place: lease.Place) -> None:
        assert place.read() == Seen(None, "")
        assert place.swap(place.read(), A)
        assert place.read().holder == A

    def test_a_renewal_changes_the_version_and_nothing_else(self, place: lease.Place) -> None:
        place.swap(place.read(), A)
        before = place.read()
        assert place.swap(before, A)
        after = place.read()
        assert (after.holder, after.version == before.version) == (A, False)

    def test_who_comes_second_changes_nothing(self, place: lease.Place) -> None:
        free = place.read()
        assert place.swap(free, A)
        assert not place.swap(free, B)
        held = place.read()
        assert place.swap(held, A)
        assert not place.swap(held, None)
        assert place.read().holder == A

    def test_a_holder_is_replaced_and_the_place_freed(self, place: lease.Place) -> None:
        place.swap(place.read(), A)
        assert place.swap(place.read(), B)
        assert place.read().holder == B
        assert lease.free(place, "b")
        assert place.read().holder is None
        assert not lease.free(place, "b")

    def test_only_its_holder_renews_it(self, place: lease.Place) -> None:
        place.swap(place.read(), A)
        before = place.read()
        assert lease.renew(place, "b").identity == "a"
        assert place.read() == before
        assert lease.renew(place, "a").identity == "a"
        assert place.read() != before


class TestTheLease:
    def test_looks_as_kubernetes_has_it(self, api: LeaseApi, client: Client) -> None:
        place = lease.LeasePlace(client)
        place.swap(place.read(), A)
        assert api.lease
        first = api.lease["spec"]
        assert (first["holderIdentity"], first["leaseDurationSeconds"], first["leaseTransitions"]) == ("a", 15, 1)
        assert api.lease["metadata"]["annotations"]["kubewright.io/lock-user"] == "a's user"
        place.swap(place.read(), A)
        assert api.lease["spec"]["leaseTransitions"] == 1
        place.swap(place.read(), B)
        assert api.lease["spec"]["leaseTransitions"] == 2
        place.swap(place.read(), None)
        assert "holderIdentity" not in api.lease["spec"]
        assert "annotations" not in api.lease["metadata"]

    def test_a_refusal_that_is_no_conflict_is_an_error(self, api: LeaseApi, client: Client) -> None:
        place = lease.LeasePlace(client)
        seen = place.read()
        api.status = 403
        with pytest.raises(Exception, match="Broken"):
            place.swap(seen, A)


def test_a_damaged_file_is_an_error_that_names_it(system: System) -> None:
    write(system, lease.FILE, "{")
    with pytest.raises(NodeError, match="run-lock"):
        lease.FilePlace(system).read()


FREE, HELD, RENEWED, OTHER = Seen(None, "1"), Seen(A, "1"), Seen(A, "2"), Seen(person("c"), "1")


@pytest.mark.parametrize(
    ("wish", "first", "now", "waited", "verdict"),
    [
        (Wish(B), FREE, FREE, 0, Verdict.TAKE),
        (Wish(B, expected="1"), FREE, FREE, 0, Verdict.TAKE),
        (Wish(B, expected="0"), FREE, FREE, 0, Verdict.CHANGED),
        (Wish(A), HELD, HELD, 0, Verdict.OURS),
        (Wish(B), HELD, HELD, 0, Verdict.HELD),
        (Wish(B), HELD, HELD, 99, Verdict.HELD),
        (Wish(B, dead="a"), HELD, HELD, 0, Verdict.TAKE),
        (Wish(B, dead="c"), HELD, HELD, 0, Verdict.HELD),
        (Wish(B, dead="a", watch=True), OTHER, OTHER, 0, Verdict.WATCH),
        (Wish(B, watch=True), HELD, HELD, 0, Verdict.WATCH),
        (Wish(B, watch=True), HELD, HELD, 14.9, Verdict.WATCH),
        (Wish(B, watch=True), HELD, HELD, 15, Verdict.SILENT),
        (Wish(B, watch=True, expected="0"), HELD, HELD, 15, Verdict.SILENT),
        (Wish(B, watch=True, expected="1"), HELD, HELD, 15, Verdict.TAKE),
        (Wish(B, watch=True, expected="1"), HELD, RENEWED, 15, Verdict.HELD),
        (Wish(B, watch=True), HELD, RENEWED, 3, Verdict.HELD),
        (Wish(B, watch=True), HELD, OTHER, 3, Verdict.HELD),
        (Wish(B, watch=True), HELD, FREE, 3, Verdict.TAKE),
    ],
)
def test_the_rules(wish: Wish, first: Seen, now: Seen, waited: float, verdict: Verdict) -> None:
    assert lease.judge(wish, first, now, waited) is verdict


@dataclass
class Memory:
    """A place in memory."""

    seen: Seen = field(default_factory=lambda: Seen(None, ""))
    writes: int = 0

    def read(self) -> Seen:
        return self.seen

    def swap(self, seen: Seen, holder: dict[str, str] | None) -> bool:
        if seen != self.seen:
            return False
        self.writes += 1
        self.seen = Seen(holder, str(self.writes))
        return True


@dataclass
class Actor:
    """One who wants the lock, looks, and acts on what it saw later; it knows only its own clock."""

    name: str
    place: Memory
    first: Seen | None = None
    now: Seen | None = None
    since: float = 0.0
    believes: bool = False
    renewed: float = 0.0

    def look(self, time: float) -> None:
        seen = self.place.read()
        if self.first is None or self.first != seen:
            self.first, self.since = seen, time
        self.now = seen

    def decide(self, time: float) -> None:
        if self.first is None or self.now is None or self.believes:
            return
        wish = Wish(person(self.name), watch=True, expected=self.now.version)
        if lease.judge(wish, self.first, self.now, time - self.since) is Verdict.TAKE and self.place.swap(
            self.now, wish.holder
        ):
            self.believes, self.renewed = True, time

    def renew(self, time: float) -> None:
        if self.believes and lease.renew(self.place, self.name).identity == self.name:
            self.renewed = time
        else:
            self.believes = False

    def leave(self) -> None:
        if self.believes:
            lease.free(self.place, self.name)
            self.believes = False


ACTS = st.sampled_from(["look", "decide", "renew", "leave"])
STEPS = st.lists(st.tuples(st.integers(0, 2), ACTS, st.sampled_from([0.0, 1.0, 4.0, 9.0, 16.0])), max_size=60)


@given(STEPS)
def test_never_two_who_may_believe_to_have_it(steps: list[tuple[int, str, float]]) -> None:
    """Whoever believes to have the lock and renewed it within the last seconds is the only one."""
    place = Memory()
    actors = [Actor(name, place) for name in "abc"]
    time = 0.0
    for number, act, pause in steps:
        time += pause
        actor = actors[number]
        if act == "leave":
            actor.leave()
        else:
            getattr(actor, act)(time)
        sure = [each for each in actors if each.believes and time - each.renewed <= leasekeeping.OVERDUE_SECONDS]
        assert len(sure) <= 1
        assert all(place.seen.identity == each.name for each in sure)


@dataclass
class Others:
    """What others do while one sleeps, and the clock."""

    acts: dict[int, Callable[[], object]]
    time: float = 0.0
    slept: int = 0

    def clock(self) -> float:
        return self.time

    def sleep(self, seconds: float) -> None:
        self.time += seconds
        self.slept += 1
        self.acts.get(self.slept, lambda: None)()


class TestAcquire:
    def test_a_renewal_ends_the_wait(self) -> None:
        place = Memory(Seen(A, "0"))
        others = Others({6: lambda: lease.renew(place, "a")})
        answer = lease.acquire(place, Wish(B, watch=True), clock=others.clock, sleep=others.sleep)
        assert (answer.taken, answer.verdict, answer.holder, answer.waited) == (False, Verdict.HELD, A, 3.0)

    def test_silence_ends_it_too(self) -> None:
        place = Memory(Seen(A, "1"))
        others = Others({})
        answer = lease.acquire(place, Wish(B, watch=True, expected="1"), clock=others.clock, sleep=others.sleep)
        assert (answer.taken, answer.holder, answer.waited) == (True, A, lease.DURATION)
        assert place.seen.holder == B

    def test_a_silent_holder_that_worked_since_is_only_removed(self) -> None:
        place = Memory(Seen(A, "1"))
        others = Others({})
        answer = lease.acquire(place, Wish(B, watch=True, expected="0"), clock=others.clock, sleep=others.sleep)
        assert (answer.taken, answer.verdict, place.seen.holder) == (False, Verdict.SILENT, None)

    def test_of_two_who_see_it_free_one_has_it(self) -> None:
        place = Memory()
        swap = place.swap

        def first_another(seen: Seen, holder: dict[str, str] | None) -> bool:
            place.swap = swap  # type: ignore[method-assign]
            assert lease.acquire(place, Wish(A)).taken
            return swap(seen, holder)

        place.swap = first_another  # type: ignore[method-assign]
        answer = lease.acquire(place, Wish(B))
        assert (answer.verdict, answer.holder) == (Verdict.HELD, A)


class TestKeeping:
    """What the module does on a control plane."""

    def test_before_there_is_an_api_the_file_is_kept(self, system: System) -> None:
        assert leasekeeping.renew(system, "a") is Kept.LOST
        wanted = {"holder": A, "dead": "", "watch": False, "expected": None, "kind": "file"}
        assert leasekeeping.acquire(system, wanted)["taken"]
        assert leasekeeping.acquire(system, {**wanted, "holder": B})["holder"] == A
        assert leasekeeping.renew(system, "a") is Kept.HELD
        assert leasekeeping.renew(system, "b") is Kept.LOST

    def test_the_file_of_a_run_that_began_the_cluster_goes_with_its_lease(self, system: System, client: Client) -> None:
        lease.put(lease.FilePlace(system), A)
        lease.put(lease.LeasePlace(client), A)
        wanted = {"holder": B, "dead": "a", "watch": False, "expected": None, "kind": "lease"}
        assert leasekeeping.acquire(system, wanted)["taken"]
        assert lease.FilePlace(system).read().holder is None
        assert lease.LeasePlace(client).read().identity == "b"

    def test_the_file_of_somebody_else_is_left(self, system: System, client: Client) -> None:
        lease.put(lease.FilePlace(system), C)
        lease.put(lease.LeasePlace(client), A)
        wanted = {"holder": B, "dead": "a", "watch": False, "expected": None, "kind": "lease"}
        assert leasekeeping.acquire(system, wanted)["taken"]
        assert lease.FilePlace(system).read().identity == "c"

    @pytest.mark.parametrize(("holder", "removed"), [(A, False), (C, True), (None, False)])
    def test_a_host_that_joins_forgets_who_began_the_cluster_and_is_gone(
        self, system: System, holder: dict[str, str] | None, *, removed: bool
    ) -> None:
        place = lease.FilePlace(system)
        if holder is not None:
            lease.put(place, holder)
        assert lease.forget_file(system, A["id"]) is removed
        assert place.read().identity == ("" if removed or holder is None else A["id"])

    def test_the_lease_of_another_counts_more_than_the_own_file(self, system: System, client: Client) -> None:
        lease.put(lease.FilePlace(system), A)
        assert leasekeeping.renew(system, "a") is Kept.HELD
        lease.put(lease.LeasePlace(client), A)
        assert leasekeeping.renew(system, "a") is Kept.HELD
        lease.put(lease.LeasePlace(client), B)
        assert leasekeeping.renew(system, "a") is Kept.LOST

    def test_another_api_server_is_asked_while_the_own_one_is_away(
        self, system: System, client: Client, api: LeaseApi, pki: Pki
    ) -> None:
        lease.put(lease.LeasePlace(client), A)
        write(system, kubeconfig.ADMIN_CONF, kubeconfig_text(pki, "https://127.0.0.1:1"))
        assert leasekeeping.renew(system, "a", ["https://127.0.0.1:1"]) is Kept.UNSURE
        before = api.version
        assert leasekeeping.renew(system, "a", ["https://127.0.0.1:1", client.server]) is Kept.HELD
        assert api.version == before + 1
        assert leasekeeping.renew(system, "b", [client.server]) is Kept.LOST

    def test_an_api_that_does_not_answer_makes_unsure(self, system: System, client: Client, api: LeaseApi) -> None:
        lease.put(lease.LeasePlace(client), A)
        api.status = 500
        assert leasekeeping.renew(system, "a") is Kept.UNSURE
        others = Others({})
        kept = leasekeeping.keep(system, "a", tell=lambda: None, clock=others.clock, sleep=others.sleep)
        assert kept is Kept.UNSURE
        assert leasekeeping.OVERDUE_SECONDS < others.time < lease.DURATION

    def test_it_is_kept_until_it_is_broken(self, system: System, client: Client) -> None:
        place = lease.LeasePlace(client)
        lease.put(place, A)
        told: list[float] = []
        others = Others({5: lambda: lease.free(place, "a")})
        kept = leasekeeping.keep(
            system, "a", tell=lambda: told.append(others.time), clock=others.clock, sleep=others.sleep
        )
        assert (kept, len(told)) == (Kept.LOST, 5)

    def test_both_or_none(self, system: System, client: Client) -> None:
        """A run that outlives the cluster is kept out by either, and another's lock is never in between its own."""
        wanted = {"holder": B, "dead": "", "watch": False, "expected": None, "kind": "both"}
        file, place = lease.FilePlace(system), lease.LeasePlace(client)
        lease.put(place, A)
        assert leasekeeping.acquire(system, wanted)["holder"] == A
        assert (file.read().identity, place.read().identity) == ("", "a")
        lease.free(place, "a")
        lease.put(file, A)
        assert leasekeeping.acquire(system, wanted)["holder"] == A
        assert (file.read().identity, place.read().identity) == ("a", "")
        lease.free(file, "a")
        assert leasekeeping.acquire(system, wanted)["taken"]
        assert (file.read().identity, place.read().identity) == ("b", "b")

    def test_both_of_a_run_that_is_gone(self, system: System, client: Client) -> None:
        lease.put(lease.FilePlace(system), A)
        wanted = {"holder": B, "dead": "a", "watch": False, "expected": None, "kind": "both"}
        answer = leasekeeping.acquire(system, wanted)
        assert (answer["taken"], answer["holder"]) == (True, A)

    def test_an_api_that_is_silent_gives_the_file_back(
        self, system: System, client: Client, api: LeaseApi, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(leasekeeping, "_API_WAIT", 0)
        api.status = 500
        wanted = {"holder": B, "dead": "", "watch": False, "expected": None, "kind": "both"}
        with pytest.raises(ApiError):
            leasekeeping.acquire(system, wanted)
        assert lease.FilePlace(system).read().holder is None

    def test_the_file_is_kept_when_the_cluster_goes(self, system: System, client: Client, api: LeaseApi) -> None:
        wanted = {"holder": B, "dead": "", "watch": False, "expected": None, "kind": "both"}
        assert leasekeeping.acquire(system, wanted)["taken"]
        assert leasekeeping.renew(system, "b") is Kept.HELD
        api.status = 500
        assert leasekeeping.renew(system, "b") is Kept.HELD
        system.path(kubeconfig.ADMIN_CONF).unlink()
        assert leasekeeping.renew(system, "b") is Kept.HELD
        assert leasekeeping.release(system, "b")
        assert leasekeeping.renew(system, "b") is Kept.LOST

    def test_it_ends_when_nobody_reads(self, system: System, monkeypatch: pytest.MonkeyPatch) -> None:
        class Gone(io.StringIO):
            def flush(self) -> None:
                raise BrokenPipeError

        lease.put(lease.FilePlace(system), A)
        ended: list[int] = []

        def leave(status: int) -> None:
            ended.append(status)
            raise SystemExit(status)

        monkeypatch.setattr(os, "_exit", leave)
        monkeypatch.setattr(sys, "stdout", Gone())
        with pytest.raises(SystemExit):
            leasekeeping.keep(system, "a")
        assert ended == [0]

    def test_both_places_are_given_up(self, system: System, client: Client) -> None:
        lease.put(lease.FilePlace(system), A)
        lease.put(lease.LeasePlace(client), A)
        assert leasekeeping.show(system) == {"file": A, "lease": A, "silent": ""}
        assert leasekeeping.release(system, "a")
        assert (leasekeeping.show(system)["file"], leasekeeping.show(system)["lease"]) == (None, None)
        assert not leasekeeping.release(system, "a")

    def test_without_an_api_showing_says_so(self, system: System, client: Client, api: LeaseApi) -> None:
        api.status = 500
        assert leasekeeping.show(system)["silent"]


class TestRequire:
    def test_a_run_goes_on_only_while_it_holds_the_lock(self, system: System, client: Client) -> None:
        lease.require(system, client, "")
        with pytest.raises(NodeError, match="broken") as caught:
            lease.require(system, client, "a")
        assert caught.value.exit_code == LOCKED
        lease.put(lease.FilePlace(system), A)
        lease.require(system, client, "a")
        lease.put(lease.LeasePlace(client), B)
        with pytest.raises(NodeError, match="b's user on b's host"):
            lease.require(system, client, "a")
