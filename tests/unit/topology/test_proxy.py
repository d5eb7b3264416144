"""What is reached without the proxy does not depend on how many hosts there are."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from kubewright.topology import GroupNames, Topology, build, no_proxy
from kubewright.topology.proxy import environment, host_networks
from tests.unit.topology.helpers import NAMES, settings

PROXY = {"http_proxy": "http://proxy.example:3128"}


def listed(cluster: dict[str, Any] | None = None, **hosts: dict[str, Any]) -> tuple[str, ...]:
    found = settings(NAMES, {**PROXY, **(cluster or {})}, **hosts)
    return no_proxy(build(NAMES, found, {}), found.cluster)


def test_networks_and_domains_but_no_host() -> None:
    assert listed({"additional_no_proxy": "registry.example, .example.org"}) == (
        *("localhost", "127.0.0.1", "::1", "10.233.0.0/18", "10.233.64.0/18"),
        *("svc", "svc.cluster.local", ".cluster.local", "10.0.0.0/24", "registry.example", ".example.org"),
    )


def test_what_is_given_takes_the_place_of_the_list() -> None:
    assert listed({"no_proxy": "localhost,.example", "additional_no_proxy": "more"}) == ("localhost", ".example")


def test_a_wider_network_takes_the_place_of_the_hosts() -> None:
    made = listed({"additional_no_proxy": ["10.0.0.0/8"]})
    assert "10.0.0.0/24" not in made
    assert made[-1] == "10.0.0.0/8"


def test_workers_can_be_left_out() -> None:
    away = {"w1": {"ip": "192.0.2.4"}}
    assert "192.0.2.0/24" in listed(None, **away)
    assert "192.0.2.0/24" not in listed({"no_proxy_exclude_workers": True}, **away)


def test_the_load_balancer_of_the_api_is_reached_directly() -> None:
    balancer = {"loadbalancer_apiserver": {"address": "192.0.2.9"}, "apiserver_loadbalancer_domain_name": "api.example"}
    assert {"192.0.2.9", "api.example"} <= set(listed(balancer))


def test_without_a_proxy_there_is_no_environment() -> None:
    found = settings()
    assert environment(build(NAMES, found, {}), found.cluster) == {}


@given(st.integers(0, 120), st.integers(0, 120))
def test_hosts_that_come_and_go_within_a_network_change_nothing(before: int, after: int) -> None:
    assert host_networks(workers(before).hosts) == host_networks(workers(after).hosts) == ("10.0.0.0/24",)


def workers(number: int) -> Topology:
    names = GroupNames(("cp1",), tuple(f"w{index}" for index in range(number)))
    return build(names, settings(names), {})
