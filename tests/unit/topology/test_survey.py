"""Every host with every value and its origin, whatever is missing."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from kubewright.errors import BadInputError, BadInputErrors
from kubewright.topology import VARIABLES, GroupNames, KnownAddresses, Source, Stack, Survey, read_settings, survey
from kubewright.topology.addresses import resolve
from kubewright.topology.build import known_hosts
from tests.unit.topology.helpers import NAMES, settings

BOTH = Stack(ipv4=True, ipv6=True)


def told(known: dict[str, KnownAddresses] | None = None, stack: Stack | None = None, **hosts: Any) -> Survey:
    return survey(NAMES, settings(NAMES, None, **hosts), known or {}, stack or Stack())


class TestSurvey:
    def test_every_host_has_every_variable(self) -> None:
        found = told(w1={"ip": None})
        assert set(found.facts) == set(NAMES.all)
        assert all(facts.keys() == VARIABLES.keys() for facts in found.facts.values())
        assert (found.missing, found.errors) == (("w1",), ())

    def test_a_host_without_address_has_a_remedy_and_what_was_tried(self) -> None:
        fact = told(w1={"ip": None}).facts["w1"]["main_access_ip"]
        assert fact.value is None
        assert [each.source for each in fact.tried] == [Source.ACCESS_IP, *(s for s in Source if s in _ASKED)]
        assert fact.remedy == "Set ip for w1 in the inventory, or make the host reachable"

    def test_what_others_use_is_known_by_itself(self) -> None:
        found = told(w1={"ip": None, "access_ip": "198.51.100.4"})
        assert found.facts["w1"]["main_access_ip"].value == "198.51.100.4"
        assert found.facts["w1"]["main_access_ips"].value == ("198.51.100.4",)
        assert found.facts["w1"]["main_ip"].value is None
        assert (found.missing, found.errors) == (("w1",), ())

    def test_addresses_of_a_family_stay_together(self) -> None:
        found = told(None, BOTH, w1={"ip": None, "access_ip": "198.51.100.4", "ip6": "fd00::4"})
        assert found.facts["w1"]["main_access_ips"].value == ("198.51.100.4", "fd00::4")
        assert found.facts["w1"]["main_ips"].value is None
        cluster = settings(NAMES, None, w1={"ip": None, "access_ip": "198.51.100.4", "ip6": "fd00::4"})
        (host,) = known_hosts(NAMES, cluster, {"w1": resolve("w1", cluster, KnownAddresses(), BOTH)})
        assert (host.main_ip.value, host.main_access_ip.value, host.second_ip) == ("fd00::4", "fd00::4", None)

    def test_an_address_of_no_use_is_an_error_also_where_the_other_is_missing(self) -> None:
        (error,) = told(w1={"ip": None, "access_ip": "127.0.0.1"}).errors
        assert "a loopback address" in error.cause

    def test_what_comes_after_the_source_that_gave_it_is_not_told(self) -> None:
        fact = told({"w1": KnownAddresses(node="10.0.0.4", cached="10.0.0.5")}, w1={"ip": None}).facts["w1"]["main_ip"]
        assert (fact.value, fact.origin) == ("10.0.0.4", "node: InternalIP of its Node")
        assert [each.value for each in fact.tried] == [None, "10.0.0.4"]

    def test_why_a_source_is_silent(self) -> None:
        known = KnownAddresses(silent={Source.CACHE: "too old"})
        tried = told({"w1": known}, w1={"ip": None}).facts["w1"]["main_ip"].tried
        assert "too old" in [each.detail for each in tried]

    def test_both_families(self) -> None:
        found = told(None, BOTH, cp1={"ip6": "fd00::1"}).facts["cp1"]
        assert found["main_ips"].value == ("10.0.0.1", "fd00::1")
        assert found["main_ip"].value == "10.0.0.1"

    def test_one_family_of_both_is_not_enough(self) -> None:
        found = told(None, BOTH)
        assert set(found.missing) == set(NAMES.all)
        fact = found.facts["cp1"]["main_ips"]
        assert (fact.value, "Set ip6 for cp1" in fact.remedy) == (None, True)
        assert found.facts["cp1"]["main_ip"].value == "10.0.0.1"

    def test_ipv6_only(self) -> None:
        found = told(None, Stack(ipv4=False, ipv6=True), cp1={"ip6": "fd00::1"}).facts
        assert found["cp1"]["main_ip"].value == "fd00::1"
        assert found["cp1"]["api_address"].value == "[fd00::1]:6443"
        assert found["cp2"]["main_ip"].value is None

    def test_names_and_ways(self) -> None:
        facts = told(cp1={"kube_override_hostname": "first", "ansible_host": "cp1.example"}).facts["cp1"]
        shown = {name: facts[name].value for name in ("node_name", "etcd_member_name", "ssh_address", "api_address")}
        assert shown == {
            "node_name": "first",
            "etcd_member_name": "first",
            "ssh_address": "cp1.example",
            "api_address": "10.0.0.1:6443",
        }
        assert "cp1.example" in (facts["certificate_names"].value or ())

    def test_a_worker_has_no_member_and_no_certificate(self) -> None:
        facts = told().facts["w1"]
        assert (facts["etcd_member_name"].value, facts["certificate_names"].value) == (None, ())
        assert facts["roles"].value == ("worker",)

    def test_what_is_wrong_is_told_and_nothing_raised(self) -> None:
        found = told(w1={"ip": "127.0.0.1"}, w2={"ip": "10.0.0.1"})
        assert {error.subject for error in found.errors} == {"hosts.ini:4", "hosts.ini:5"}

    def test_etcd_on_hosts_of_its_own(self) -> None:
        names = dataclasses.replace(NAMES, etcd=("e1",))
        found = survey(names, settings(names), {}, Stack())
        assert found.facts["e1"]["roles"].value == ("etcd",)
        assert found.facts["cp1"]["roles"].value == ("control-plane",)
        assert [error.subject for error in found.errors] == ["etcd"]


_ASKED = (Source.IP, Source.NODE, Source.ETCD, Source.CACHE, Source.GATHER)


@dataclasses.dataclass(frozen=True)
class GivenHost:
    variables: dict[str, Any]

    @property
    def variable_names(self) -> frozenset[str]:
        return frozenset(self.variables)

    def origin(self, name: str) -> str:
        return f"hosts.ini:{name}"


class TestReading:
    """Settings that the topology does not depend on are not judged."""

    def test_what_is_not_supported_yet_does_not_matter(self) -> None:
        given = GivenHost({"ip": "10.0.0.1", "kube_network_plugin": "calico", "kube_encrypt_secret_data": True})
        found, stack = read_settings({"cp1": given})
        assert (found.hosts["cp1"].ip, stack) == ("10.0.0.1", Stack())

    def test_an_address_that_is_none_is_an_error(self) -> None:
        with pytest.raises(BadInputErrors, match=r"hosts\.ini:ip: ip is 'x'"):
            read_settings({"cp1": GivenHost({"ip": "x"})})

    @pytest.mark.parametrize(
        ("variables", "expected"),
        [
            ({"ipv6_stack": True}, BOTH),
            ({"enable_dual_stack_networks": "true"}, BOTH),
            ({"ipv6_stack": False, "enable_dual_stack_networks": True}, Stack()),
            ({"ipv6_stack": "yes", "ipv4_stack": "no"}, Stack(ipv4=False, ipv6=True)),
        ],
    )
    def test_families(self, variables: dict[str, Any], expected: Stack) -> None:
        assert read_settings({"cp1": GivenHost(variables)})[1] == expected

    @pytest.mark.parametrize("variables", [{"ipv4_stack": False}, {"ipv6_stack": "perhaps"}])
    def test_families_that_cannot_be(self, variables: dict[str, Any]) -> None:
        with pytest.raises(BadInputError):
            read_settings({"cp1": GivenHost(variables)})


def test_names_of_groups_that_are_empty() -> None:
    found = survey(GroupNames(()), settings(GroupNames(())), {}, Stack())
    assert not found.facts
    assert {error.subject for error in found.errors} == {"kube_control_plane", "kube_node"}
