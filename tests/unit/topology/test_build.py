"""Addresses, roles and names, and every mistake told."""

from __future__ import annotations

import dataclasses
import json
from typing import Any

import pytest

from kubewright.errors import BadInputErrors
from kubewright.settings import Notice, Settings
from kubewright.topology import (
    Address,
    GroupNames,
    KnownAddresses,
    Role,
    Source,
    Stack,
    Topology,
    build,
    certificate_names,
    endpoint,
    missing,
)
from tests.unit.topology.helpers import NAMES, settings


def told(names: GroupNames, given: Settings, known: dict[str, KnownAddresses] | None = None) -> str:
    with pytest.raises(BadInputErrors) as caught:
        build(names, given, known or {})
    return str(caught.value)


def known_by(source: str, address: str) -> KnownAddresses:
    values: dict[str, Any] = {source: address}
    return KnownAddresses(**values)


class TestAddresses:
    @pytest.mark.parametrize(
        ("ip", "known", "expected"),
        [
            ("10.0.0.9", KnownAddresses("10.0.0.1", "10.0.0.2", "10.0.0.3", "10.0.0.4"), ("10.0.0.9", Source.IP)),
            (None, KnownAddresses("10.0.0.1", "10.0.0.2", "10.0.0.3", "10.0.0.4"), ("10.0.0.1", Source.NODE)),
            (None, KnownAddresses(None, "10.0.0.2", "10.0.0.3", "10.0.0.4"), ("10.0.0.2", Source.ETCD)),
            (None, KnownAddresses(None, None, "10.0.0.3", "10.0.0.4"), ("10.0.0.3", Source.CACHE)),
            (None, KnownAddresses(None, None, None, "10.0.0.4"), ("10.0.0.4", Source.GATHER)),
        ],
    )
    def test_sources_in_their_order(self, ip: str | None, known: KnownAddresses, expected: tuple[str, Source]) -> None:
        names = GroupNames(("cp1",))
        host = build(names, settings(names, cp1={"ip": ip}), {"cp1": known})["cp1"]
        assert (host.main_ip.value, host.main_ip.source) == expected
        assert (host.main_access_ip.value, host.main_access_ip.source) == (expected[0], Source.MAIN_IP)

    def test_access_ip_is_what_others_use(self) -> None:
        host = build(NAMES, settings(w1={"access_ip": "192.0.2.1"}), {})["w1"]
        assert (str(host.main_ip), str(host.main_access_ip)) == ("10.0.0.4", "192.0.2.1")
        assert host.main_access_ip.source is Source.ACCESS_IP

    def test_missing_are_those_that_nothing_gives(self) -> None:
        given = settings(w1={"ip": None}, w2={"ip": None})
        assert missing(NAMES, given, {}) == ("w1", "w2")
        assert missing(NAMES, given, {"w1": KnownAddresses(node="10.0.0.4")}) == ("w2",)

    def test_where_it_was_given_is_kept(self) -> None:
        assert build(NAMES, settings(), {})["cp2"].main_ip == Address("10.0.0.2", Source.IP, "hosts.ini:2")

    def test_a_cached_address_against_the_live_node_is_dropped_with_a_notice(self) -> None:
        given = settings(w1={"ip": None})
        topology = build(NAMES, given, {"w1": KnownAddresses(node="10.0.0.4", cached="127.0.0.1")})
        assert topology["w1"].main_ip.value == "10.0.0.4"
        assert [str(notice) for notice in topology.notices] == [
            "w1: the remembered address 127.0.0.1 is dropped: the live cluster says 10.0.0.4"
        ]

    def test_ip_against_the_live_node_is_told(self) -> None:
        (notice,) = build(NAMES, settings(), {"w1": KnownAddresses(node="10.0.0.40")}).notices
        assert str(notice) == "hosts.ini:4: ip is 10.0.0.4, and the live cluster has this host with 10.0.0.40"


class TestIpv6:
    """Addresses of one family or of both, as ``ipv4_stack`` and ``ipv6_stack`` say."""

    def test_both_families(self) -> None:
        names = GroupNames(("cp1",))
        given = settings(names, cp1={"ip6": "fd00::1", "access_ip": "192.0.2.1", "access_ip6": "2001:db8::1"})
        host = build(names, given, {}, stack=Stack(ipv4=True, ipv6=True))["cp1"]
        assert [str(address) for address in host.main_ips] == ["10.0.0.1", "fd00::1"]
        assert [str(address) for address in host.main_access_ips] == ["192.0.2.1", "2001:db8::1"]
        assert (str(host.main_ip), str(host.main_access_ip)) == ("10.0.0.1", "192.0.2.1")

    def test_ipv6_only(self) -> None:
        names = GroupNames(("cp1",))
        host = build(names, settings(names, cp1={"ip6": "fd00::1"}), {}, stack=Stack(ipv4=False, ipv6=True))["cp1"]
        assert (str(host.main_ip), str(host.main_access_ip), host.second_ip) == ("fd00::1", "fd00::1", None)

    def test_a_family_that_nothing_gives_is_named(self) -> None:
        names = GroupNames(("cp1",))
        with pytest.raises(BadInputErrors) as caught:
            build(names, settings(names), {}, stack=Stack(ipv4=True, ipv6=True))
        assert "Set ip6 for cp1" in str(caught.value)
        assert missing(names, settings(names), {}, Stack(ipv4=True, ipv6=True)) == ("cp1",)

    def test_the_order_of_sources_is_that_of_ipv4(self) -> None:
        names = GroupNames(("cp1",))
        known = KnownAddresses(node6="fd00::2", cached6="fd00::3", gathered6="fd00::4")
        host = build(names, settings(names), {"cp1": known}, stack=Stack(ipv4=False, ipv6=True))["cp1"]
        assert (str(host.main_ip), host.main_ip.source) == ("fd00::2", Source.NODE)

    @pytest.mark.parametrize("address", ["::1", "::", "fe80::1", "ff02::1", "10.0.0.1", "::ffff:10.0.0.1"])
    def test_what_others_cannot_reach_is_refused(self, address: str) -> None:
        names = GroupNames(("cp1",))
        with pytest.raises(BadInputErrors) as caught:
            build(names, settings(names), {"cp1": KnownAddresses(node6=address)}, stack=Stack(ipv4=False, ipv6=True))
        assert "Set ip6 to an IPv6 address" in str(caught.value)


class TestRoles:
    def test_control_planes_are_etcd_members_named_after_their_node(self) -> None:
        host = build(NAMES, settings(cp1={"kube_override_hostname": "first"}), {})["cp1"]
        assert host.roles == {Role.CONTROL_PLANE, Role.ETCD}
        assert (host.node_name, host.etcd_member_name) == ("first", "first")

    def test_a_control_plane_can_be_a_worker(self) -> None:
        names = GroupNames(("cp1",), ("cp1", "w1"), ("cp1",))
        topology = build(names, settings(names), {})
        assert topology["cp1"].roles == {Role.CONTROL_PLANE, Role.WORKER, Role.ETCD}
        assert [host.name for host in topology.workers] == ["w1"]
        assert topology["w1"].etcd_member_name is None

    def test_order_is_the_inventorys(self) -> None:
        names = GroupNames(("b", "a", "c"), ("z", "y"))
        assert [host.name for host in build(names, settings(names), {}).hosts] == ["b", "a", "c", "z", "y"]

    def test_an_even_number_is_a_notice_where_etcd_exists(self) -> None:
        names = GroupNames(("cp1", "cp2"))
        (notice,) = build(names, settings(names), {}, existing_etcd=True).notices
        assert "2 members tolerate 0 failures" in str(notice)


class TestErrors:
    @pytest.mark.parametrize(
        ("names", "expected"),
        [
            (GroupNames((), ("w1",)), "kube_control_plane: the group is missing or empty"),
            (GroupNames(("cp1", "cp2"), ()), "an odd number. Use 1 or 3 control planes"),
            (GroupNames(("cp1", "cp2", "cp3", "cp4"), ()), "Use 3 or 5 control planes"),
            (GroupNames(("cp1",), ("w1",), ("w1",)), "only in etcd: w1; only in kube_control_plane: cp1"),
            (GroupNames(("cp1",), ("w1",), ("cp1", "e1")), "only in etcd: e1"),
            (GroupNames(("Cp1",)), "the host name 'Cp1' is no DNS name"),
            (GroupNames(("cp_1",)), "the host name 'cp_1' is no DNS name"),
            (GroupNames(("-cp",)), "the host name '-cp' is no DNS name"),
            (GroupNames(("a" * 64,)), "is no DNS name"),
        ],
    )
    def test_groups_and_names(self, names: GroupNames, expected: str) -> None:
        assert expected in told(names, settings(names))

    def test_both_groups_empty(self) -> None:
        assert "kube_node: the group is missing or empty" in told(GroupNames(()), settings(GroupNames(())))

    def test_dotted_names_are_names(self) -> None:
        names = GroupNames(("cp1.example.org",))
        assert build(names, settings(names), {})

    @pytest.mark.parametrize(
        ("hosts", "expected"),
        [
            ({"w1": {"ip": "10.0.0.1"}}, "hosts.ini:4: cp1 and w1 have the same address 10.0.0.1"),
            ({"w1": {"access_ip": "10.0.0.1"}}, "cp1 and w1 have the same address 10.0.0.1"),
            ({"w1": {"ip": "127.0.0.1"}}, "hosts.ini:4: ip of w1 is 127.0.0.1, a loopback address"),
            ({"w1": {"ip": "127.9.0.1"}}, "a loopback address"),
            ({"w1": {"ip": "0.0.0.0"}}, "the unspecified address"),
            ({"w1": {"ip": "169.254.1.1"}}, "a link-local address"),
            ({"w1": {"ip": "224.0.0.1"}}, "a multicast address"),
            ({"w1": {"ip": "255.255.255.255"}}, "the broadcast address"),
            ({"w1": {"access_ip": "127.0.0.1"}}, "w1: access_ip of w1 is 127.0.0.1, a loopback address"),
            ({"w1": {"ip": "10.233.64.7"}}, "is inside kube_pods_subnet 10.233.64.0/18"),
            ({"w1": {"ip": "10.233.0.7"}}, "is inside kube_service_addresses 10.233.0.0/18"),
            ({"w1": {"access_ip": "10.233.0.7"}}, "the address 10.233.0.7 of w1 (access_ip) is inside"),
            ({"w1": {"kube_override_hostname": "W_1"}}, "kube_override_hostname 'W_1' is no DNS name"),
            ({"w1": {"kube_override_hostname": "w2"}}, "the hosts w1 and w2 have the same Node name w2"),
            ({"w1": {"ip": None}}, "w1: its main_ip is not known: ip is not set"),
        ],
    )
    def test_hosts(self, hosts: dict[str, dict[str, Any]], expected: str) -> None:
        text = told(NAMES, settings(NAMES, None, **hosts))
        assert expected in text
        assert len(text.splitlines()) == 1

    @pytest.mark.parametrize("address", ["127.0.0.1", "127.0.1.1", "fd00::1", "nonsense", "0.0.0.0"])
    @pytest.mark.parametrize("source", ["node", "etcd", "cached", "gathered"])
    def test_no_source_gives_an_address_that_others_cannot_reach(self, address: str, source: str) -> None:
        text = told(NAMES, settings(w1={"ip": None}), {"w1": known_by(source, address)})
        assert text.startswith("w1: main_ip of w1")
        assert "Set ip to an IPv4 address" in text

    def test_the_remedy_names_the_variable(self) -> None:
        assert "Set ip for w1 in the inventory" in told(NAMES, settings(w1={"ip": None}))

    def test_a_host_without_role(self) -> None:
        text = told(NAMES, settings(dataclasses.replace(NAMES, worker=("w1", "w2", "lonely"))))
        assert text.startswith("lonely: is in k8s_cluster and in no role")

    def test_a_host_that_the_inventory_lacks(self) -> None:
        assert "w9: is in a group" in told(dataclasses.replace(NAMES, worker=("w1", "w2", "w9")), settings())

    def test_everything_is_told_in_one_pass(self) -> None:
        names = GroupNames(("cp1", "cp2"), ("w_1", "w2"))
        text = told(names, settings(names, cp1={"ip": "127.0.0.1"}, w2={"ip": "10.233.64.7"}))
        assert len(text.splitlines()) == 4


class TestEndpoint:
    def test_local_by_default(self) -> None:
        found = endpoint(settings(cluster={"kube_apiserver_port": 7443}))
        assert (str(found), found.local) == ("127.0.0.1:7443", True)

    def test_external(self) -> None:
        balancer = {"loadbalancer_apiserver": {"address": "192.0.2.9", "port": 8443}}
        assert str(endpoint(settings(cluster=balancer))) == "192.0.2.9:8443"
        named = endpoint(settings(cluster={**balancer, "apiserver_loadbalancer_domain_name": "api.example"}))
        assert (named.url, named.local) == ("https://api.example:8443", False)


class TestNames:
    def test_certificates_hold_every_way_to_every_control_plane(self) -> None:
        given = settings(
            cluster={
                "loadbalancer_apiserver": {"address": "192.0.2.9"},
                "apiserver_loadbalancer_domain_name": "api.example",
                "supplementary_addresses_in_ssl_keys": ["extra.example", "cp1"],
            },
            cp1={"access_ip": "192.0.2.1", "ansible_host": "cp1.ssh.example"},
            cp2={"ansible_host": "not_a_name"},
        )
        names = certificate_names(build(NAMES, given, {}), given.cluster)
        assert names == tuple(sorted(set(names)))
        assert set(names) == {
            *("localhost", "127.0.0.1", "::1"),
            *("cp1", "cp1.cluster.local", "10.0.0.1", "192.0.2.1", "cp1.ssh.example"),
            *("cp2", "cp2.cluster.local", "10.0.0.2", "cp3", "cp3.cluster.local", "10.0.0.3"),
            *("192.0.2.9", "api.example", "extra.example"),
        }


def test_a_topology_is_the_same_after_it_was_written() -> None:
    names = GroupNames(("cp1",), ("w1",))
    press = {"access_ip": "192.0.2.7", "ip6": "fd00::7", "kube_override_hostname": "press"}
    hosts: dict[str, Any] = {"w1": press, "cp1": {"ip6": "fd00::1"}}
    built = build(names, settings(names, **hosts), {}, stack=Stack(ipv4=True, ipv6=True))
    assert any(host.second_ip for host in built.hosts)
    built = dataclasses.replace(built, notices=(Notice("w1", "is told something"),))
    assert Topology.from_json(json.loads(json.dumps(built.to_json()))) == built
