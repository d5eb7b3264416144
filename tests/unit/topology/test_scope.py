"""A value about a host never depends on the limit, on who is reachable, or on the cache."""

from __future__ import annotations

import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kubewright.errors import BadInputError, BadInputErrors
from kubewright.settings import ClusterSettings, HostSettings, Settings
from kubewright.topology import GroupNames, Host, KnownAddresses, build, missing

_CLUSTER = ClusterSettings(kube_network_plugin="flannel", kube_proxy_mode="iptables", etcd_deployment_type="kubeadm")


@dataclasses.dataclass(frozen=True)
class World:
    """An inventory, and the truth about each host's address."""

    names: GroupNames
    settings: Settings
    truth: dict[str, str]
    in_cluster: frozenset[str]

    def known(self, *, cached: frozenset[str], reachable: frozenset[str]) -> dict[str, KnownAddresses]:
        """Return what a run knows: the live cluster's Nodes, and for the rest what is asked from hosts it lacks."""
        known = {name: KnownAddresses(node=self.truth[name]) for name in self.in_cluster}
        for name in cached:
            known[name] = dataclasses.replace(known.get(name, KnownAddresses()), cached=self.truth[name])
        for name in missing(self.names, self.settings, known):
            if name in reachable:
                known[name] = dataclasses.replace(known.get(name, KnownAddresses()), gathered=self.truth[name])
        return known


@st.composite
def worlds(draw: st.DrawFn) -> World:
    control_planes = draw(st.sampled_from([1, 3, 5]))
    workers = draw(st.integers(0, 6))
    names = GroupNames(
        tuple(f"cp{number}" for number in range(control_planes)), tuple(f"w{number}" for number in range(workers))
    )
    numbers = draw(st.permutations(range(1, 60)))
    truth = {name: f"10.0.0.{number}" for name, number in zip(names.all, numbers, strict=False)}
    with_ip = draw(st.frozensets(st.sampled_from(names.all)))
    with_access_ip = draw(st.frozensets(st.sampled_from(names.all)))
    hosts = {
        name: HostSettings(
            ip=address if name in with_ip else None,
            access_ip=address.replace("10.0.0.", "192.0.2.") if name in with_access_ip else None,
        )
        for name, address in truth.items()
    }
    return World(names, Settings(_CLUSTER, hosts), truth, draw(st.frozensets(st.sampled_from(names.all))))


def values(host: Host) -> tuple[str, str, str]:
    return str(host.main_ip), str(host.main_access_ip), host.node_name


def errors_of(world: World, known: dict[str, KnownAddresses]) -> tuple[BadInputError, ...]:
    with pytest.raises(BadInputErrors) as caught:
        build(world.names, world.settings, known)
    return caught.value.errors


@given(worlds(), st.data())
def test_values_are_the_same_whoever_is_reachable_and_cached(world: World, data: st.DataObject) -> None:
    subsets = st.frozensets(st.sampled_from(world.names.all))
    everyone = frozenset(world.names.all)
    full = build(world.names, world.settings, world.known(cached=frozenset(), reachable=everyone))
    known = world.known(cached=data.draw(subsets), reachable=data.draw(subsets))
    unknown = missing(world.names, world.settings, known)
    if unknown:
        errors = errors_of(world, known)
        assert [problem.subject for problem in errors] == list(unknown)
        assert all(f"Set ip for {name}" in problem.remedy for name, problem in zip(unknown, errors, strict=True))
        return
    partial = build(world.names, world.settings, known)
    assert [values(host) for host in partial.hosts] == [values(host) for host in full.hosts]
    assert partial.notices == ()


@given(worlds(), st.data())
def test_a_false_cache_never_overrides_the_inventory_or_the_live_node(world: World, data: st.DataObject) -> None:
    false = st.ip_addresses(v=4).map(str)
    sure = [name for name in world.names.all if world.settings.hosts[name].ip or name in world.in_cluster]
    everyone = frozenset(world.names.all)
    known = world.known(cached=frozenset(), reachable=everyone)
    honest = build(world.names, world.settings, known)
    for name in sure:
        known[name] = dataclasses.replace(known.get(name, KnownAddresses()), cached=data.draw(false))
    lied = build(world.names, world.settings, known)
    assert [values(host) for host in lied.hosts] == [values(host) for host in honest.hosts]


@given(worlds(), st.data())
def test_losing_one_hosts_facts_changes_no_other_host(world: World, data: st.DataObject) -> None:
    everyone = frozenset(world.names.all)
    known = world.known(cached=everyone, reachable=everyone)
    full = build(world.names, world.settings, known)
    lost = data.draw(st.sampled_from(world.names.all))
    rest = {name: facts for name, facts in known.items() if name != lost}
    if missing(world.names, world.settings, rest):
        assert [problem.subject for problem in errors_of(world, rest)] == [lost]
        return
    after = build(world.names, world.settings, rest)
    assert [values(host) for host in after.hosts] == [values(host) for host in full.hosts]


@given(worlds(), st.data())
def test_a_host_more_changes_no_other_host(world: World, data: st.DataObject) -> None:
    everyone = frozenset(world.names.all)
    known = world.known(cached=frozenset(), reachable=everyone)
    before = build(world.names, world.settings, known)
    names = dataclasses.replace(world.names, worker=(*world.names.worker, "new"))
    hosts = {**world.settings.hosts, "new": HostSettings(ip="10.0.0.99")}
    after = build(names, dataclasses.replace(world.settings, hosts=hosts), known)
    assert after.hosts[: len(before.hosts)] == before.hosts
