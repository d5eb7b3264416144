"""A value about a host never depends on the limit, on who is reachable, or on the cache."""

from __future__ import annotations

import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kubewright.errors import BadInputError, BadInputErrors
from kubewright.settings import ClusterSettings, HostSettings, Settings
from kubewright.topology import GroupNames, Host, KnownAddresses, Stack, Topology, build, missing, no_proxy, survey

_CLUSTER = ClusterSettings(kube_network_plugin="flannel", kube_proxy_mode="iptables", etcd_deployment_type="kubeadm")
_STACKS = (Stack(), Stack(ipv4=True, ipv6=True), Stack(ipv4=False, ipv6=True))
_SLOTS = {4: ("node", "cached", "gathered"), 6: ("node6", "cached6", "gathered6")}


@dataclasses.dataclass(frozen=True)
class World:
    """An inventory, and the truth about each host's addresses, of both families."""

    names: GroupNames
    settings: Settings
    stack: Stack
    truth: dict[str, dict[int, str]]
    in_cluster: frozenset[str]

    def known(self, *, cached: frozenset[str], reachable: frozenset[str]) -> dict[str, KnownAddresses]:
        """Return what a run knows: the live cluster's Nodes, and for the rest what is asked from hosts it lacks."""
        known: dict[str, KnownAddresses] = {}
        for name in self.in_cluster:
            self._learn(known, name, 0)
        for name in cached:
            self._learn(known, name, 1)
        for name in missing(self.names, self.settings, known, self.stack):
            if name in reachable:
                self._learn(known, name, 2)
        return known

    def _learn(self, known: dict[str, KnownAddresses], name: str, slot: int) -> None:
        values = {_SLOTS[family][slot]: address for family, address in self.truth[name].items()}
        known[name] = dataclasses.replace(known.get(name, KnownAddresses()), **values)  # type: ignore[arg-type]

    def build(self, known: dict[str, KnownAddresses]) -> Topology:
        return build(self.names, self.settings, known, stack=self.stack)

    def missing(self, known: dict[str, KnownAddresses]) -> tuple[str, ...]:
        return missing(self.names, self.settings, known, self.stack)


@st.composite
def worlds(draw: st.DrawFn) -> World:
    control_planes = draw(st.sampled_from([1, 3, 5]))
    workers = draw(st.integers(0, 6))
    names = GroupNames(
        tuple(f"cp{number}" for number in range(control_planes)), tuple(f"w{number}" for number in range(workers))
    )
    numbers = draw(st.permutations(range(1, 60)))
    truth = {
        name: {4: f"10.0.0.{number}", 6: f"fd00::{number}"} for name, number in zip(names.all, numbers, strict=False)
    }
    given_to = {name: draw(st.frozensets(st.sampled_from(names.all))) for name in ("ip", "access", "ip6", "access6")}
    hosts = {
        name: HostSettings(
            ip=addresses[4] if name in given_to["ip"] else None,
            access_ip=addresses[4].replace("10.0.0.", "192.0.2.") if name in given_to["access"] else None,
            ip6=addresses[6] if name in given_to["ip6"] else None,
            access_ip6=addresses[6].replace("fd00", "2001:db8") if name in given_to["access6"] else None,
        )
        for name, addresses in truth.items()
    }
    in_cluster = draw(st.frozensets(st.sampled_from(names.all)))
    return World(names, Settings(_CLUSTER, hosts), draw(st.sampled_from(_STACKS)), truth, in_cluster)


def values(host: Host) -> tuple[object, ...]:
    lists = (tuple(map(str, host.main_ips)), tuple(map(str, host.main_access_ips)))
    return (str(host.main_ip), str(host.main_access_ip), *lists, host.node_name, host.roles, host.etcd_member_name)


def everything(topology: Topology) -> tuple[object, ...]:
    return (*(values(host) for host in topology.hosts), no_proxy(topology, _CLUSTER), topology.endpoint)


def errors_of(world: World, known: dict[str, KnownAddresses]) -> tuple[BadInputError, ...]:
    with pytest.raises(BadInputErrors) as caught:
        world.build(known)
    return caught.value.errors


@given(worlds(), st.data())
def test_values_are_the_same_whoever_is_reachable_and_cached(world: World, data: st.DataObject) -> None:
    """No limit and no play comes into it: a topology is always that of the whole inventory."""
    subsets = st.frozensets(st.sampled_from(world.names.all))
    full = world.build(world.known(cached=frozenset(), reachable=frozenset(world.names.all)))
    known = world.known(cached=data.draw(subsets), reachable=data.draw(subsets))
    unknown = world.missing(known)
    if unknown:
        errors = errors_of(world, known)
        assert list(dict.fromkeys(problem.subject for problem in errors)) == list(unknown)
        assert all(problem.remedy.startswith("Set ip") for problem in errors)
        assert all(f" for {problem.subject} in the inventory" in problem.remedy for problem in errors)
        return
    partial = world.build(known)
    assert everything(partial) == everything(full)
    assert partial.notices == ()


@given(worlds(), st.data())
def test_what_is_told_of_a_host_is_what_is_built(world: World, data: st.DataObject) -> None:
    subsets = st.frozensets(st.sampled_from(world.names.all))
    known = world.known(cached=data.draw(subsets), reachable=data.draw(subsets))
    told = survey(world.names, world.settings, known, world.stack)
    assert told.missing == world.missing(known)
    if told.missing:
        assert all(told.facts[name]["main_ips"].remedy for name in told.missing)
        return
    for host in world.build(known).hosts:
        facts = told.facts[host.name]
        assert (facts["main_ip"].value, facts["main_access_ip"].value) == (str(host.main_ip), str(host.main_access_ip))
        assert facts["main_ips"].value == tuple(map(str, host.main_ips))
        assert facts["main_access_ips"].value == tuple(map(str, host.main_access_ips))


@given(worlds(), st.data())
def test_a_false_cache_never_overrides_the_inventory_or_the_live_node(world: World, data: st.DataObject) -> None:
    false = {4: st.ip_addresses(v=4).map(str), 6: st.ip_addresses(v=6).map(str)}
    known = world.known(cached=frozenset(), reachable=frozenset(world.names.all))
    honest = world.build(known)
    for name in world.names.all:
        host = world.settings.hosts[name]
        for family, given_address in ((4, host.ip), (6, host.ip6)):
            if given_address or name in world.in_cluster:
                lie = {_SLOTS[family][1]: data.draw(false[family])}
                known[name] = dataclasses.replace(known.get(name, KnownAddresses()), **lie)  # type: ignore[arg-type]
    assert everything(world.build(known)) == everything(honest)


@given(worlds(), st.data())
def test_losing_one_hosts_facts_changes_no_other_host(world: World, data: st.DataObject) -> None:
    everyone = frozenset(world.names.all)
    known = world.known(cached=everyone, reachable=everyone)
    full = world.build(known)
    lost = data.draw(st.sampled_from(world.names.all))
    rest = {name: facts for name, facts in known.items() if name != lost}
    if world.missing(rest):
        assert {problem.subject for problem in errors_of(world, rest)} == {lost}
        return
    assert everything(world.build(rest)) == everything(full)


@given(worlds())
def test_a_host_more_changes_no_other_host(world: World) -> None:
    known = world.known(cached=frozenset(), reachable=frozenset(world.names.all))
    before = world.build(known)
    names = dataclasses.replace(world.names, worker=(*world.names.worker, "new"))
    hosts = {**world.settings.hosts, "new": HostSettings(ip="10.0.0.99", ip6="fd00::99")}
    settings = dataclasses.replace(world.settings, hosts=hosts)
    after = build(names, settings, known, stack=world.stack)
    assert after.hosts[: len(before.hosts)] == before.hosts
    assert no_proxy(after, _CLUSTER) == no_proxy(before, _CLUSTER)
